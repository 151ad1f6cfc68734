"""The methods of a module that write its tensors, run as constructors run them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import torch
from torch.nn.utils import parametrize

from .construction import was_deferred
from .holding import holds_meta, named_tensors, times_written
from .recorder import Recorder
from .recording import Call, Lost
from .resets import Resets
from .ties import is_pretrained
from .walking import named_parts

__all__ = ["RUN", "Methods", "calls_in_constructor", "forget", "names_in_constructors"]

# The usual names of the argument for the module to which a method is applied.
_APPLIED_TO = ("m", "module", "mod", "layer", "submodule")
_RESETS = ("reset_parameters", "_reset_parameters")
_INITS = ("init_weights", "_init_weights")
RUN = (*_RESETS, *_INITS)
"""The methods that are run, except those of transformers."""


class Methods:
    """Runs the methods of a module and of all below it, once.

    Attributes
    ----------
    begun : dict of int to bool
        By the identity of a module: whether it, or a module below it, has tensors on the meta device.
    repeated : dict of int to int
        By the identity of a meta tensor: the number of further writes, in torch's count, that its methods
        make if several constructors call them.
    applied : dict of int to int
        By the identity of a watched tensor: the number of writes by methods that run after construction.
    """

    def __init__(self, recorder: Recorder, watched: Sequence[torch.Tensor] = ()) -> None:
        self.recorder = recorder
        self.watched = watched
        self._resets = Resets(recorder)
        self.begun: dict[int, bool] = {}
        self.repeated: dict[int, int] = {}
        self.applied: dict[int, int] = {}

    def begin(self, module: torch.nn.Module, inside: bool = False) -> bool:
        """Run a module's own methods after those of its children; return whether any tensor is on meta."""
        if id(module) in self.begun:
            return self.begun[id(module)]
        pretrained, recorded = is_pretrained(module), was_deferred(module)
        covers = inside or (pretrained and not recorded)
        below = [self.begin(child, covers) for child in module.children()]
        # to read a tensor is nothing that the recorder has to see
        with torch._C.DisableTorchFunction():
            self.begun[id(module)] = any(below) or holds_meta(module)
        if self.begun[id(module)] and not recorded:
            self._begin_one(module, pretrained, inside)
        return self.begun[id(module)]

    def _begin_one(self, module: torch.nn.Module, pretrained: bool, inside: bool) -> None:
        for name in _RESETS:
            if (method := _method(module, name)) is not None:
                arguments = _arguments(method)
                if not any(arguments.values()):
                    self._run(module, name, method, bool(arguments))
        if inside:
            # transformers calls only the methods of the outermost model
            return
        if pretrained:
            if (method := _method(module, "initialize_weights")) is not None:
                forget(module)
                self._run(module, "initialize_weights", method)
            return
        for name in _INITS:
            if (method := _method(module, name)) is None:
                continue
            arguments = _arguments(method)
            needed = [each for each, is_needed in arguments.items() if is_needed]
            if not needed:
                self._run(module, name, method, bool(arguments))
            elif len(needed) == 1 and needed[0] in _APPLIED_TO:
                self._run(module, name, partial(module.apply, method))

    def _run(
        self, module: torch.nn.Module, name: str, method: Callable[[], Any], defaulted: bool = False
    ) -> None:
        """Record one method; if it cannot run, every tensor that it may have written is lost."""
        kind: Any = type(module)
        calls = calls_in_constructor(kind, frozenset({name}))
        if calls and defaulted:
            self._lose(module, f"{type(module).__name__}.{name} has arguments that its constructor may set")
            return
        tensors = [tensor for _, tensor in named_tensors(module) if tensor.is_meta] if calls > 1 else []
        before = [times_written(tensor) for tensor in tensors]
        watched = () if name in _RESETS else self.watched
        times_before = [times_written(tensor) for tensor in watched]
        try:
            if calls < 2 and self._resets.run(module, name, method):
                pass
            elif name in _RESETS:
                # within this block, every access of a parametrized weight returns the same tensor
                with parametrize.cached():
                    method()
                    for _, part in named_parts(module):
                        self._assign_parametrized(part, module, name)
            else:
                method()
        except Exception as error:
            first = str(error).strip().partition("\n")[0]
            self._lose(module, f"{type(module).__name__}.{name} raised {type(error).__name__}: {first}")
        for tensor, times in zip(tensors, before, strict=True):
            more = (times_written(tensor) - times) * (calls - 1)
            self.repeated[id(tensor)] = self.repeated.get(id(tensor), 0) + more
        for tensor, times in zip(watched, times_before, strict=True):
            self.applied[id(tensor)] = self.applied.get(id(tensor), 0) + times_written(tensor) - times

    def _lose(self, module: torch.nn.Module, why: str) -> None:
        for _, tensor in named_tensors(module):
            if tensor.is_meta:
                self.recorder.write(tensor, Lost(why))

    def _assign_parametrized(self, part: torch.nn.Module, module: torch.nn.Module, name: str) -> None:
        """Set the originals of parametrizations so that they give the values that the module's reset wrote.

        The module's own reset ran before it was parametrized. It is unknown whether that of a module above
        did.
        """
        if not parametrize.is_parametrized(part) or was_deferred(part):
            return
        for last, parametrization in part.parametrizations.items():  # type: ignore[union-attr, operator]
            weight = getattr(part, str(last))
            contents = (
                [write.content for write in self.recorder.cell(weight).writes] if weight.is_meta else []
            )
            if not any(not isinstance(content, Call) or content.output is None for content in contents):
                continue
            if part is module:
                setattr(part, str(last), weight)
                continue
            for original in parametrization.parameters(recurse=False):
                if original.is_meta:
                    why = f"{type(module).__name__}.{name} writes to the parametrized '{last}', now or before"
                    self.recorder.write(original, Lost(why))


def calls_in_constructor(kind: type, names: frozenset[str]) -> int:
    """Return the number of constructors, of a class and its bases, that mention one of some names."""
    return sum(not names.isdisjoint(mentioned) for mentioned in names_in_constructors(kind))


@lru_cache(maxsize=1024)
def names_in_constructors(kind: type) -> tuple[frozenset[str], ...]:
    """Return the names that each constructor of a class and its bases mentions."""
    made = [vars(base).get("__init__") for base in kind.__mro__]
    return tuple(frozenset(_names(each.__code__)) for each in made if inspect.isfunction(each))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def forget(module: torch.nn.Module) -> None:
    """Remove transformers' marks from tensors on the meta device; it skips marked tensors."""
    with torch._C.DisableTorchFunction():
        _forget(module, {})


def _forget(module: torch.nn.Module, seen: dict[int, bool]) -> bool:
    """Remove the marks of a module and those below; return whether any tensor is on the meta device."""
    if id(module) not in seen:
        seen[id(module)] = False
        below = [_forget(child, seen) for child in module.children()]
        seen[id(module)] = any(below) or holds_meta(module)
        if seen[id(module)]:
            module.__dict__.pop("_is_hf_initialized", None)
            for tensor in (*module._parameters.values(), *module._buffers.values()):
                if tensor is not None and tensor.is_meta:
                    tensor.__dict__.pop("_is_hf_initialized", None)
    return seen[id(module)]


def _method(module: torch.nn.Module, name: str) -> Callable[..., Any] | None:
    kind = type(module)
    if (
        not hasattr(kind, name)
        and name not in vars(module)
        and kind.__getattr__ is torch.nn.Module.__getattr__
        and kind.__getattribute__ is object.__getattribute__
    ):
        # what torch finds elsewhere is a tensor or a module
        return None
    method = getattr(module, name, None)
    holder = getattr(method, "__self__", module)
    if isinstance(holder, torch.nn.Module) and holder is not module:
        # a wrapper exposes the method of the module that it wraps, which is run by itself
        return None
    return method if inspect.ismethod(method) or inspect.isfunction(method) else None


def _arguments(method: Callable[..., Any]) -> dict[str, bool]:
    """Return the names of a method's arguments, and whether each is required."""
    function = getattr(method, "__func__", None)
    # other objects that are bound may have no hash
    return _arguments_of(function) if isinstance(function, FunctionType) else _read(method)


@lru_cache(maxsize=1024)
def _arguments_of(function: Callable[..., Any]) -> dict[str, bool]:
    # a model has hundreds of layers of one class; the first argument is bound
    return _read(MethodType(function, object()))


def _read(method: Callable[..., Any]) -> dict[str, bool]:
    any_number = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        each.name: each.default is each.empty
        for each in inspect.signature(method).parameters.values()
        if each.kind not in any_number
    }
