"""Which modules are layers with weights, and the sizes of these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from .preservation import as_found

__all__ = ["inputs_of", "is_fused", "layers_of", "made_of", "units_axis", "weights_of"]

_CONVOLUTION = nn.modules.conv._ConvNd
_TRANSPOSED = nn.modules.conv._ConvTransposeNd
# the modules inside these are not called by themselves
_WHOLE = (
    nn.Linear,
    nn.Bilinear,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.MultiheadAttention,
    nn.RNNBase,
    nn.RNNCellBase,
    _CONVOLUTION,
)
_NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)


def layers_of(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the name and module of each layer: a module that owns weights and has no child that does."""
    if isinstance(module, _NORMS):
        return
    below = [
        layer
        for child, part in module.named_children()
        if not isinstance(module, _WHOLE)
        for layer in layers_of(part, f"{name}.{child}" if name else child)
    ]
    if below:
        yield from below
    elif weights_of(module):
        yield name, module


def weights_of(module: nn.Module) -> list[torch.Tensor]:
    """Return the floating-point parameters of two dimensions or more that have elements."""
    return [
        one for one in module.parameters() if one.ndim >= 2 and one.is_floating_point() and one.numel() > 0
    ]


def made_of(module: nn.Module, weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the tensors by which a layer multiplies: its parameters, or the result of a parametrization.

    A parametrization computes its result again, and stays as it was: in training, that of
    ``spectral_norm`` would go on with its iteration.
    """
    made = getattr(module, "parametrizations", None)
    if isinstance(made, nn.Module) and parametrize.is_parametrized(module, "weight"):
        with as_found(made, gradients=False):
            weight = getattr(module, "weight", None)
    else:
        weight = getattr(module, "weight", None)
    if isinstance(weight, torch.Tensor) and not isinstance(weight, nn.Parameter):
        return [weight]
    return weights


def is_fused(module: nn.Module) -> bool:
    """Return whether a layer's output comes from gates or attention, not from one product with weights."""
    return isinstance(module, nn.MultiheadAttention | nn.RNNBase | nn.RNNCellBase)


def units_axis(module: nn.Module, made: torch.Tensor) -> int:
    """Return the axis of the units in a layer's output."""
    if isinstance(module, _CONVOLUTION):
        return made.ndim - len(module.kernel_size) - 1
    return made.ndim - 1


def inputs_of(module: nn.Module, x: Any, weights: list[torch.Tensor], units: int) -> int:
    """Return the number of inputs of one output, fan_in; for an embedding, the number of its rows."""
    if isinstance(module, _TRANSPOSED):
        return weights[0].shape[0] // module.groups * weights[0][0, 0].numel()
    if isinstance(module, _CONVOLUTION):
        return weights[0][0].numel()
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return module.num_embeddings
    if isinstance(x, torch.Tensor) and x.is_floating_point() and x.ndim:
        return x.shape[-1]
    return max(sum(one.numel() for one in weights) // max(units, 1), 1)
