"""How a module begins: the methods of its own that write its parameters and buffers, recorded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from ..errors import LayoutError
from .construction import constructor_of
from .inlining import inline
from .naming import name_draws, state_names
from .recorder import Recorder
from .recording import Call, Lost, Recorded, Write
from .view import View

__all__ = ["forget", "named_tensors", "record"]

# What authors call the module that a method is applied to.
_APPLIED_TO = ("m", "module", "mod", "layer", "submodule")


def record(module: torch.nn.Module, prefix: str = "") -> dict[str, Recorded]:
    """Record how the tensors of a module begin that are on the meta device; nothing is computed.

    Run are, from the leaves up as constructors do, each module's own `reset_parameters()`,
    `_reset_parameters()`, `init_weights()` and `_init_weights()` where it has them; the latter two are
    applied to every module below if they take one; and `initialize_weights()` of a transformers model.
    Modules without meta tensors are left alone, and so is every real tensor. A tied tensor begins as the
    first module that has it says, and as another only if that one says nothing. Of modules that were built
    under `pyinit.torch.deferred`, all that the constructors did is known, and no method is run.

    Parameters
    ----------
    module : torch.nn.Module
        With parameters or buffers on the meta device. It stays on it.
    prefix : str
        What stands before its names in the whole, for the streams; empty, or with a dot at its end.

    Returns
    -------
    dict of str to Recorded
        By name: parameters first, then buffers. Tied tensors share a cell. Some may be `unmade`.

    Raises
    ------
    LayoutError
        If a lazy module does not know its shapes yet, or a tensor is not strided.

    Examples
    --------
    >>> import torch
    >>> with torch.device("meta"):
    ...     layer = torch.nn.Embedding(4, 2)
    >>> [write.content for write in record(layer)["weight"].writes]
    [Draw(recipe=normal())]
    """
    # to walk through a large model takes milliseconds
    tensors = list(named_tensors(module))
    for name, tensor in tensors:
        if is_lazy(tensor):
            raise LayoutError(
                f"materialize needs shapes; '{name}' of {type(module).__name__} is lazy. "
                "Run one batch on the meta device first, so that it learns them."
            )
        if tensor.is_meta and tensor.layout is not torch.strided:
            raise LayoutError(
                f"materialize needs strided tensors; '{name}' of {type(module).__name__} is "
                f"{tensor.layout}. Make it real before, and it stays as it is."
            )
    meta = {name: tensor for name, tensor in tensors if tensor.is_meta}
    found: dict[str, Recorded] = {}
    for name, tensor in meta.items():
        if (constructed := constructor_of(tensor)) is not None:
            found[name] = Recorded(name, View.of(tensor), constructed.cell(tensor))
    if found.keys() != meta.keys():
        found = {**_begun(module, [tensor for _, tensor in tensors if not tensor.is_meta]), **found}
    owned = {id(recorded.cell) for recorded in found.values()}
    for recorded in found.values():
        inline(recorded.cell, owned)
    name_draws(found, state_names(module, found, prefix))
    return found


def _begun(module: torch.nn.Module, kept: list[torch.Tensor]) -> dict[str, Recorded]:
    """Record a module's own methods, which leave what is kept as it is."""
    recorder = Recorder(kept)
    with _untied(module) as spares, recorder, torch.no_grad():
        _begin(module, recorder, {}, False)
    found: dict[str, Recorded] = {}
    for name, tensor in named_tensors(module):
        if tensor.is_meta:
            seen = (Recorded(name, View.of(one), recorder.cell(one)) for one in (tensor, *spares(tensor)))
            known = [recorded for recorded in seen if recorded.unmade is None]
            found[name] = known[0] if known else Recorded(name, View.of(tensor), recorder.cell(tensor))
    return found


@contextmanager
def _untied(module: torch.nn.Module) -> Iterator[Callable[[torch.Tensor], list[torch.Tensor]]]:
    """Give every tied tensor to the first module that has it; the others get spares meanwhile.

    A tied tensor begins as its first owner says, as where ``head.weight = embedding.weight`` follows both
    constructors. Yielded is a function that returns the spares of a tensor.
    """
    firsts: dict[int, tuple[dict[str, Any], str]] = {}
    spares: dict[int, list[torch.Tensor]] = {}
    replaced: list[tuple[dict[str, Any], str, tuple[dict[str, Any], str]]] = []
    slots: list[tuple[dict[str, Any], str]] = []
    for part in module.modules():
        slots += [(part._parameters, name) for name in part._parameters]
        slots += [(part._buffers, name) for name in part._buffers]
    for slot, name in slots:
        tensor = slot[name]
        if tensor is None or not tensor.is_meta:
            continue
        if id(tensor) not in firsts:
            firsts[id(tensor)] = (slot, name)
            continue
        spare = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
        if isinstance(tensor, torch.nn.Parameter):
            spare = torch.nn.Parameter(spare, tensor.requires_grad)
        slot[name] = spare
        spares.setdefault(id(tensor), []).append(spare)
        replaced.append((slot, name, firsts[id(tensor)]))
    try:
        yield lambda tensor: spares.get(id(tensor), [])
    finally:
        for slot, name, (owner, first) in replaced:
            slot[name] = owner[first]


def named_tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every parameter, then every buffer of a module, tied ones under each of their names.

    Then come tensors that are plain attributes, or in a list, tuple or dict that is one, and neither
    a parameter nor a buffer.
    """
    listed = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    yield from listed
    known = {id(tensor) for _, tensor in listed}
    for prefix, part in module.named_modules():
        for last, tensor in _plain(part):
            if id(tensor) not in known:
                known.add(id(tensor))
                yield (f"{prefix}.{last}" if prefix else last), tensor


_CONTAINERS = (list, tuple, dict)
_REGISTRIES = ("_parameters", "_buffers", "_modules")


def _plain(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors that a module holds in plain attributes."""
    for name, value in vars(module).items():
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, _CONTAINERS) and value and name not in _REGISTRIES:
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(item, torch.Tensor):
                    yield f"{name}.{key}", item


def _begin(module: torch.nn.Module, recorder: Recorder, begun: dict[int, bool], inside: bool) -> bool:
    """Run a module's own beginnings, those of its children first; return whether any of it is on meta."""
    if id(module) in begun:
        return begun[id(module)]
    pretrained = _is_pretrained(module)
    below = [_begin(child, recorder, begun, inside or pretrained) for child in module.children()]
    begun[id(module)] = any(below) or _holds_meta(module)
    if begun[id(module)]:
        _run_methods(module, recorder, pretrained, inside)
    return begun[id(module)]


def _run_methods(module: torch.nn.Module, recorder: Recorder, pretrained: bool, inside: bool) -> None:
    for name in ("reset_parameters", "_reset_parameters"):
        if (method := _method(module, name)) is not None and not _needed(method):
            _run(module, name, method, recorder)
    if pretrained:
        if not inside and (method := _method(module, "initialize_weights")) is not None:
            forget(module)
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


def forget(module: torch.nn.Module) -> None:
    """Take transformers' marks off what is on the meta device: it skips modules that have begun."""
    _forget(module, {})


def _forget(module: torch.nn.Module, seen: dict[int, bool]) -> bool:
    """Take the marks off a module and those below; return whether any of it is on the meta device."""
    if id(module) not in seen:
        seen[id(module)] = False
        below = [_forget(child, seen) for child in module.children()]
        seen[id(module)] = any(below) or _holds_meta(module)
        if seen[id(module)]:
            module.__dict__.pop("_is_hf_initialized", None)
    return seen[id(module)]


def _holds_meta(module: torch.nn.Module) -> bool:
    """Tell whether a tensor of its own is on the meta device."""
    own = (*module._parameters.values(), *module._buffers.values(), *(tensor for _, tensor in _plain(module)))
    return any(tensor is not None and tensor.is_meta for tensor in own)


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
            for part in module.modules():
                _assign_parametrized(part, recorder)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        why = f"{type(module).__name__}.{name} raised {type(error).__name__}: {first}"
        for _, tensor in named_tensors(module):
            if tensor.is_meta:
                recorder.cell(tensor).add(Write(View.of(tensor), Lost(why)))


def _assign_parametrized(module: torch.nn.Module, recorder: Recorder) -> None:
    """Set what parametrizations are made from, so that they make what was written to the weight."""
    if not parametrize.is_parametrized(module):
        return
    for name in module.parametrizations:  # type: ignore[union-attr]
        weight = getattr(module, str(name))
        contents = [write.content for write in recorder.cell(weight).writes] if weight.is_meta else []
        if any(not isinstance(content, Call) or content.output is None for content in contents):
            setattr(module, str(name), weight)
