"""The resets of torch's own layers: one of each kind is run, and the others are recorded like it.

Why: a model has hundreds of layers of a few kinds, and the `reset_parameters` of a layer of torch.nn depends
on nothing but the layer's own settings and shapes. To run it takes several times as long as to write down
what it does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import torch
from torch.nn import init

from ...recipes.recipe import Recipe
from ..partitions.holding import MARKS
from ..stored import FORMATS
from .holding import times_written
from .outright import TORCHS
from .recorder import Recorder
from .recording import Draw

__all__ = ["Resets"]

_SIMPLE = frozenset({bool, int, str, type(None), torch.dtype})
_WRITTEN_OUT = frozenset({float, tuple})
_CONTAINERS = frozenset({list, dict, set, OrderedDict})
_NAME = "reset_parameters"
_MODULES = "torch.nn.modules."


class _Written(NamedTuple):
    """A registered tensor that a reset draws as a whole, once."""

    registry: str
    name: str
    recipe: Recipe


class Resets:
    """What resets have written in one recording, by the kind of layer."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[Any, tuple[_Written, ...]] = {}
        self._are_usual = _are_usual()
        self._unchanged: dict[type, bool] = {}

    def run(self, module: torch.nn.Module, name: str, method: Callable[[], Any]) -> bool:
        """Record a module's reset as that of a layer like it; return False if it has to be run."""
        if name != _NAME:
            return False
        # to read a tensor is nothing that the recorder's own modes have to see
        with torch._C.DisableTorchFunction():
            kind = self._kind(module)
            if kind is None:
                return False
            known = self._known.get(kind)
            if known is not None:
                changed = []
                for each in known:
                    tensor = vars(module)[each.registry][each.name]
                    self._recorder.draw(tensor, each.recipe)
                    changed.append(tensor)
                torch._C._increment_version(changed)
                return True
            tensors = _tensors(module)
            before = {each: times_written(tensor) for each, tensor in tensors.items()}
        method()
        with torch._C.DisableTorchFunction():
            written = self._written(tensors, before)
        if written is not None:
            self._known[kind] = written
        return True

    def _kind(self, module: torch.nn.Module) -> Any:
        """Return what decides a reset, for a layer of torch.nn that nobody has changed; None for others."""
        kind = type(module)
        if not self._are_usual or not self._is_unchanged(kind) or module._modules:
            return None
        if torch._C._len_torch_dispatch_stack() != 1 or torch._C._len_torch_function_stack() != 1:
            # other modes see what a reset does
            return None
        settings: list[tuple[str, type, Any]] = []
        for name, value in vars(module).items():
            sort = type(value)
            if sort in _SIMPLE:
                settings.append((name, sort, value))
            elif sort in _WRITTEN_OUT and _is_simple(value):
                # as text, because 0.0 == -0.0
                settings.append((name, sort, repr(value)))
            elif name not in _REGISTRIES and (sort not in _CONTAINERS or value):
                return None
        tensors = _tensors(module)
        if not all(self._is_plain(tensor) for tensor in tensors.values()):
            return None
        if len({tensor.untyped_storage()._cdata for tensor in tensors.values()}) < len(tensors):
            # a write to one of them is a write to another
            return None
        shapes = tuple((name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items())
        return kind, tuple(settings), shapes

    def _is_unchanged(self, kind: type) -> bool:
        """Return whether a class resets itself by functions of torch.nn alone."""
        if kind not in self._unchanged:
            self._unchanged[kind] = kind.__module__.startswith(_MODULES) and _is_of_torch(
                kind, getattr(kind, _NAME), {_NAME}
            )
        return self._unchanged[kind]

    def _is_plain(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor is all of its storage on the meta device, a whole one, and no kept one."""
        return (
            type(tensor) in (torch.nn.Parameter, torch.Tensor)
            and tensor.is_meta
            and tensor.dtype in FORMATS
            and not tensor.is_inference()
            and tensor.is_contiguous()
            and tensor.numel() > 0
            and tensor.__dict__.keys().isdisjoint(MARKS)
            and not self._recorder.keeps(tensor)
            and tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        )

    def _written(
        self, tensors: dict[tuple[str, str], torch.Tensor], before: dict[tuple[str, str], int]
    ) -> tuple[_Written, ...] | None:
        """Return what a reset has written, or None if it was more than one draw of each tensor."""
        written = []
        for place, tensor in tensors.items():
            times = times_written(tensor) - before[place]
            if times == 0:
                continue
            contents = [write.content for write in self._recorder.cell(tensor).writes]
            if times > 1 or len(contents) != 1 or not isinstance(contents[0], Draw):
                return None
            written.append(_Written(*place, contents[0].recipe))
        return tuple(written)


_REGISTRIES = ("_parameters", "_buffers")


def _tensors(module: torch.nn.Module) -> dict[tuple[str, str], torch.Tensor]:
    """Return the tensors that a module itself registers, by registry and name."""
    return {
        (registry, name): tensor
        for registry in _REGISTRIES
        for name, tensor in vars(module)[registry].items()
        if tensor is not None
    }


def _is_simple(value: Any) -> bool:
    kind = type(value)
    return kind in _SIMPLE or kind is float or (kind is tuple and all(map(_is_simple, value)))


def _is_of_torch(kind: type, method: Any, seen: set[str]) -> bool:
    """Return whether torch.nn defines a method, and all methods of the class that it mentions."""
    # its globals tell where it was written; a wrapper may have the name of what it wraps
    if not isinstance(method, FunctionType) or not method.__globals__["__name__"].startswith(_MODULES):
        return False
    if method.__globals__.get("init", init) is not init:
        return False
    for name in method.__code__.co_names:
        mentioned = getattr(kind, name, None)
        if callable(mentioned) and name not in seen:
            seen.add(name)
            if not _is_of_torch(kind, mentioned, seen):
                return False
    return True


def _are_usual() -> bool:
    """Return whether nobody has replaced a function of torch.nn.init, or a method that one calls.

    Another function may do something else each time.
    """
    names = vars(init)
    return all(getattr(names.get(name), "__globals__", None) is names for name in _OF_INIT) and all(
        getattr(torch.Tensor, name) is method for name, method in TORCHS.items()
    )


_OF_INIT = (
    *(name for name in vars(init) if name.endswith("_") and not name.startswith("__")),
    *("calculate_gain", "_calculate_correct_fan", "_calculate_fan_in_and_fan_out"),
)
