"""Constructors of torch.nn's own layers, which run outside a block's mode.

Why: the mode sees each step of them, at one or two microseconds each. A layer of 16 x 16 has ten steps, which
together take as long as the layer itself. What these constructors draw, they draw by functions of
torch.nn.init, which `detours` replaces; so there is nothing else in them for the mode to see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules import module as hooks

from ... import _core
from .context import UNWATCHED, WATCHING, innermost

__all__ = ["CONSTRUCTED", "expect", "outside_mode"]

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


_UNDISTURBED = (
    *UNWATCHED,
    # what takes a layer's tensors; whoever replaces it may draw
    *(torch.nn.Module, "__setattr__", torch.nn.Module.__setattr__),
    *(torch.nn.Module, "register_parameter", torch.nn.Module.register_parameter),
    *(torch.nn.Module, "register_buffer", torch.nn.Module.register_buffer),
    # what makes them
    *(torch, "empty", torch.empty),
)
"""Attributes, as owner, name and value, without which a constructor may do anything."""

_DISTURBING = (
    *WATCHING,
    torch.is_inference_mode_enabled,
    # how many hooks see what a layer is given
    hooks._global_parameter_registration_hooks.__len__,
    hooks._global_buffer_registration_hooks.__len__,
)
"""Functions whose answer is false or zero where a constructor does as it says."""

_places: dict[Any, tuple[Any, ...]] = {}
"""What has to be as it was, of the layers that may be built outside of the mode."""


def expect(detours: tuple[Any, ...]) -> None:
    """Take note of the detours by which layers have to draw, as owner, name and function."""
    global _places
    _places = {
        kind: (kind, "reset_parameters", reset, *_UNDISTURBED, *detours) for kind, reset in _RESETS.items()
    }


@functools.cache
def outside_mode(original: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that leaves the mode out where it would see nothing that the detours do not."""

    @functools.wraps(original)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        context = None if torch.compiler.is_compiling() else innermost(alone=True)
        places = None if context is None else _places.get(type(self))
        if (
            context is None
            or places is None
            # a weight that is given may be of a class that redefines operations; it is the eighth
            or len(args) >= 8
            or "_weight" in kwargs
            or not _core.begin_construction(context.draws, places, _DISTURBING)
        ):
            original(self, *args, **kwargs)
            return
        try:
            with torch._C.DisableTorchFunction():
                original(self, *args, **kwargs)
        finally:
            _core.end_construction()

    return construct
