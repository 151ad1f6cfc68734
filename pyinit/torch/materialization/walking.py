"""A module's parts and the tensors they register, in torch's order and under torch's names.

Why beside torch's own iterators: each of theirs passes through as many generators as the module is deep, and
a recording walks through a model ten times.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

__all__ = ["all_parameters", "named_parts", "registered"]

_Parts = list[tuple[str, torch.nn.Module]]
_Named = list[tuple[str, torch.Tensor]]


def named_parts(module: torch.nn.Module, *, repeated: bool = False) -> _Parts:
    """Return what ``module.named_modules()`` yields; if repeated, each part under all of its names."""
    found: _Parts = []
    _walk(module, "", None if repeated else set(), found)
    return found


def _walk(module: torch.nn.Module, name: str, seen: set[torch.nn.Module] | None, found: _Parts) -> None:
    kind: Any = type(module)
    if not _is_torchs(kind):
        # of remote modules and the like
        found.extend(module.named_modules(seen, name, seen is not None))
        return
    if seen is not None:
        if module in seen:
            return
        seen.add(module)
    found.append((name, module))
    if below := module._modules:
        before = f"{name}." if name else ""
        for last, child in below.items():
            if child is not None:
                _walk(child, before + last, seen, found)


@lru_cache(maxsize=1024)
def _is_torchs(kind: Any) -> bool:
    return kind.named_modules is torch.nn.Module.named_modules


def registered(module: torch.nn.Module) -> tuple[_Named, _Named]:
    """Return every parameter and every buffer of a module, tied ones under each of their names."""
    kind = type(module)
    # the first FSDP names them without its wrappers
    is_torchs = all(
        getattr(kind, name) is getattr(torch.nn.Module, name)
        for name in ("named_parameters", "named_buffers", "_named_members", "named_modules")
    )
    if not is_torchs:
        return (
            list(module.named_parameters(remove_duplicate=False)),
            list(module.named_buffers(remove_duplicate=False)),
        )
    parameters: _Named = []
    buffers: _Named = []
    for name, part in named_parts(module, repeated=True):
        before = f"{name}." if name else ""
        for last, parameter in part._parameters.items():
            if parameter is not None:
                parameters.append((before + last, parameter))
        for last, buffer in part._buffers.items():
            if buffer is not None:
                buffers.append((before + last, buffer))
    return parameters, buffers


def all_parameters(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return every parameter of a module by name, tied ones under each of their names."""
    return dict(registered(module)[0])
