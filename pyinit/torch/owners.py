"""How the module that owns a tensor uses it: its axes of inputs, and whether one recipe leaves it alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from ..errors import LayoutError
from ..recipes.fans import Axes, unknown_field
from ..recipes.recipe import Recipe
from ..recipes.rules import fitted
from ..stream.window import Shape

__all__ = ["Place", "Use", "is_of_transformers", "owner_of", "use_of"]

_MATRIX = Axes(layout="torch")


class Place(NamedTuple):
    """The place of a tensor in a module.

    Attributes
    ----------
    owner : torch.nn.Module
        The layer that uses the tensor, not the list of parametrizations that may hold it.
    weight : str
        The layer's name of the weight that is the tensor, or is computed from it.
    part : {"whole", "original", "direction", "magnitude", "computed", "unknown"}
        The weight itself; the tensor from which a parametrization, spectral norm or pruning computes it; the
        two from which weight normalization computes it; the weight that a hook computes; one of several
        tensors of another parametrization.
    dim : int
        The axis along which a magnitude has one number for each index; -1 for a single magnitude.
    """

    owner: nn.Module
    weight: str
    part: str = "whole"
    dim: int = -1


class Use(NamedTuple):
    """How an owner uses a tensor.

    Attributes
    ----------
    role : {"kernel", "bias", "own"}
        Under one recipe for a module, kernels and embedding tables follow the recipe and biases are zeros.
        Norms, magnitudes, other vectors, and tables that are no layer's weight keep their own values.
    axes : Axes or None
        The axes of inputs and outputs; None if the owner's attributes do not explain them.
    is_convolution : bool
        Whether all other axes are a receptive field.
    """

    role: str
    axes: Axes | None = _MATRIX
    is_convolution: bool = False

    def fit(self, recipe: Recipe, shape: Shape) -> Recipe:
        """Return a recipe with the owner's axes, if it names none; or raise an error with the options."""
        if self.axes is not None:
            return fitted(recipe, self.axes, shape, is_convolution=self.is_convolution)
        if fitted(recipe, _MATRIX, shape, is_convolution=True) is recipe:
            return recipe
        raise LayoutError(unknown_field(recipe.called, shape))


def owner_of(module: nn.Module, name: str) -> Place:
    """Return the place of a tensor by its name, looking through parametrizations and hooks."""
    path, _, last = name.rpartition(".")
    try:
        holder = module.get_submodule(path)
    except AttributeError:
        # the tensor is in a list or dict that is a plain attribute
        return Place(module, name)
    if isinstance(holder, parametrize.ParametrizationList):
        layer, _, weight = path.rpartition(".")
        owner = module.get_submodule(layer.rpartition(".")[0])
        if len(holder) == 1 and isinstance(holder[0], _WeightNorm):
            part = {"original0": "magnitude", "original1": "direction"}[last]
            return Place(owner, weight, part, holder[0].dim)
        return Place(owner, weight, "original" if last == "original" else "unknown")
    for hook in holder._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            weight = hook.name
            parts = {f"{weight}_g": "magnitude", f"{weight}_v": "direction", weight: "computed"}
        elif isinstance(hook, SpectralNorm | BasePruningMethod):
            weight = hook.name if isinstance(hook, SpectralNorm) else str(hook._tensor_name)
            parts = {f"{weight}_orig": "original", weight: "computed"}
        else:
            continue
        if last in parts:
            return Place(holder, weight, parts[last], getattr(hook, "dim", -1))
    return Place(holder, last)


def use_of(place: Place, shape: Shape) -> Use:
    """Return how the owner uses a tensor of the given shape."""
    if place.part in ("magnitude", "unknown"):
        return Use("own", None)
    owner, name = place.owner, place.weight
    if isinstance(owner, nn.MultiheadAttention) and name in ("bias_k", "bias_v"):
        return Use("own")
    if name == "bias" or (len(shape) < 2 and (name.startswith("bias_") or name.endswith("_bias"))):
        return Use("bias")
    if len(shape) < 2 or isinstance(owner, _KEPT) or name.endswith(_TABLES):
        return Use("own")
    if name != "weight":
        return Use("kernel")
    if hasattr(owner, "kernel_size"):
        return _convolution(owner, shape)
    if isinstance(owner, nn.Bilinear):
        # for the first input, the units of the second are like a receptive field: each has a weight
        return Use("kernel", Axes(in_axis=1, out_axis=0), is_convolution=True)
    if is_of_transformers(type(owner), "Conv1D"):
        # its weight is (in, out)
        return Use("kernel", Axes(layout="jax"))
    return Use("kernel")


_KEPT = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.PReLU,
)

# Tables and tokens that models hold as parameters of their own.
_TABLES = ("embed", "embedding", "embeddings", "token", "tokens", "table")


def is_of_transformers(kind: type, name: str) -> bool:
    """Return whether a class is one of transformers, or has it as a base, without importing transformers."""
    asked: Any = kind
    return _has_base(asked, name)


@lru_cache(maxsize=1024)
def _has_base(kind: type, name: str) -> bool:
    # a model has a thousand parts of a few classes
    return any(base.__name__ == name and base.__module__.startswith("transformers.") for base in kind.__mro__)


def _convolution(owner: Any, shape: Shape) -> Use:
    """Return how a module with a kernel_size uses its weight, if its attributes agree with the shape."""
    size, groups = owner.kernel_size, getattr(owner, "groups", 1)
    field = tuple(size) if isinstance(size, tuple | list) else (size,) * (len(shape) - 2)
    if field != shape[2:] or not isinstance(groups, int):
        return Use("kernel", None)
    turned = getattr(owner, "transposed", False) is True or "transpose" in type(owner).__name__.lower()
    inputs, outputs = getattr(owner, "in_channels", None), getattr(owner, "out_channels", None)
    if isinstance(inputs, int) and isinstance(outputs, int):
        expected = (inputs, outputs // groups) if turned else (outputs, inputs // groups)
        if shape[:2] != expected:
            return Use("kernel", None)
    if not turned:
        return Use("kernel", Axes(layout="torch", groups=groups), is_convolution=True)
    axes = Axes(layout="torch", groups=groups, transposed=True, stride=getattr(owner, "stride", 1))
    return Use("kernel", axes, is_convolution=True)
