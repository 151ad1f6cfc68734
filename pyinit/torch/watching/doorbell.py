"""The two hooks on the watched module itself, while a step is to be sampled."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn
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

    Other calls are not told, nor are calls that the module makes of itself, nor those that are compiled. A
    copy or a file of the module has a doorbell that tells nobody.
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
        is_told = module.training and torch.is_grad_enabled() and not any(self._told)
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
