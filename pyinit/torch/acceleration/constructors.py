"""Constructors of torch.nn's own layers, which run outside a block's mode.

Why: the mode sees each step of them, at one or two microseconds each. A layer of 16 x 16 has ten steps, which
together take as long as the layer itself. What these constructors draw, they draw by functions of
torch.nn.init, which `detours` replaces; so there is nothing else in them for the mode to see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import torch
from torch.nn.modules import module as hooks

from .context import innermost, watched

__all__ = ["CONSTRUCTED", "outside_mode"]

_LAYERS: tuple[Any, ...] = (
    *(torch.nn.Linear, torch.nn.Bilinear, torch.nn.Embedding, torch.nn.EmbeddingBag),
    *(torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d),
    *(torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d),
    *(torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d),
    *(torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d, torch.nn.InstanceNorm3d),
    *(torch.nn.LayerNorm, torch.nn.GroupNorm, torch.nn.RMSNorm, torch.nn.PReLU),
    *(torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU),
    *(torch.nn.RNNCell, torch.nn.LSTMCell, torch.nn.GRUCell),
)

CONSTRUCTED = tuple(
    dict.fromkeys(next(each for each in kind.__mro__ if "__init__" in vars(each)) for kind in _LAYERS)
)
"""The classes that define the constructors of these layers."""

_RESETS = {
    kind: kind.reset_parameters
    for kind in _LAYERS
    if kind.reset_parameters.__globals__["__name__"].startswith("torch.nn.modules.")
}
"""What each layer calls to draw; a subclass, or whoever replaces it, may draw by anything."""


_registering = attrgetter("__setattr__", "register_parameter", "register_buffer")
_REGISTERING = _registering(torch.nn.Module)
"""What takes a layer's tensors; whoever replaces it may draw."""


@functools.cache
def outside_mode(original: Callable[..., None], in_place: Callable[[], bool]) -> Callable[..., None]:
    """Return a constructor that leaves the mode out where it would see nothing that the detours do not.

    `in_place` tells whether the functions of torch.nn.init are the detours.
    """

    @functools.wraps(original)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        kind, context = type(self), None if torch.compiler.is_compiling() else innermost(alone=True)
        if (
            context is None
            or context.is_constructing
            or _RESETS.get(kind) is not getattr(kind, "reset_parameters", None)
            or not in_place()
            or hooks._global_parameter_registration_hooks
            or hooks._global_buffer_registration_hooks
            or _registering(torch.nn.Module) != _REGISTERING
            or watched()
            # a weight that is given may be of a class that redefines operations; it is the eighth
            or len(args) >= 8
            or "_weight" in kwargs
        ):
            original(self, *args, **kwargs)
            return
        context.is_constructing = True
        try:
            with torch._C.DisableTorchFunction():
                original(self, *args, **kwargs)
        finally:
            context.is_constructing = False

    return construct
