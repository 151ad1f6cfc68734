"""Functions that are replaced while a block is open in any thread, and restored after the last block."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache, wraps
from types import ModuleType
from typing import Any, NamedTuple

import torch

from ... import _core
from ...recipes.distributions import Constant
from ..meanings import CALLS, Meaning
from ..small import draw_constructed, write_constructed
from .constructors import CONSTRUCTED, expect, outside_mode
from .context import filled, innermost, watched, written
from .requests import Reader, reader_of

__all__ = ["OVERRIDABLE", "install", "renew", "restore"]

# The functions of torch.nn.init look these up when they are called, so that early imports are met, too.
_OF_TORCH: dict[str, Reader] = {
    f"_no_grad_{name}": reader_of(CALLS[name]) for name in ("normal_", "trunc_normal_", "uniform_")
}

# The functions of torch.nn.init that modules call. They draw by the functions above, but a block's mode would
# see each of their steps, which takes it a microsecond each.
_DRAWING: dict[str, Reader] = {
    name: reader_of(CALLS[name])
    for name in (
        "kaiming_normal_",
        "kaiming_uniform_",
        "normal_",
        "trunc_normal_",
        "uniform_",
        "xavier_normal_",
        "xavier_uniform_",
    )
}
OVERRIDABLE = {name: getattr(torch.nn.init, name) for name in ("kaiming_uniform_", "normal_", "uniform_")}
"""Those of torch.nn.init's functions that modes and classes of tensors see and may override."""

# Layers that normalize write these, by two operations each that a mode would see.
_WRITING: dict[str, Reader] = {
    name: reader_of(lambda tensor, recipe=recipe: Meaning(lambda: recipe, ()))
    for name, recipe in (("ones_", Constant(1.0)), ("zeros_", Constant(0.0)))
}

# timm makes truncated normals in five or seven operations; its models import the second function early.
_OF_TIMM: dict[str, Reader] = {
    "_trunc_normal_": reader_of(CALLS["trunc_normal_"]),
    "trunc_normal_tf_": reader_of(CALLS["trunc_normal_tf_"]),
}


class _Replaced(NamedTuple):
    owner: Any
    name: str
    original: Any
    detour: Any


_lock = threading.Lock()
_blocks = 0
_replaced: list[_Replaced] = []
# the number of imported modules at the last search
_searched = 0


def install() -> None:
    """Count a block that is entered, and replace the functions that are not replaced yet."""
    global _blocks
    with _lock:
        _blocks += 1
        _replace()


def renew() -> None:
    """Replace functions of newly imported modules; a block may be the first to import what it builds."""
    if len(sys.modules) != _searched:
        with _lock:
            if _blocks > 0:
                _replace()


def restore() -> None:
    """Count a block that is left, and restore every original after the last one."""
    global _blocks
    with _lock:
        _blocks -= 1
        if _blocks == 0:
            if len(sys.modules) != _searched:
                _replace()
            for owner, name, original, detour in _replaced:
                # another's replacement is not ours to remove, and a detour without a block does nothing
                if vars(owner).get(name) is detour:
                    setattr(owner, name, original)
            _replaced.clear()


def _replace() -> None:
    global _searched
    _searched = len(sys.modules)
    known = {(each.owner, each.name) for each in _replaced}
    originals = {each.detour: each.original for each in _replaced}
    for owner, name, (make, *given) in _places():
        if (owner, name) not in known:
            function = vars(owner)[name]
            # a newly imported module may have imported a detour
            original = originals.get(function, function)
            detour = function if function in originals else make(original, *given)
            _replaced.append(_Replaced(owner, name, original, detour))
            setattr(owner, name, detour)
    ours = {each.name: each.detour for each in _replaced if each.owner is torch.nn.init}
    # no value is None: where another library has replaced a function, it decides
    expect({name: ours.get(name) for name in (*_DRAWING, *_WRITING)})


# A forked child must not inherit a lock that is held by a thread which it does not have.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def _places() -> Iterator[tuple[Any, str, tuple[Any, ...]]]:
    """Yield what to replace, in torch and in the modules that are imported; and what makes the detour."""
    for name, reader in _OF_TORCH.items():
        yield torch.nn.init, name, (_detour, reader)
    for name, reader in _DRAWING.items():
        # another library's function of the name decides by itself
        if getattr(vars(torch.nn.init)[name], "__globals__", None) is vars(torch.nn.init):
            yield torch.nn.init, name, (_detour_around_modes, reader)
    for name, reader in _WRITING.items():
        if getattr(vars(torch.nn.init)[name], "__globals__", None) is vars(torch.nn.init):
            yield torch.nn.init, name, (_detour_of_constants, reader)
    for kind in CONSTRUCTED:
        if vars(kind)["__init__"].__globals__["__name__"] == kind.__module__:
            yield kind, "__init__", (outside_mode,)
    if "timm" not in sys.modules:
        return
    for place, module in list(sys.modules.items()):
        if place.startswith("timm.") and isinstance(module, ModuleType):
            for name, reader in _OF_TIMM.items():
                if name in vars(module):
                    yield module, name, (_detour, reader)


@cache
def _detour(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    @wraps(original)
    def detour(*args: Any, **kwargs: Any) -> Any:
        tensor = None if torch.compiler.is_compiling() else filled(reader, args, kwargs)
        return original(*args, **kwargs) if tensor is None else tensor

    return detour


@cache
def _detour_around_modes(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    """Return the detour of a function that modes see, or whose steps they see."""
    is_seen = original.__name__ in OVERRIDABLE

    @wraps(original)
    def detour(*args: Any, **kwargs: Any) -> Any:
        # a compiler that traces this call must not come to what pyinit does with it
        is_compiling = torch.compiler.is_compiling()
        if not is_compiling and draw_constructed(reader, args, kwargs):
            return args[0]
        context, tensor = None if is_compiling else innermost(), None
        if context is None:
            pass
        elif _core.is_constructing():
            # the constructor has left out the mode
            tensor = context.answer(reader, args, kwargs)
        elif not watched():
            # to read a tensor is nothing that a mode has to see
            with torch._C.DisableTorchFunction():
                tensor = context.answer(reader, args, kwargs)
        if tensor is not None:
            return tensor
        given = args[0] if args else kwargs.get("tensor")
        if is_seen and torch.overrides.has_torch_function_variadic(given):
            # as the original does, which would pass on the detour that has its name now
            return torch.overrides.handle_torch_function(original, (given,), *args, **kwargs)
        return original(*args, **kwargs)

    return detour


@cache
def _detour_of_constants(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    """Return the detour of a function that writes a constant, and has no key."""

    @wraps(original)
    def detour(*args: Any, **kwargs: Any) -> Any:
        # what other modes see here is operations, so that they have to be made
        is_compiling = torch.compiler.is_compiling()
        if not is_compiling and write_constructed(reader, args, kwargs):
            return args[0]
        context = None if is_compiling else innermost(alone=True)
        if context is None:
            pass
        elif _core.is_constructing():
            # the constructor has left out the mode
            if written(reader, args, kwargs):
                return args[0]
        elif not watched():
            with torch._C.DisableTorchFunction():
                if written(reader, args, kwargs):
                    return args[0]
        return original(*args, **kwargs)

    return detour
