"""What the rules look at: every tensor with the numbers that make it, and what is known of its use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...recipes.fans import Axes
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ...stream.plan import Plan
from ...stream.window import Shape

__all__ = ["Link", "Seen", "Split", "Subject", "fused_parts", "is_norm", "is_stack"]

_UNDRAWN = frozenset(
    {"constant", "along", "pretrained", "selected", "identity", "dirac", "bilinear", "hippo"}
)

# an attention's projections stored as one, and the two of a gated layer
_THREE = re.compile(r"(^|\.)(in_proj_weight|(qkv|qkv_proj|c_attn|query_key_value|Wqkv|in_proj_qkv)\.weight)$")
_TWO = re.compile(r"(^|\.)(gate_up_proj|gate_and_up_proj|w12)(\.weight)?$")
_NORM = re.compile(
    r"(^|[._])(\w*norm\w*|ln|ln_\w+|ln\d+|bn\d*|rmsnorm)\.(weight|scale|gamma)$", re.IGNORECASE
)


@dataclass(frozen=True)
class Split:
    """What says that a tensor is one of several parts along an axis.

    Parameters
    ----------
    axis : int
        The axis along which the whole is cut.
    said : str
        What says so, such as "its attribute partition_dim = 1".
    parts : int or None
        How many there are, if that is known.
    """

    axis: int
    said: str
    parts: int | None = None


@dataclass(frozen=True)
class Seen:
    """One tensor.

    Parameters
    ----------
    name, shape, dtype
        As it is written.
    plan : Plan or None
        Its numbers; None where it is copied, computed, or no number of it is known.
    recipe : Recipe or None
        What was asked for, if that is known.
    key : Key or None
        Of its own stream; None where nothing is drawn, or where it is a part of another tensor.
    axes : Axes or None
        How its owner uses a kernel, where that explains every axis.
    is_stack : bool
        A kernel whose first axis numbers separate matrices, of which it is not known how they are stored.
    parts : int
        How many layers a kernel holds along its outputs.
    is_norm : bool
        Whether it multiplies what is normalized.
    adds_one : bool
        Whether the norm multiplies by 1 + weight.
    split : Split or None
        Known if it is a part of a larger tensor.
    """

    name: str
    shape: Shape
    dtype: str
    plan: Plan | None = None
    recipe: Recipe | None = None
    key: Key | None = None
    axes: Axes | None = None
    is_stack: bool = False
    parts: int = 1
    is_norm: bool = False
    adds_one: bool = False
    split: Split | None = None

    @property
    def constant(self) -> float | None:
        """The value everywhere, where it is one."""
        if self.plan is None or self.plan.distribution != "constant":
            return None
        return float(self.plan.numbers[0])

    @property
    def is_zero(self) -> bool:
        """Whether all elements are zero."""
        return self.constant == 0.0

    @property
    def is_drawn(self) -> bool:
        """Whether its numbers are random."""
        return self.plan is not None and self.plan.distribution not in _UNDRAWN

    @property
    def std(self) -> float | None:
        """The std of what is drawn."""
        return self.plan.std if self.plan is not None and self.is_drawn else None

    @cached_property
    def fans(self) -> tuple[float, float] | None:
        """(fan_in, fan_out) as its owner uses it, of each of its parts."""
        if self.axes is None or 0 in self.shape:
            return None
        fan_in, fan_out = self.axes.fans(self.shape)
        return fan_in, fan_out / self.parts


@dataclass(frozen=True)
class Link:
    """A layer in a row of layers of which each takes what the one before it gives.

    Parameters
    ----------
    weight : str
        Name of its kernel.
    bias : str or None
        Name of its bias.
    phi : str, (str, float) or None
        The activation after it, as `pyinit.activation` takes it; "linear" for none, None if not known.
    """

    weight: str
    bias: str | None
    phi: Any


@dataclass(frozen=True)
class Subject:
    """A model, so far as it is known.

    Parameters
    ----------
    source : str
        What it is called.
    tensors : tuple of Seen
        In order.
    root : Key or None
        From which the tensors' keys come.
    config : mapping or None
        The content of its config.json.
    ties : mapping of str to str, or None
        Which tensors its library ties to which; None where only the configuration says something of it.
    rows : tuple of tuple of Link
        Layers that are known to follow each other.
    """

    source: str
    tensors: tuple[Seen, ...]
    root: Key | None = None
    config: Mapping[str, Any] | None = None
    ties: Mapping[str, str] | None = None
    rows: tuple[tuple[Link, ...], ...] = ()
    by_name: Mapping[str, Seen] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {tensor.name: tensor for tensor in self.tensors})


def fused_parts(name: str, fans: tuple[float, float]) -> int:
    """Return how many layers of one size a kernel holds along its outputs, by its name and its fans.

    Queries, keys and values count only where there are as many of each as of the inputs: with fewer heads of
    keys they have not one size.

    Examples
    --------
    >>> fused_parts("h.0.attn.c_attn.weight", (768, 2304)), fused_parts("qkv.weight", (768, 1024))
    (3, 1)
    """
    fan_in, fan_out = fans
    if _THREE.search(name) and fan_out == 3 * fan_in:
        return 3
    return 2 if _TWO.search(name) and fan_out % 2 == 0 else 1


def is_norm(name: str, shape: Shape) -> bool:
    """Return whether a name is one that the scales of norms have."""
    return len(shape) == 1 and _NORM.search(name) is not None


def is_stack(name: str, shape: Shape) -> bool:
    """Return whether a tensor of three axes is a stack of experts' matrices, by its name."""
    return len(shape) == 3 and "expert" in name.lower() and not name.endswith("bias")
