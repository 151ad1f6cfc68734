"""Which modules are layers with weights, and how large these are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

__all__ = ["inputs_of", "is_fused", "layers_of", "made_of", "units_axis", "weights_of"]

_CONVOLUTION = nn.modules.conv._ConvNd
_TRANSPOSED = nn.modules.conv._ConvTransposeNd
# what is inside of these is not called by itself
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
    """Yield name and module of each layer: that owns weights, and of which no child does."""
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
    """Return the floating-point parameters of two dimensions or more that hold numbers."""
    return [
        one for one in module.parameters() if one.ndim >= 2 and one.is_floating_point() and one.numel() > 0
    ]


def made_of(module: nn.Module, weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return what a layer multiplies by: its parameters, or what a parametrization makes of them."""
    weight = getattr(module, "weight", None)
    if isinstance(weight, torch.Tensor) and not isinstance(weight, nn.Parameter):
        return [weight]
    return weights


def is_fused(module: nn.Module) -> bool:
    """Return whether what a layer makes is no product with weights, but of gates or attention."""
    return isinstance(module, nn.MultiheadAttention | nn.RNNBase | nn.RNNCellBase)


def units_axis(module: nn.Module, made: torch.Tensor) -> int:
    """Return the axis of a layer's output along which its units lie."""
    if isinstance(module, _CONVOLUTION):
        return made.ndim - len(module.kernel_size) - 1
    return made.ndim - 1


def inputs_of(module: nn.Module, x: Any, weights: list[torch.Tensor], units: int) -> int:
    """Return how many numbers make one output: fan_in; of an embedding, how many rows it has."""
    if isinstance(module, _TRANSPOSED):
        return weights[0].shape[0] // module.groups * weights[0][0, 0].numel()
    if isinstance(module, _CONVOLUTION):
        return weights[0][0].numel()
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return module.num_embeddings
    if isinstance(x, torch.Tensor) and x.is_floating_point() and x.ndim:
        return x.shape[-1]
    return max(sum(one.numel() for one in weights) // max(units, 1), 1)
