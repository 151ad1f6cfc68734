"""The two hooks on the watched module itself, while a step is to be sampled."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

__all__ = ["Doorbell", "Listener"]


class Listener(Protocol):
    """The object that is told of a call of the module."""

    def called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take the arguments of a call in training, which begins now."""

    def returned(self, output: Any) -> None:
        """Take the output of that call; it is None if the call raised an exception."""


class Doorbell:
    """Hooks that tell a listener of a module's calls in training mode with gradients enabled.

    Other calls are not told, nor are calls that the module makes of itself, nor those whose numbers cannot be
    read: in a compiler or a tracer, in a transform of torch.func, or of tensors whose class redefines
    operations. A copy or a file of the module has a doorbell that tells nobody.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._handles: list[RemovableHandle] = []
        # of each call that has not returned, whether it was told
        self._told: list[bool] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Doorbell:
        return Doorbell()

    def __reduce__(self) -> tuple[type[Doorbell], tuple[()]]:
        return Doorbell, ()

    @property
    def hangs(self) -> bool:
        """Whether the hooks are on a module."""
        return bool(self._handles)

    def hang(self, module: nn.Module) -> None:
        """Add the hooks, unless they are there."""
        self._told.clear()
        if not self._handles:
            self._handles = [module.register_forward_pre_hook(self._before, with_kwargs=True)]

    def remove(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.compiler.is_compiling() or self._listener is None:
            return
        is_training = module.training and torch.is_grad_enabled()
        is_told = is_training and not any(self._told) and _can_be_read((args, kwargs))
        self._told.append(is_told)
        if is_told:
            self._listener.called(args, kwargs)
            # the last of the hooks, as the module itself may be a layer
            for handle in self._handles[1:]:
                handle.remove()
            after = module.register_forward_hook(self._after, with_kwargs=True, always_call=True)
            self._handles[1:] = [after]

    def _after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if torch.compiler.is_compiling() or self._listener is None:
            return
        if self._told and self._told.pop():
            self._listener.returned(output)


_OF_OTHERS = (torch._C._TorchDispatchModeKey.FAKE, torch._C._TorchDispatchModeKey.PROXY)


def _can_be_read(values: Any) -> bool:
    """Return whether a call that is given these values now computes with numbers that memory holds."""
    if torch._C._is_tracing() or torch._C._are_functorch_transforms_active():
        return False
    if any(torch._C._get_dispatch_mode(key) is not None for key in _OF_OTHERS):
        return False
    plain = torch.Tensor.__torch_dispatch__
    given = [one for one in tree_leaves(values) if isinstance(one, torch.Tensor)]
    return not any(type(one).__torch_dispatch__ is not plain or one.is_nested for one in given)
