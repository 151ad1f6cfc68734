"""The hooks by which a trace sees a module's layers, and the modules that may be activations."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from .tracing import Trace

__all__ = ["hooked"]


def hooked(
    trace: Trace, module: nn.Module, layers: Iterable[tuple[str, nn.Module]], values: Iterable[Any]
) -> ExitStack:
    """Add a trace's hooks to a module until the stack is closed, and mark the tensors that enter it."""
    watched: dict[nn.Module, str] = {}
    for name, layer in layers:
        # a shared layer has its first name
        watched.setdefault(layer, name)
    with ExitStack() as stack:
        for layer, name in watched.items():
            stack.callback(trace.watch(name, layer).remove)
        for one in module.modules():
            if one not in watched and _may_be_activation(one):
                stack.enter_context(trace.watch_function(one))
        for value in values:
            if isinstance(value, torch.Tensor):
                trace.begin(value)
        return stack.pop_all()


def _may_be_activation(module: nn.Module) -> bool:
    """Return whether a module has no tensors and is not torch's; torch's are recognized by their function."""
    if type(module).__module__.startswith("torch."):
        return False
    return next(module.parameters(), None) is None and next(module.buffers(), None) is None
