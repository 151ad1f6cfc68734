"""Tensors of recorded constructors that record the operations on them afterwards.

When ``with deferred():`` ends, its modes end, and every meta tensor of a module gets a class whose
``__torch_function__`` continues the recording. So a cast, a copy, a parametrization, a hook, ``nn.init`` and
``p.data.normal_()`` between construction and materialization have the same effect as in eager torch. The
results of such a call are followed, too. Each class is a subclass of the tensor's former class, which it has
again when it becomes real.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch.utils._pytree import tree_leaves

from .functions import caller
from .recorder import MARK, Recorder

__all__ = ["Followed", "follow", "kind_of"]

_NEW_PARAMETER = torch.nn.Parameter.__new__.__code__
_UNCHANGED = (torch.Tensor.__torch_function__, torch.nn.Parameter.__torch_function__)
# Functions that return a property of a tensor: they are called often, and need no recording.
_PROPERTIES = frozenset(
    getattr(torch.Tensor, name).__get__
    for name in ("shape", "dtype", "device", "layout", "ndim", "requires_grad", "is_leaf", "grad", "_version")
) | {
    torch.Tensor.size,
    torch.Tensor.dim,
    torch.Tensor.numel,
    torch.Tensor.stride,
    torch.Tensor.is_floating_point,
}


class Followed(torch.Tensor):
    """A meta tensor whose functions are recorded; `follow` makes its subclasses."""

    kind: ClassVar[type[torch.Tensor]] = torch.Tensor
    """The class of the tensor if it is not followed."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        keywords = dict(kwargs or {})
        if func in _PROPERTIES:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **keywords)
        active = Recorder.active()
        with torch._C.DisableTorchFunctionSubclass():
            if active is not None:
                result = func(*args, **keywords)
            else:
                operands = (leaf for leaf in tree_leaves((args, keywords)) if isinstance(leaf, Followed))
                recorder = next((leaf.__dict__[MARK] for leaf in operands if MARK in leaf.__dict__), None)
                if recorder is None:
                    return func(*args, **keywords)
                result = recorder.follow(func, args, keywords)
                for leaf in tree_leaves(result):
                    if isinstance(leaf, torch.Tensor):
                        follow(leaf, recorder)
            if func is torch.Tensor.detach and type(result) is not type(args[0]):
                frame = caller()
                if frame is not None and frame.f_code is _NEW_PARAMETER:
                    # torch.nn.Parameter needs a tensor of its own class
                    result.__class__ = type(args[0])
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        if id(self) not in memo:
            is_parameter = issubclass(self.kind, torch.nn.Parameter)
            if not self.is_leaf and not is_parameter:
                raise RuntimeError("only tensors that are leaves of autograd's graph can be copied deeply")
            copied = self.detach().clone(memory_format=torch.preserve_format)
            copied.__class__ = type(self)
            if not is_parameter:
                attributes = {name: value for name, value in self.__dict__.items() if name != MARK}
                copied.__dict__.update(copy.deepcopy(attributes, memo))
            memo[id(self)] = copied.requires_grad_(self.requires_grad)
        return cast("torch.Tensor", memo[id(self)])

    def __reduce_ex__(self, protocol: Any) -> Any:
        # a file keeps nothing of a recording
        with torch._C.DisableTorchFunctionSubclass():
            plain = self.detach()
            plain.__class__ = self.kind
            plain.requires_grad_(self.requires_grad)
            plain.__dict__.update((name, value) for name, value in self.__dict__.items() if name != MARK)
            return plain.__reduce_ex__(protocol)  # type: ignore[no-untyped-call]


_CLASSES: dict[type[torch.Tensor], type[torch.Tensor]] = {}


def kind_of(tensor: torch.Tensor) -> type[torch.Tensor]:
    """Return the class that a tensor has if it is not followed."""
    if not isinstance(tensor, Followed):
        return type(tensor)
    # torch.nn.Parameter() sets this on a tensor with a class of its own
    made = tensor.__dict__.pop("_is_param", False)
    return torch.nn.Parameter if made and tensor.kind is torch.Tensor else tensor.kind


def follow(tensor: torch.Tensor, recorder: Recorder) -> None:
    """Record all operations on a meta tensor that a recorder knows, from now on."""
    if isinstance(tensor, Followed) or not tensor.is_meta or not recorder.knows(tensor):
        return
    kind = type(tensor)
    setattr(tensor, MARK, recorder)
    functions = kind.__torch_function__
    if kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__ or not any(
        getattr(functions, "__func__", functions) is getattr(known, "__func__", known) for known in _UNCHANGED
    ):
        return
    if kind not in _CLASSES:
        metaclass: Any = type(kind)
        _CLASSES[kind] = metaclass(f"Followed{kind.__name__}", (Followed, kind), {"kind": kind})
    tensor.__class__ = _CLASSES[kind]
