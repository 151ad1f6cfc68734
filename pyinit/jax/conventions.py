"""How Flax and Haiku initialize a parameter, as far as its name, shape and siblings determine it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import RecipeError
from ..recipes.distributions import Constant, TruncatedNormal, ones, zeros
from ..recipes.fans import Axes
from ..recipes.orthogonal import Orthogonal
from ..recipes.recipe import Recipe
from ..recipes.scaling import VarianceScaling
from ..recipes.truncation import moments
from ..stream.window import Shape
from .siblings import of_attention, of_bias

__all__ = ["Leaf", "conventional", "known_axes"]

RECORD = "Record the model with pyinit.jax.init, or give a rule with batch_axis, in_axis and out_axis."


@dataclass(frozen=True)
class Leaf:
    """A parameter, and the shapes of all parameters by name."""

    name: str
    shape: Shape
    others: Mapping[str, Shape]

    @property
    def last(self) -> str:
        """The last part of the name; Flax's wrappers put a path with slashes there."""
        return self.name.rpartition(".")[2].rpartition("/")[2]

    @property
    def module(self) -> str:
        """The name of the module that holds the parameter."""
        return self.name.rpartition(".")[0]

    @property
    def holder(self) -> str:
        """The last part of that name."""
        return self.module.rpartition(".")[2]

    @property
    def rank(self) -> int:
        """The number of axes that are longer than 1."""
        return sum(n != 1 for n in self.shape)

    def sibling(self, name: str) -> Shape | None:
        """Return the shape of another parameter of the same module."""
        return self.others.get(f"{self.module}.{name}" if self.module else name)

    def beside(self, module: str) -> Shape | None:
        """Return the shape of the kernel of a module beside this one's."""
        above = self.module.rpartition(".")[0]
        return self.others.get(f"{above}.{module}.kernel" if above else f"{module}.kernel")


def conventional(leaf: Leaf) -> Recipe | None:
    """Return the recipe with which Flax or Haiku makes a parameter, or None for an unknown name.

    Raises
    ------
    RecipeError
        If the name is known, but the shape does not determine what its axes are.
    """
    make = _MAKERS.get(leaf.last)
    return None if make is None else make(leaf)


def known_axes(leaf: Leaf) -> Axes:
    """Return a weight's axes as its name and siblings determine them, for a recipe that names none."""
    if leaf.last in ("embedding", "embeddings") and len(leaf.shape) == 2:
        return _TABLE
    heads = of_attention(leaf.holder, leaf.shape, leaf.beside) if leaf.last == "kernel" else None
    return heads or Axes()


def _lecun(axes: Axes, scale: float = 1.0) -> Recipe:
    return VarianceScaling(scale, "fan_in", "truncated_normal", in_axis=axes.in_axis, out_axis=axes.out_axis)


_LECUN = VarianceScaling(1.0, "fan_in", "truncated_normal")
# an embedding has variance 1 / features, so the features count as its inputs
_TABLE = Axes(in_axis=-1, out_axis=-2)
_EMBEDDING = VarianceScaling(1.0, "fan_in", "normal", in_axis=-1, out_axis=-2)
# Haiku truncates at 2 std and does not correct the variance
_CUT = moments(-2.0, 2.0)[1]


def _axes(leaf: Leaf, bias: str) -> Axes:
    """Return a kernel's axes, if the shape and the bias determine them."""
    other = leaf.sibling(bias)
    found = of_bias(leaf.shape, other)
    if found is not None:
        return found
    beside = f"no {bias} is beside it" if other is None else f"a {bias} of shape {other} is beside it"
    raise RecipeError(
        f"the name and shape {leaf.shape} do not tell layers, inputs and outputs apart: {beside}. {RECORD}"
    )


def _matrix(recipe: Recipe) -> Callable[[Leaf], Recipe]:
    """Return the maker of a parameter that must have two axes."""

    def make(leaf: Leaf) -> Recipe:
        if len(leaf.shape) != 2:
            raise RecipeError(f"two axes were expected under this name; got shape {leaf.shape}. {RECORD}")
        return recipe

    return make


def _kernel(leaf: Leaf) -> Recipe:
    axes = of_attention(leaf.holder, leaf.shape, leaf.beside) or _axes(leaf, "bias")
    partners = _RECURRENT.get(leaf.holder)
    if partners is None:
        return _lecun(axes)
    if not any(leaf.beside(partner) for partner in partners):
        raise RecipeError(
            f"{leaf.holder}.kernel is a recurrent cell's, and orthogonal, only beside {partners[0]}.kernel, "
            f"which is missing. {RECORD}"
        )
    return Orthogonal()


# `if` is a keyword of Python, so nnx adds an underscore
_RECURRENT: dict[str, tuple[str, ...]] = {
    "h": ("i",),
    "dense_h": ("dense_i",),
    "hf": ("if", "if_"),
    **{f"h{gate}": (f"i{gate}",) for gate in "igorzn"},
}
"""The modules of a cell that multiply its state, each with those that multiply its input."""


def _bias(leaf: Leaf) -> Recipe:
    # only in a minimal gated unit: an LSTM has an "io" as well
    forget = leaf.holder == "if" and leaf.beside("in") and not leaf.beside("io")
    return ones() if forget else zeros()


def _haiku(leaf: Leaf) -> Recipe:
    axes = _axes(leaf, "b")
    if "transpose" in leaf.module and len(leaf.shape) > 2:
        # the kernel is [k..., out, in], and the bias has an element for each output
        ins = (*range(len(leaf.shape) - 2), len(leaf.shape) - 1)
        axes = Axes(in_axis=ins, out_axis=len(leaf.shape) - 2)
    return _lecun(axes, _CUT)


def _vector(recipe: Recipe, *partners: str) -> Callable[[Leaf], Recipe]:
    """Return the maker of a parameter that must have one axis, or the shape of one of its partners."""

    def make(leaf: Leaf) -> Recipe:
        if leaf.rank > 1 and not any(leaf.sibling(partner) == leaf.shape for partner in partners):
            raise RecipeError(
                f"one axis was expected under this name; got shape {leaf.shape}, which may be a matrix. "
                f"{RECORD}"
            )
        return recipe

    return make


def _slope(leaf: Leaf) -> Recipe:
    return _vector(Constant(0.01))(leaf)


_MAKERS: dict[str, Callable[[Leaf], Recipe]] = {
    "kernel": _kernel,
    "embedding": _matrix(_EMBEDDING),
    "lora_a": _matrix(VarianceScaling(2.0, "fan_in", "uniform")),
    "lora_b": lambda leaf: zeros(),
    "bias": _bias,
    "w": _haiku,
    "w_i": _matrix(_LECUN),
    "w_h": _matrix(_LECUN),
    "embeddings": _matrix(TruncatedNormal()),
    "negative_slope": _slope,
    # these names are so common that a matrix of that name may be something else
    "scale": _vector(ones(), "bias", "offset"),
    "var": _vector(ones(), "mean"),
    "mean": _vector(zeros(), "var"),
    "count": _vector(zeros()),
    "offset": _vector(zeros(), "scale"),
    "b": _vector(zeros()),
}
