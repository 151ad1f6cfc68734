"""Modules whose constructors are recorded as they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.nn.parameter import is_lazy

from .recorder import Recorder

__all__ = ["MARK", "constructor_of", "deferred", "made_by_constructor"]

MARK = "_pyinit_constructor"
"""The attribute by which a meta tensor of a module leads to the recorder of its constructor."""

# What constructors registered, for modules whose tensors are replaced before they are made: by shards.
_MADE: WeakKeyDictionary[torch.nn.Module, dict[str, torch.Tensor]] = WeakKeyDictionary()


@contextmanager
def deferred() -> Iterator[None]:
    """Record what constructors do to parameters and buffers, instead of doing it: build modules within.

    Memory, zeros, ones and random numbers are asked of the meta device; what is computed of numbers that are
    known, such as a table of positions, is computed. `pyinit.torch.materialize` then makes the module as its
    constructor would have, with all it drew that no method repeats: as torchvision's ResNet draws its
    convolutions. What is done to the module between the two is not seen.

    Examples
    --------
    >>> import pyinit as pi
    >>> import torch
    >>> class Scaled(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = torch.nn.Parameter(torch.randn(3, 3) * 0.02)
    >>> with deferred():
    ...     module = Scaled()
    >>> module.weight.is_meta
    True
    >>> weight = pi.torch.materialize(module, key=0).weight
    >>> by_hand = pi.normal()((3, 3), key=pi.key(0).fold_in("weight"))
    >>> torch.equal(weight, torch.from_numpy(by_hand) * 0.02)
    True
    """
    recorder = Recorder(constants=True)

    def mark(module: torch.nn.Module, name: str, tensor: torch.Tensor | None) -> None:
        # other threads register their modules, too
        if tensor is not None and tensor.is_meta and not is_lazy(tensor) and recorder.knows(tensor):
            setattr(tensor, MARK, recorder)
            _MADE.setdefault(module, {})[name] = tensor

    def mark_below(module: torch.nn.Module, name: str, child: torch.nn.Module | None) -> None:
        # copies of modules come without their parameters being registered
        for part in () if child is None else child.modules():
            for tensors in (part._parameters, part._buffers):
                for last, tensor in tensors.items():
                    mark(part, last, tensor)

    hooks = (
        register_module_module_registration_hook(mark_below),
        register_module_parameter_registration_hook(mark),
        register_module_buffer_registration_hook(mark),
    )
    try:
        with recorder:
            yield
    finally:
        for hook in hooks:
            hook.remove()


def constructor_of(tensor: torch.Tensor) -> Recorder | None:
    """Return the record of the constructor that made a tensor, if it was made under one."""
    found: Recorder | None = getattr(tensor, MARK, None)
    return found


def made_by_constructor(module: torch.nn.Module, name: str) -> torch.Tensor | None:
    """Return the tensor that a recorded constructor registered under a name, though it may be another now."""
    return _MADE.get(module, {}).get(name)
