"""Checks of a probe's arguments: a module that it can watch, layers to report, a batch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import torch
from torch import nn

from ...errors import DataError, LayoutError, RecipeError, ShapeError
from .layers import layers_of

__all__ = ["Modules", "arguments", "check_batch", "check_module", "chosen"]

Modules: TypeAlias = str | Iterable[str] | Callable[[str, nn.Module], bool]


def check_module(module: Any, what: str = "a probe", other: str = "Use pyinit.probe for a network.") -> None:
    """Raise an error unless this is an eager module whose tensors have memory on this rank.

    Messages begin with `what`, and advise `other` if it is no module.
    """
    if not isinstance(module, nn.Module):
        raise RecipeError(f"{what} needs a torch.nn.Module; got {type(module).__name__}. {other}")
    for name, one in module.named_modules():
        compiled = hasattr(one, "_orig_mod") or one._compiled_call_impl is not None
        if compiled or isinstance(one, torch.jit.ScriptModule):
            raise RecipeError(
                f"{what} needs an eager module, whose calls it sees; got {name or type(one).__name__}, "
                f"which is {'compiled' if compiled else 'scripted'}. Give the module that it was made from."
            )
    distributed = sys.modules.get("torch.distributed.tensor")
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_meta or nn.parameter.is_lazy(tensor):
            raise LayoutError(
                f"{what} needs parameters and buffers with memory; got {name}, which has none yet. "
                "Use pyinit.torch.materialize(module, key=0) first; call a lazy module once."
            )
        if distributed is not None and isinstance(tensor, distributed.DTensor):
            raise LayoutError(
                f"{what} needs whole parameters and buffers; got {name}, a DTensor. "
                "Give a replica on one rank."
            )


def chosen(module: nn.Module, modules: Modules | None) -> list[tuple[str, nn.Module]]:
    """Return the names and modules of the layers to report."""
    layers = list(layers_of(module))
    if modules is None:
        return layers
    if callable(modules):
        return [(name, layer) for name, layer in layers if modules(name, layer)]
    patterns = [modules] if isinstance(modules, str) else list(modules)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name, _ in layers):
            some = ", ".join(name for name, _ in layers[:3])
            raise RecipeError(
                f"modules are patterns of names of layers with weights, such as {some}; got {pattern!r}, "
                "which no name matches. See module.named_modules()."
            )
    return [(name, layer) for name, layer in layers if any(fnmatchcase(name, one) for one in patterns)]


def arguments(batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments with which a module is called."""

    def usable(value: Any) -> Any:
        # autograd cannot save tensors of inference mode
        return value.clone() if isinstance(value, torch.Tensor) and value.is_inference() else value

    with torch.inference_mode(False):
        if isinstance(batch, Mapping):
            return (), {name: usable(value) for name, value in batch.items()}
        if isinstance(batch, torch.Tensor):
            batch = (batch,)
        return tuple(map(usable, batch)) if isinstance(batch, tuple | list) else (), {}


def check_batch(values: list[Any]) -> torch.Tensor:
    """Return the tensor that a report calls its input: the first floating-point one, or else the first."""
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    if not tensors:
        raise RecipeError(
            "a probe needs a batch of tensors: one, a tuple, or a mapping of keyword arguments; got none. "
            "Use torch.as_tensor(rows)."
        )
    for tensor in tensors:
        if tensor.numel() == 0 or tensor.ndim == 0:
            raise ShapeError(
                f"a probe needs rows; got a tensor of shape {tuple(tensor.shape)}. Give at least one."
            )
        bad = int((~torch.isfinite(tensor)).sum()) if tensor.is_floating_point() else 0
        if bad:
            raise DataError(f"a batch must be finite; got {bad} numbers that are not. Drop or replace them.")
    return next((tensor for tensor in tensors if tensor.is_floating_point()), tensors[0])
