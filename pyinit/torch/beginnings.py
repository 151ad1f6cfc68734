"""How a module begins: the methods of its own that write its parameters and buffers, recorded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from ..errors import LayoutError
from .recorder import Recorder
from .recording import Lost, Recorded, View, Write

__all__ = ["named_tensors", "record"]

# What authors call the module that a method is applied to.
_APPLIED_TO = ("m", "module", "mod", "layer", "submodule")


def record(module: torch.nn.Module) -> dict[str, Recorded]:
    """Record how the tensors of a module begin that are on the meta device; nothing is computed.

    Run are, from the leaves up as constructors do, each module's own `reset_parameters()`,
    `_reset_parameters()`, `init_weights()` and `_init_weights()` where it has them; the latter two are
    applied to every module below if they take one; and `initialize_weights()` of a transformers model.
    Modules without meta tensors are left alone, and so is every real tensor.

    Parameters
    ----------
    module : torch.nn.Module
        With parameters or buffers on the meta device. It stays on it.

    Returns
    -------
    dict of str to Recorded
        By name: parameters first, then buffers. Tied tensors share a cell. Some may be `unmade`.

    Raises
    ------
    LayoutError
        If a lazy module does not know its shapes yet.

    Examples
    --------
    >>> import torch
    >>> with torch.device("meta"):
    ...     layer = torch.nn.Linear(4, 2)
    >>> [write.content for write in record(layer)["weight"].writes]
    [Draw(recipe=uniform(low=-0.5, high=0.5))]
    """
    for name, tensor in named_tensors(module):
        if is_lazy(tensor):
            raise LayoutError(
                f"materialize needs shapes; '{name}' of {type(module).__name__} is lazy. "
                "Run one batch on the meta device first, so that it learns them."
            )
    recorder = Recorder(tensor for _, tensor in named_tensors(module) if not tensor.is_meta)
    with recorder, torch.no_grad():
        _begin(module, recorder, set(), False)
    found: dict[str, Recorded] = {}
    for name, tensor in named_tensors(module):
        if tensor.is_meta:
            cell = recorder.cell(tensor)
            cell.path = cell.path or (name,)
            found[name] = Recorded(name, View.of(tensor), cell)
    for recorded in found.values():
        _name_sources(recorded)
    return found


def named_tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every parameter and then every buffer of a module, tied ones under each of their names."""
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _begin(module: torch.nn.Module, recorder: Recorder, seen: set[int], inside: bool) -> None:
    """Run a module's own beginnings, those of its children first."""
    if id(module) in seen:
        return
    seen.add(id(module))
    pretrained = _is_pretrained(module)
    for child in module.children():
        _begin(child, recorder, seen, inside or pretrained)
    if not any(tensor.is_meta for _, tensor in named_tensors(module)):
        return
    for name in ("reset_parameters", "_reset_parameters"):
        if (method := _method(module, name)) is not None and not _needed(method):
            _run(module, name, method, recorder)
    if pretrained:
        if not inside:
            _forget(module)
            if (method := _method(module, "initialize_weights")) is not None:
                _run(module, "initialize_weights", method, recorder)
        return
    for name in ("init_weights", "_init_weights"):
        if (method := _method(module, name)) is None:
            continue
        needed = _needed(method)
        if not needed:
            _run(module, name, method, recorder)
        elif len(needed) == 1 and needed[0] in _APPLIED_TO:
            _run(module, name, partial(module.apply, method), recorder)


def _is_pretrained(module: torch.nn.Module) -> bool:
    """Tell a transformers model without importing transformers."""
    return any(
        base.__name__ == "PreTrainedModel" and base.__module__.startswith("transformers.")
        for base in type(module).__mro__
    )


def _forget(module: torch.nn.Module) -> None:
    """Take transformers' marks off what is on the meta device: it skips modules that have begun."""
    for part in module.modules():
        if any(tensor.is_meta for _, tensor in named_tensors(part)):
            part.__dict__.pop("_is_hf_initialized", None)


def _method(module: torch.nn.Module, name: str) -> Callable[..., Any] | None:
    found = getattr(module, name, None)
    return found if inspect.ismethod(found) or inspect.isfunction(found) else None


def _needed(method: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that a method cannot do without."""
    return [
        parameter.name
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _run(module: torch.nn.Module, name: str, method: Callable[[], Any], recorder: Recorder) -> None:
    """Record one method; if it cannot run, all that it might have written is lost."""
    try:
        # within this, a parametrized weight is one tensor, however often it is asked for
        with parametrize.cached():
            method()
            _assign_parametrized(module)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        why = f"{type(module).__name__}.{name} raised {type(error).__name__}: {first}"
        for _, tensor in named_tensors(module):
            if tensor.is_meta:
                recorder.cell(tensor).add(Write(View.of(tensor), Lost(why)))


def _assign_parametrized(module: torch.nn.Module) -> None:
    """Set what a module's parametrizations are made from, so that they make what was written."""
    if parametrize.is_parametrized(module):
        for name in module.parametrizations:  # type: ignore[union-attr]
            setattr(module, str(name), getattr(module, str(name)))


def _name_sources(recorded: Recorded) -> None:
    """Name the streams of what a tensor's writes read and no tensor of the module is."""
    position = 0
    waiting = [(recorded.cell.path, number, write) for number, write in enumerate(recorded.writes)]
    while waiting:
        path, number, write = waiting.pop(0)
        for read in getattr(write.content, "snapshots", ()):
            if not read.cell.path:
                position += 1
                read.cell.path = (*recorded.cell.path, number, position)
                waiting += [(path, number, inner) for inner in read.writes]
