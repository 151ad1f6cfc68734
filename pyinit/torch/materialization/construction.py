"""Modules whose constructors are recorded as they run."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.nn.parameter import is_lazy

from .followed import follow
from .holding import plain_tensors
from .recorder import Recorder

__all__ = [
    "deferred",
    "forget_construction",
    "made_by_constructor",
    "was_added",
    "was_computed",
    "was_deferred",
]

_CONSTRUCTED = "_pyinit_constructed"
# Real parameters that a recorded constructor made of numbers that are known, by their names.
_COMPUTED = "_pyinit_computed"


class _Constructed:
    """The tensors that a recorded constructor registered in a module; shards may have replaced them since.

    It is an attribute of the module, so that a copy of the module has a copy of it.
    """

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.tensors = tensors

    def __deepcopy__(self, memo: dict[int, Any]) -> _Constructed:
        return _Constructed(copy.deepcopy(self.tensors, memo))

    def __getstate__(self) -> dict[str, Any]:
        # a file keeps only the fact that there was a recording
        return {"tensors": {}}


@contextmanager
def deferred() -> Iterator[None]:
    """Record the operations of constructors on parameters and buffers, instead of running them.

    Build modules in the block. Memory, zeros, ones and random numbers are allocated on the meta device;
    values that follow from known numbers, such as a table of positions, are computed.
    `pyinit.torch.materialize` then makes the module as its constructor would have made it, with all draws
    that no method repeats, such as those of the convolutions in torchvision's ResNet. Some constructors do
    less for the meta device, so the ``device`` of a tensor that is drawn later is the CPU within the block.

    Operations on the module after the block are recorded, too, until `pyinit.torch.materialize`: copies,
    casts, parametrizations, hooks, pruning, functions of torch.nn.init, ``p.data.normal_()``, sharding. For
    this purpose each tensor has a class of its own until then, which is a subclass of its former class. If a
    tensor was only drawn, a cast draws it in the new dtype, as on the meta device. `materialize` names a
    tensor that was replaced by an unrecorded one, and a tensor that was written to after it was sharded; but
    it does not see writes through the ``.data`` of a sharded tensor.

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
    recorder = Recorder(lasting=True)
    seen: dict[int, torch.nn.Module] = {}

    def mark(module: torch.nn.Module, name: str, tensor: torch.Tensor | None) -> None:
        # other threads call this hook, too
        if tensor is not None and not is_lazy(tensor) and tensor.is_meta and recorder.knows(tensor):
            seen[id(module)] = module
        elif isinstance(tensor, torch.nn.Parameter) and not tensor.is_meta and Recorder.active() is recorder:
            module.__dict__.setdefault(_COMPUTED, {})[name] = tensor

    def mark_below(module: torch.nn.Module, name: str, child: torch.nn.Module | None) -> None:
        # the parameters of a copied module are not registered
        if Recorder.active() is recorder:
            for part in (module, *(() if child is None else child.modules())):
                seen[id(part)] = part

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
        recorder.end()
    for module in seen.values():
        _follow_all(module, recorder)


def _follow_all(module: torch.nn.Module, recorder: Recorder) -> None:
    """Follow every tensor of a module that the recorder knows."""
    registered = {**module._parameters, **module._buffers}
    tensors = {name: tensor for name, tensor in registered.items() if tensor is not None}
    known = {
        name: tensor
        for name, tensor in tensors.items()
        if tensor.is_meta and not is_lazy(tensor) and recorder.knows(tensor)
    }
    for tensor in (*known.values(), *(tensor for _, tensor in plain_tensors(module))):
        if tensor.is_meta and not is_lazy(tensor):
            follow(tensor, recorder)
    if known or not tensors:
        module.__dict__[_CONSTRUCTED] = _Constructed(known)


def was_deferred(module: torch.nn.Module) -> bool:
    """Return whether a recorded constructor built a module; the modules below it do not count."""
    return _CONSTRUCTED in module.__dict__


def made_by_constructor(module: torch.nn.Module, name: str) -> torch.Tensor | None:
    """Return the tensor that a recorded constructor registered under a name, which may be replaced by now."""
    made: _Constructed | None = module.__dict__.get(_CONSTRUCTED)
    return None if made is None else made.tensors.get(name)


def was_computed(module: torch.nn.Module, name: str) -> bool:
    """Tell whether a parameter is the real one that a recorded constructor registered."""
    computed = module.__dict__.get(_COMPUTED, {}).get(name)
    return computed is not None and computed is module._parameters.get(name)


def was_added(module: torch.nn.Module, name: str) -> bool:
    """Return whether a recorded constructor registered tensors in a module, but none of this name."""
    made: _Constructed | None = module.__dict__.get(_CONSTRUCTED)
    return made is not None and bool(made.tensors) and name not in made.tensors


def forget_construction(module: torch.nn.Module) -> None:
    """Forget the recorded constructors of a module and of those below it."""
    for part in module.modules():
        part.__dict__.pop(_CONSTRUCTED, None)
        part.__dict__.pop(_COMPUTED, None)
