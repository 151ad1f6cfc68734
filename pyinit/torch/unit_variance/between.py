"""Layers of a module that learn at one rate: the between-layer scaling of Krähenbühl et al."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ...errors import RecipeError
from ...lab.lsuv.between import NEAR, ROUNDS, grown
from ...lab.lsuv.receipt import LsuvLayer
from ...linalg.statistics import statistics
from ...recipes.distributions import normal
from ...stream.key import Key
from ..probing.counting import float32
from ..tensor import fill
from .weights import Part, parts_of

__all__ = ["balanced", "check_homogeneous"]

# f(c x) = c f(x) for c > 0
_HOMOGENEOUS = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.modules.dropout._DropoutNd,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)


def check_homogeneous(module: nn.Module, layers: Mapping[str, nn.Module]) -> None:
    """Refuse a module that is no chain whose output stays if one layer grows and another shrinks."""
    known = {one for one in layers.values() if not isinstance(one, nn.MultiheadAttention)}
    seen: set[nn.Module] = set()
    for name, one in module.named_modules(remove_duplicate=False):
        is_plain = type(one) is nn.Sequential or one in known or isinstance(one, _HOMOGENEOUS)
        if not is_plain or (one in known and one in seen):
            again = ", a second time" if one in seen else ""
            raise RecipeError(
                "scaling 'between' needs nn.Sequential of layers to scale, relu, leaky_relu and pooling; got "
                f"{name or 'the module'}, {type(one).__name__}{again}. Use scaling='unit'."
            )
        seen.add(one)


def balanced(
    module: nn.Module,
    made: Sequence[LsuvLayer],
    layers: Mapping[str, nn.Module],
    args: tuple[Any, ...],
    root: Key,
    threads: int | None,
) -> list[LsuvLayer]:
    """Return the layers with factors and biases for which all weights change at one rate, and write these.

    As `pyinit.lsuv` for a network. A dead layer has no rate, so that nothing is changed then.
    """
    found = list(made)
    if len(found) < len(layers):
        return found
    parts = [parts_of(one.name, layers[one.name])[0] for one in found]
    for _ in range(ROUNDS):
        logs = np.log(_rates(module, parts, args, root, threads))
        apart = logs - logs.mean()
        if not np.isfinite(logs).all() or np.abs(apart).max() < NEAR:
            break
        scale = np.exp(apart / 2)
        whole = np.cumprod(scale)
        found = [grown(one, scale[at], whole[at]) for at, one in enumerate(found)]
        with torch.no_grad():
            for one, part in zip(found, parts, strict=True):
                part.draw(one.recipe, one.key, threads)
                part.scale(one.factors, one.bias)
    return _measured(module, found, parts, args)


def _rates(
    module: nn.Module, parts: Sequence[Part], args: tuple[Any, ...], root: Key, threads: int | None
) -> npt.NDArray[np.float64]:
    """Return rms(gradient) / rms(weight) of each layer, for an output's gradient of normal numbers."""
    weights = [part.tensor for part in parts]
    with torch.enable_grad():
        output = module(*args)
        gradient = torch.empty(output.shape, dtype=output.dtype)
        fill(gradient, normal(), key=root.fold_in("between"), threads=threads)
        of_weights = torch.autograd.grad(output, weights, gradient.to(output.device))
    squares = [
        statistics(float32(one.detach())).second_moment
        for pair in zip(of_weights, weights, strict=True)
        for one in pair
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(np.divide(squares[0::2], squares[1::2]))


def _measured(
    module: nn.Module, made: Sequence[LsuvLayer], parts: Sequence[Part], args: tuple[Any, ...]
) -> list[LsuvLayer]:
    stds: dict[nn.Module, float] = {}

    def keep(layer: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        stds[layer] = statistics(float32(output.detach())).std

    hooks = [part.owner.register_forward_hook(keep) for part in parts]
    try:
        with torch.no_grad():
            module(*args)
    finally:
        for hook in hooks:
            hook.remove()
    return [replace(one, after=stds[part.owner]) for one, part in zip(made, parts, strict=True)]
