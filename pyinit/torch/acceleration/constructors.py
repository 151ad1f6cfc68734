"""Constructors of torch.nn's own layers, which run outside a block's mode.

Why: the mode sees each step of them, at one or two microseconds each. A layer of 16 x 16 has ten steps, which
together take as long as the layer itself. What these constructors draw, they draw by functions of
torch.nn.init, which `detours` replaces; so there is nothing else in them for the mode to see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from inspect import isfunction, isroutine
from types import CodeType
from typing import Any

import torch
from torch.nn import init
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


def _constructed(kind: type) -> type:
    """Return the class that defines a layer's constructor."""
    return next(each for each in kind.__mro__ if "__init__" in vars(each))


CONSTRUCTED = tuple(dict.fromkeys(map(_constructed, _LAYERS)))
"""The classes that define the constructors of these layers."""


def _names(kind: type) -> set[str]:
    """Return the names in a layer's constructor, and in the methods that it calls, also of bases."""
    own = kind.__mro__[: kind.__mro__.index(torch.nn.Module)]
    found: set[str] = set()
    # to set an attribute needs no name
    new = {"__init__", "__setattr__"}
    while new:
        found |= new
        functions = (vars(base).get(name) for base in own for name in new)
        new = {name for each in functions if isfunction(each) for name in _names_in(each.__code__)} - found
    return found


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _called(kind: type) -> Iterator[tuple[Any, str, Any]]:
    """Yield the functions that a layer's constructor may call, as owner, name and function, but itself."""
    bases = [base for base in kind.__mro__[1:] if issubclass(base, torch.nn.Module)]
    for name in sorted(_names(kind)):
        methods = {base: vars(base)[name] for base in bases if name in vars(base)}
        if name == "__init__":
            # torch's compiler replaces Module's for good
            for base in (_constructed(kind), torch.nn.Module):
                methods.pop(base, None)
        else:
            # whoever replaces a base's method may also do so in the layer's class
            first = getattr(kind, name, None)
            methods = {kind: first} | {base: each for base, each in methods.items() if each is not first}
        for owner, function in (*methods.items(), (torch, vars(torch).get(name))):
            if isroutine(function):
                yield owner, name, function
        drawing = vars(init).get(name)
        if isroutine(drawing):
            # no value is None: what another library has put there is not expected
            yield init, name, drawing if getattr(drawing, "__globals__", None) is vars(init) else None


_CALLED = {kind: list(_called(kind)) for kind in _LAYERS}
"""What each layer's constructor may call; whoever replaces one of these may draw by anything."""

_OF_TORCH = {
    kind: called
    for kind, called in _CALLED.items()
    # the others were replaced before this module was imported
    if all(
        not isfunction(each) or f"{each.__globals__['__name__']}.".startswith("torch.") for *_, each in called
    )
}
"""The layers whose constructors call torch alone."""

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


def expect(detours: Mapping[str, Any]) -> None:
    """Take note of the detours of torch.nn.init by which layers have to draw."""
    global _places
    places = {}
    for kind, called in _OF_TORCH.items():
        expected = list(UNWATCHED)
        for owner, name, function in called:
            expected += (owner, name, detours.get(name, function) if owner is init else function)
        places[kind] = tuple(expected)
    _places = places


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
