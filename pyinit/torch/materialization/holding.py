"""The tensors that a module holds, and their places."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from .walking import named_parts, registered

__all__ = ["STAND_IN", "holds_meta", "named_tensors", "plain_tensors", "substitute", "times_written"]

STAND_IN = "_pyinit_stand_in"
"""The attribute of a plain tensor that stands in for a distributed one."""

_CONTAINERS = (list, tuple, dict)
_REGISTRIES = ("_parameters", "_buffers", "_modules")
_BUILT_IN = frozenset({list, tuple, dict, set, OrderedDict})
_SIMPLE = frozenset({bool, int, float, str, type(None)})
"""What most attributes are, which hold no tensor."""


def named_tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every parameter, then every buffer of a module, tied ones under each of their names.

    Then yield the other tensors that are plain attributes, or in a list, tuple or dict that is one.
    """
    parameters, buffers = registered(module)
    yield from parameters
    yield from buffers
    known = {id(tensor) for _, tensor in (*parameters, *buffers)}
    for prefix, part in named_parts(module):
        for last, tensor in plain_tensors(part):
            if id(tensor) not in known:
                known.add(id(tensor))
                yield (f"{prefix}.{last}" if prefix else last), tensor


def plain_tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors that a module holds in plain attributes."""
    for name, value in vars(module).items():
        kind = type(value)
        if kind in _SIMPLE or (kind in _BUILT_IN and not value) or name in _REGISTRIES:
            continue
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, _CONTAINERS) and value:
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(item, torch.Tensor):
                    yield f"{name}.{key}", item


def times_written(tensor: torch.Tensor) -> int:
    """Return torch's count of the writes to a tensor, which is 0 for a tensor of inference mode."""
    return 0 if tensor.is_inference() else tensor._version


def holds_meta(module: torch.nn.Module) -> bool:
    """Return whether a module's own tensors include one on the meta device."""
    # most modules that hold one register it
    for registry in (module._parameters, module._buffers):
        for tensor in registry.values():
            if tensor is not None and tensor.is_meta:
                return True
    return any(tensor.is_meta for _, tensor in plain_tensors(module))


def substitute(module: torch.nn.Module, others: Mapping[int, torch.Tensor]) -> list[tuple[Any, Any, Any]]:
    """Replace tensors, by identities, wherever modules hold them; return (holder, key, old value) of each."""
    undo: list[tuple[Any, Any, Any]] = []
    for part in module.modules() if others else ():
        attributes = vars(part)
        holders = (attributes, *(value for value in attributes.values() if isinstance(value, dict | list)))
        for holder in holders:
            for key, held in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
                if isinstance(held, tuple) and any(id(item) in others for item in held):
                    undo.append((holder, key, held))
                    holder[key] = tuple(others.get(id(item), item) for item in held)
                elif id(held) in others:
                    undo.append((holder, key, held))
                    holder[key] = others[id(held)]
    return undo
