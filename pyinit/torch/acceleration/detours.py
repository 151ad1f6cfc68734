"""Functions that are replaced while a block is open in any thread, and restored after the last block."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import torch

from ..meanings import CALLS
from .context import filled
from .requests import Reader, reader_of

__all__ = ["install", "renew", "restore"]

# The functions of torch.nn.init look these up when they are called, so that early imports are met, too.
_OF_TORCH: dict[str, Reader] = {
    f"_no_grad_{name}": reader_of(CALLS[name]) for name in ("normal_", "trunc_normal_", "uniform_")
}

# timm makes truncated normals in five or seven operations; its models import the second function early.
_OF_TIMM: dict[str, Reader] = {
    "_trunc_normal_": reader_of(CALLS["trunc_normal_"]),
    "trunc_normal_tf_": reader_of(CALLS["trunc_normal_tf_"]),
}


class _Replaced(NamedTuple):
    module: ModuleType
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
            _replace()
            for module, name, original, detour in _replaced:
                # another's replacement is not ours to remove, and a detour without a block does nothing
                if vars(module).get(name) is detour:
                    setattr(module, name, original)
            _replaced.clear()


def _replace() -> None:
    global _searched
    _searched = len(sys.modules)
    known = {(each.module, each.name) for each in _replaced}
    originals = {each.detour: each.original for each in _replaced}
    for module, name, reader in _places():
        if (module, name) not in known:
            function = vars(module)[name]
            # a newly imported module may have imported a detour
            original = originals.get(function, function)
            detour = function if function in originals else _detour(original, reader)
            _replaced.append(_Replaced(module, name, original, detour))
            setattr(module, name, detour)


# A forked child must not inherit a lock that is held by a thread which it does not have.
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def _places() -> Iterator[tuple[ModuleType, str, Reader]]:
    """Yield the functions to replace in the modules that are imported."""
    for name, reader in _OF_TORCH.items():
        yield torch.nn.init, name, reader
    for place, module in list(sys.modules.items()):
        if place.startswith("timm.") and isinstance(module, ModuleType):
            for name, reader in _OF_TIMM.items():
                if name in vars(module):
                    yield module, name, reader


def _detour(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    @functools.wraps(original)
    def detour(*args: Any, **kwargs: Any) -> Any:
        tensor = None if torch.compiler.is_compiling() else filled(reader, args, kwargs)
        return original(*args, **kwargs) if tensor is None else tensor

    return detour
