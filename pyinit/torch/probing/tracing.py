"""A trace of a module's run, call by call: layers with weights, and the functions between two of them.

Hooks see the modules that own weights. A mode for torch's functions sees what their outputs enter, whether a
module or plain code calls it. Every tensor is counted immediately, because a function in place may overwrite
it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode, _pop_mode_temporarily
from torch.utils.hooks import RemovableHandle
from torch.utils.weak import WeakTensorKeyDictionary

from ...lab.probe.measure.axes import Axes
from ...lab.probe.measure.saturation import flat_ends
from ...lab.probe.verdict.evidence import FEW
from ...linalg.statistics import Moments
from .calls import Call, Stage, Tag
from .counting import Flags, counted, is_flat, is_zero, share_beyond
from .layers import inputs_of, made_of, units_axis, weights_of
from .nonlinearity import Nonlinearity, of_call, of_module

__all__ = ["Known", "Trace"]

Known: TypeAlias = dict[torch.nn.Module, Nonlinearity | None]

_NORMS = {
    "batch_norm": "batch",
    "layer_norm": "layer",
    "group_norm": "group",
    "instance_norm": "instance",
    "rms_norm": "rms",
}
_VIEWS = frozenset(
    ("contiguous", "flatten", "reshape", "squeeze", "unflatten", "unsqueeze", "view", "view_as")
)
_CHANGES = frozenset(("alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d"))
_TURNS = frozenset(("movedim", "permute", "transpose"))
_SUMS = frozenset(("add", "__add__", "__radd__", "__iadd__"))


class Trace(TorchFunctionMode):
    """Traces the run of a module, while it is open.

    Parameters
    ----------
    axes : Axes
        The axes of the histograms.
    threads : int, optional
        At most this many threads for the statistics.
    known : dict of Module to Nonlinearity or None, optional
        What modules without weights compute, as earlier traces found; this one adds to it.
    scale : callable, optional
        Returns the number by which the loss is multiplied before the backward pass; gradients are divided by
        it.

    Attributes
    ----------
    calls : list of Call
        The calls, in the order in which they ended.
    """

    def __init__(
        self,
        axes: Axes,
        threads: int | None,
        known: Known | None = None,
        scale: Callable[[], float] | None = None,
    ) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._axes, self._threads = axes, threads
        self._modules: Known = {} if known is None else known
        self._scale = scale
        self._tags = WeakTensorKeyDictionary()
        # whether the trace itself works on tensors
        self._is_busy = False
        self._is_closed = False

    def close(self) -> None:
        """Stop tracing, in whatever order traces and other modes for torch's functions were opened.

        A trace below another mode does nothing from now on, and leaves the stack with the one above it.
        """
        self._is_busy = self._is_closed = True
        while isinstance(top := _get_current_function_mode(), Trace) and top._is_closed:  # type: ignore[no-untyped-call]
            top.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def begin(self, tensor: torch.Tensor) -> None:
        """Mark a tensor as the module's input."""
        self._tag(tensor, None, "input")

    def tag_of(self, tensor: Any) -> Tag | None:
        """Return the origin of a tensor, or None."""
        if not isinstance(tensor, torch.Tensor):
            return None
        tag: Tag | None = self._tags.get(tensor)  # type: ignore[no-untyped-call]
        return tag

    def watch(self, name: str, module: torch.nn.Module) -> RemovableHandle:
        """Add a hook to a layer with weights."""

        def after(_: Any, args: Any, kwargs: Any, output: Any) -> None:
            self._quietly(lambda: self._of_layer(name, module, _first((args, kwargs)), _first(output)))

        return module.register_forward_hook(after, with_kwargs=True)

    def watch_function(self, module: torch.nn.Module) -> ExitStack:
        """Add hooks to a module without weights, which may be an activation, until the stack is closed."""

        def after(_: Any, args: Any, output: Any) -> None:
            self._quietly(lambda: self._of_function(module, entered.pop(), _first(args), output))

        def before(_: Any, args: Any) -> None:
            x = _first(args)
            tag = self._current(x)
            entered.append(replace(tag, version=x._version) if tag is not None and tag.is_open else None)

        # torch's functions inside the module may claim the tensor that enters it
        entered: list[Tag | None] = []
        stack = ExitStack()
        stack.callback(module.register_forward_pre_hook(before).remove)
        stack.callback(module.register_forward_hook(after).remove)
        return stack

    def count_gradient(self, gradients: Sequence[torch.Tensor], kind: str) -> Moments:
        """Return the moments of gradients, of the loss without its scale."""
        scale = 1.0 if self._scale is None else self._scale()
        if scale != 1.0:
            gradients = [one.detach().float() / scale for one in gradients]
        return counted(gradients, kind, self._axes, self._threads)

    def _quietly(self, work: Callable[[], None]) -> None:
        if self._is_closed:
            return
        was, self._is_busy = self._is_busy, True
        # a trace that is called for nothing costs more than its statistics
        is_top = _get_current_function_mode() is self  # type: ignore[no-untyped-call]
        try:
            with _pop_mode_temporarily() if is_top else nullcontext():
                work()
        finally:
            self._is_busy = was

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if not name.startswith("__"):
            name = name.rstrip("_")
        if self._is_busy:
            return func(*args, **kwargs)
        if name in _SUMS:
            return self._of_sum(func, args, kwargs)
        tensor = args[0] if args else kwargs.get("input")
        tag = self.tag_of(tensor)
        if tag is None:
            return func(*args, **kwargs)
        phi = of_call(name, args, kwargs) if tag.is_open else None
        if phi is not None:
            return self._of_activation(tag, tensor, phi, lambda: func(*args, **kwargs))
        # the function may overwrite the tensor
        is_same = tag.is_exact and tensor._version == tag.version
        made = func(*args, **kwargs)
        if not isinstance(made, torch.Tensor) or made is tensor:
            return made
        call = tag.call
        if name in _NORMS:
            if call is not None and tag.stage == "output" and is_same and call.norm is None:
                self._enter(call, made)
                call.norm = _NORMS[name]
                self._tag(made, call, "output", is_turned=tag.is_turned)
        elif name in _VIEWS:
            self._tag(made, call, tag.stage, is_exact=is_same, is_turned=tag.is_turned)
        elif name in _CHANGES or name in _TURNS or "pool" in name:
            turned = tag.is_turned or name in _TURNS
            self._tag(made, call, tag.stage, is_exact=False, is_turned=turned)
        return made

    def _of_layer(self, name: str, module: torch.nn.Module, x: Any, z: Any) -> None:
        if not _is_counted(z):
            return
        before, axis = self._current(x), units_axis(module, z)
        weights = weights_of(module)
        units = z.shape[axis] if z.ndim else 1
        inputs = inputs_of(module, x, weights, units)
        entering = None
        if _is_counted(x):
            entering = self._count(x, "").second_moment if units < FEW else math.nan
        call = Call(name, len(self.calls), module, weights, inputs, units, axis, before, entering)
        self.calls.append(call)
        call.moments["weight"] = counted(made_of(module, weights), "weight", self._axes, self._threads)
        self._enter(call, z)
        # the same numbers: a layer without an activation hands them on
        kinds = ("pre-activation", "activation")
        is_same = self._axes.fixed(kinds[0]) == self._axes.fixed(kinds[1])
        made = replace(call.moments[kinds[0]], saturated=None) if is_same else self._count(z, kinds[1])
        call.moments[kinds[1]] = replace(made, dead=_share(is_zero(z, axis) if z.ndim else None))
        self._tag(z, call, "output")

    def _of_function(self, module: torch.nn.Module, tag: Tag | None, x: Any, made: Any) -> None:
        if tag is None or not _is_counted(made) or made is x or made.shape != x.shape:
            return
        after = self._current(made)
        is_seen = after is not None and after.stage == "activation" and after.is_exact
        if is_seen or x._version != tag.version:
            return
        if module not in self._modules:
            self._modules[module] = of_module(module)
        nonlinearity = self._modules[module]
        if nonlinearity is not None:
            self._of_activation(tag, x, nonlinearity, lambda: made)

    def _of_activation(
        self, tag: Tag, z: torch.Tensor, nonlinearity: Nonlinearity, run: Callable[[], Any]
    ) -> Any:
        call, phi = tag.call, nonlinearity.phi
        assert call is not None
        if tag.stage == "sum" or not tag.is_exact or z._version != tag.version:
            self._enter(call, z)
        call.skips, call.nonlinearity = tag.stage == "sum", nonlinearity
        flat: Flags | None = None
        share = None if phi is None else 0.0
        if phi is not None:
            ends = flat_ends(phi)
            if np.isfinite(ends).all():
                share = share_beyond(z, ends, self._threads)
            if _has_units(z, call) and not tag.is_turned:
                flat = is_flat(z, call.axis, phi)
        call.moments["pre-activation"] = replace(call.moments["pre-activation"], saturated=share)
        made = run()
        silent = None
        if made.shape == z.shape and _has_units(made, call) and not tag.is_turned:
            silent = is_zero(made, call.axis)
            silent = silent if flat is None else silent | flat
        call.moments["activation"] = replace(self._count(made, "activation"), dead=_share(silent))
        self._tag(made, call, "activation")
        return made

    def _of_sum(self, func: Any, args: Any, kwargs: Any) -> Any:
        tags = [tag for tag in map(self._current, (*args, kwargs.get("other"))) if tag is not None]
        made = func(*args, **kwargs)
        # in the sum of a block and a projection, the block comes first
        first = next((tag for tag in tags if tag.is_open), None)
        if first is not None and isinstance(made, torch.Tensor):
            self._tag(made, first.call, "sum", is_turned=first.is_turned)
        return made

    def _current(self, tensor: Any) -> Tag | None:
        tag = self.tag_of(tensor)
        if tag is None or tensor._version == tag.version:
            return tag
        return replace(tag, is_exact=False)

    def _enter(self, call: Call, tensor: torch.Tensor) -> None:
        """Record a tensor as the pre-activation of a call."""
        # a linear phi is flat nowhere
        call.moments["pre-activation"] = replace(self._count(tensor, "pre-activation"), saturated=0.0)
        call.goes_back = tensor.requires_grad
        if call.handle is not None:
            call.handle.remove()
            call.handle = None
        if tensor.requires_grad:

            def back(gradient: torch.Tensor) -> None:
                call.moments["gradient"] = self.count_gradient([gradient], "gradient")

            call.handle = tensor.register_hook(back)  # type: ignore[no-untyped-call]

    def _count(self, tensor: torch.Tensor, kind: str) -> Moments:
        return counted([tensor], kind, self._axes, self._threads)

    def _tag(
        self,
        tensor: torch.Tensor,
        call: Call | None,
        stage: Stage,
        *,
        is_exact: bool = True,
        is_turned: bool = False,
    ) -> None:
        # a tensor of inference mode does not tell whether it was overwritten
        if not tensor.is_inference():
            self._tags[tensor] = Tag(call, stage, is_exact, tensor._version, is_turned)


def _share(silent: Flags | None) -> float | None:
    return None if silent is None else int(np.count_nonzero(silent)) / len(silent)


def _is_counted(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel() > 0


def _has_units(tensor: torch.Tensor, call: Call) -> bool:
    """Return whether a call's units lie along its axis; `squeeze` of a batch of one may leave no axis."""
    return tensor.ndim > 0 and tensor.shape[call.axis % tensor.ndim] == call.units


def _first(values: Any) -> Any:
    """Return the first floating-point tensor in nested tuples and dicts, or else the first tensor."""
    if isinstance(values, torch.Tensor):
        return values
    if isinstance(values, dict):
        values = tuple(values.values())
    if not isinstance(values, tuple | list):
        return None
    tensors = [one for one in map(_first, values) if one is not None]
    return next((one for one in tensors if one.is_floating_point()), tensors[0] if tensors else None)
