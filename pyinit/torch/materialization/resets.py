"""The resets of torch's own layers: one of each kind is run, and the others are recorded like it.

Why: a model has hundreds of layers of a few kinds, and the `reset_parameters` of a layer of torch.nn depends
on nothing but the layer's own settings and shapes. To run it takes several times as long as to write down
what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ...recipes.recipe import Recipe
from ..stored import FORMATS
from .holding import times_written
from .recorder import Recorder
from .recording import Draw

__all__ = ["Resets"]

_SIMPLE = frozenset({bool, int, float, str, type(None), tuple, torch.dtype})
_NAME = "reset_parameters"


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
        reset: Any = getattr(kind, _NAME)
        if not (_is_of_torch(kind) and _is_of_torch(reset)) or module._modules:
            return None
        if torch._C._len_torch_dispatch_stack() != 1 or torch._C._len_torch_function_stack() != 1:
            # other modes see what a reset does
            return None
        settings = []
        for setting in vars(module).items():
            if type(setting[1]) in _SIMPLE:
                settings.append(setting)
            elif setting[1] and setting[0] not in _REGISTRIES:
                return None
        tensors = _tensors(module)
        if not all(self._is_plain(tensor) for tensor in tensors.values()):
            return None
        if len({id(tensor) for tensor in tensors.values()}) < len(tensors):
            return None
        shapes = tuple((name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items())
        return kind, tuple(settings), shapes

    def _is_plain(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor is all of its storage on the meta device, and is no kept one."""
        return (
            type(tensor) in (torch.nn.Parameter, torch.Tensor)
            and tensor.is_meta
            and tensor.dtype in FORMATS
            and not tensor.is_inference()
            and tensor.is_contiguous()
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
            *earlier, last = self._recorder.cell(tensor).writes
            if times > 1 or earlier or not isinstance(last.content, Draw):
                return None
            written.append(_Written(*place, last.content.recipe))
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


def _is_of_torch(thing: Any) -> bool:
    return str(thing.__module__).startswith("torch.nn.modules.")
