"""One call of a layer with weights, and where a tensor comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch.utils.hooks import RemovableHandle

from ...linalg.statistics import Moments
from ...theory.activation import activation
from .nonlinearity import Nonlinearity

__all__ = ["Call", "Stage", "Tag"]

Stage: TypeAlias = Literal["input", "output", "sum", "activation"]

_LINEAR = Nonlinearity("linear", activation("linear"))


@dataclass(eq=False)
class Call:
    """One call of a layer with weights.

    Parameters
    ----------
    name : str
        The module's.
    index : int
        Which of all calls it is.
    module : torch.nn.Module
    weights : list of Tensor
        Its parameters of two dimensions or more.
    inputs, units : int
        Numbers that make one of its outputs; its outputs or channels.
    axis : int
        Of the units, in what it made.
    before : Tag or None
        What its input is.
    entering : Moments or None
        Of its input; None of ids.
    nonlinearity : Nonlinearity
    norm : str or None
    skips : bool
        Whether something was added before the activation.
    moments : dict of str to Moments
        By kind.
    handle : RemovableHandle or None
        Of the hook that counts the gradient.
    """

    name: str
    index: int
    module: torch.nn.Module
    weights: list[torch.Tensor]
    inputs: int
    units: int
    axis: int
    before: Tag | None
    entering: Moments | None
    nonlinearity: Nonlinearity = _LINEAR
    norm: str | None = None
    skips: bool = False
    moments: dict[str, Moments] = field(default_factory=dict)
    handle: RemovableHandle | None = None


@dataclass(frozen=True)
class Tag:
    """Where a tensor comes from: its layer call, the stage there, whether it is exact, and its version.

    It is exact where only its shape has changed since that stage.

    Where axes were turned, units lie along another axis than the call's.
    """

    call: Call | None
    stage: Stage
    is_exact: bool
    version: int
    is_turned: bool = False

    @property
    def is_open(self) -> bool:
        """Whether an activation may follow."""
        return self.call is not None and self.stage in ("output", "sum") and self.call.nonlinearity is _LINEAR
