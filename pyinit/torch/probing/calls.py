"""One call of a layer with weights, and the origin of a tensor."""

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
        The module's name.
    index : int
        The position among all calls.
    module : torch.nn.Module
    weights : list of Tensor
        The module's parameters of two dimensions or more.
    inputs, units : int
        The number of inputs of one output; the number of outputs or channels.
    axis : int
        The output's axis along which the units lie.
    before : Tag or None
        The origin of the input.
    entering : float or None
        The mean square of the input of few units, nan for many; None if the input is ids.
    nonlinearity : Nonlinearity
    norm : str or None
    skips : bool
        Whether something was added before the activation.
    goes_back : bool
        Whether autograd recorded the pre-activation.
    moments : dict of str to Moments
        Moments of the other tensors, by kind.
    handle : RemovableHandle or None
        The hook that takes the moments of the gradient.
    """

    name: str
    index: int
    module: torch.nn.Module
    weights: list[torch.Tensor]
    inputs: int
    units: int
    axis: int
    before: Tag | None
    entering: float | None
    nonlinearity: Nonlinearity = _LINEAR
    norm: str | None = None
    skips: bool = False
    goes_back: bool = False
    moments: dict[str, Moments] = field(default_factory=dict)
    handle: RemovableHandle | None = None


@dataclass(frozen=True)
class Tag:
    """The origin of a tensor: its layer call, the stage there, whether it is exact, and its version.

    The tensor is exact if only its shape has changed since that stage. It is turned if its axes were
    permuted, so that units lie along another axis than the call's.
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
