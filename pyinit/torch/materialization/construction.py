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
    """What a recorded constructor registered in a module, whose tensors may be replaced since: by shards.

    It is an attribute of the module, so that copies of the module have copies of it.
    """

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.tensors = tensors

    def __deepcopy__(self, memo: dict[int, Any]) -> _Constructed:
        return _Constructed(copy.deepcopy(self.tensors, memo))

    def __getstate__(self) -> dict[str, Any]:
        # a file knows nothing of a recording, but that there was one
        return {"tensors": {}}


@contextmanager
def deferred() -> Iterator[None]:
    """Record what constructors do to parameters and buffers, instead of doing it: build modules within.

    Memory, zeros, ones and random numbers are asked of the meta device; what is computed of numbers that are
    known, such as a table of positions, is computed. `pyinit.torch.materialize` then makes the module as its
    constructor would have, with all it drew that no method repeats: as torchvision's ResNet draws its
    convolutions. Some constructors do less on the meta device: within the block, the ``device`` of a tensor
    that is drawn later is the CPU.

    What is done to the module after the block is recorded, too, up to `pyinit.torch.materialize`: copies,
    casts, parametrizations, hooks, pruning, functions of torch.nn.init, ``p.data.normal_()``, sharding. Its
    tensors have classes of their own for that until then; each is a subclass of the one it had. If a tensor
    was only drawn, a cast draws it in its new dtype, as on the meta device. A tensor that was replaced by one
    of which nothing was recorded is named when the module is made, and so is one that was written to after it
    was sharded; but what is written through the ``.data`` of a sharded tensor is not seen.

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
        # other threads register their modules, too
        if tensor is not None and not is_lazy(tensor) and tensor.is_meta and recorder.knows(tensor):
            seen[id(module)] = module
        elif isinstance(tensor, torch.nn.Parameter) and not tensor.is_meta and Recorder.active() is recorder:
            module.__dict__.setdefault(_COMPUTED, {})[name] = tensor

    def mark_below(module: torch.nn.Module, name: str, child: torch.nn.Module | None) -> None:
        # copies of modules come without their parameters being registered
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
    """Let every tensor that a module holds see what is done to it, if the recorder knows it."""
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
    """Tell whether a module, apart from those below it, was built by a recorded constructor."""
    return _CONSTRUCTED in module.__dict__


def made_by_constructor(module: torch.nn.Module, name: str) -> torch.Tensor | None:
    """Return the tensor that a recorded constructor registered under a name, though it may be another now."""
    made: _Constructed | None = module.__dict__.get(_CONSTRUCTED)
    return None if made is None else made.tensors.get(name)


def was_computed(module: torch.nn.Module, name: str) -> bool:
    """Tell whether a parameter is the real one that a recorded constructor registered."""
    computed = module.__dict__.get(_COMPUTED, {}).get(name)
    return computed is not None and computed is module._parameters.get(name)


def was_added(module: torch.nn.Module, name: str) -> bool:
    """Tell whether a recorded constructor registered other tensors in a module, and none of this name."""
    made: _Constructed | None = module.__dict__.get(_CONSTRUCTED)
    return made is not None and bool(made.tensors) and name not in made.tensors


def forget_construction(module: torch.nn.Module) -> None:
    """Forget of a module and those below it how they were built."""
    for part in module.modules():
        part.__dict__.pop(_CONSTRUCTED, None)
        part.__dict__.pop(_COMPUTED, None)
