"""One step of a training, sampled: from the module's call to the update of its last weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ...lab.probe.measure.axes import Axes
from ...lab.probe.report import Report
from ...linalg.statistics import Moments
from ..probing.counting import counted
from ..probing.entries import entry, names_of
from ..probing.hooks import hooked
from ..probing.judging import judged
from ..probing.objective import tensors_of
from ..probing.tracing import Known, Trace

__all__ = ["UPDATE", "Sample"]

UPDATE = "update"
"""The kind of moments that a probe does not have: of a weight after the step minus the weight before."""

# the number of the backward pass that runs, where none does
_NONE = -1
_NOTHING = Moments(0, 0, 0.0, 0.0, math.inf, -math.inf)


class Sample:
    """What one step does, layer by layer.

    Parameters
    ----------
    step : int
        Updates that were made before.
    axes : Axes
    threads : int or None
    known : dict
        What modules without weights compute, as earlier samples found.
    scale : callable or None
        Returns the number by which the loss is multiplied.
    """

    def __init__(
        self,
        step: int,
        axes: Axes,
        threads: int | None,
        known: Known,
        scale: Callable[[], float] | None,
    ) -> None:
        self.step = step
        self._axes, self._threads = axes, threads
        self._trace = Trace(axes, threads, known, scale)
        self._hooks = ExitStack()
        self._inputs, self._rows, self._rms = _NOTHING, 0, 1.0
        self._loss: float | None = None
        self._handles: dict[int, RemovableHandle] = {}
        # by the id of a weight: the positions of the calls that have it
        self._owners: dict[int, list[int]] = {}
        # by the id of a weight: those that got a gradient, and their values until they are updated
        self._taken: dict[int, torch.Tensor] = {}
        self._before: dict[int, torch.Tensor] = {}
        # by the position of a call: gradients and updates, until all of its weights have theirs
        self._gradients: dict[int, dict[int, torch.Tensor]] = {}
        self._updates: dict[int, dict[int, torch.Tensor]] = {}
        self.has_updates = False

    @property
    def is_seen(self) -> bool:
        """Whether a layer was called."""
        return bool(self._trace.calls)

    @property
    def is_complete(self) -> bool:
        """Whether the backward pass is over, and every weight that it came to was updated."""
        return self.has_updates and not self._handles and not self._before

    @property
    def is_broken(self) -> bool:
        """Whether the backward pass has made numbers that are not finite."""
        found = (call.moments.get("weight gradient") for call in self._trace.calls)
        return any(one is not None and one.nonfinite for one in found)

    @property
    def is_stray(self) -> bool:
        """Whether weights got gradients, but from a backward pass that did not come to this call."""
        calls = self._trace.calls
        comes = any(call.goes_back for call in calls) and bool(self._taken)
        return comes and not any("gradient" in call.moments for call in calls)

    def begin(
        self,
        module: nn.Module,
        layers: Sequence[tuple[str, nn.Module]],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        """Watch a call of the module, which begins now."""
        values = (*args, *kwargs.values())
        self._hooks.enter_context(hooked(self._trace, module, layers, values))
        given = _given(values)
        if given is not None:
            self._inputs, self._rows = self._counted([given], "activation"), len(given)
            if given.is_floating_point():
                self._rms = math.sqrt(self._inputs.second_moment) or 1.0
        self._trace.__enter__()  # type: ignore[no-untyped-call]

    def end(self, output: Any) -> None:
        """Stop watching the call, and wait for the gradients of its weights."""
        self.let_go()
        loss = output.get("loss") if isinstance(output, Mapping) else None
        if isinstance(loss, torch.Tensor) and loss.numel() == 1:
            self._loss = float(loss.detach())
        weights: dict[int, torch.Tensor] = {}
        for at, call in enumerate(self._trace.calls):
            for one in call.weights:
                if one.requires_grad:
                    weights[id(one)] = one
                    self._owners.setdefault(id(one), []).append(at)
        for one in weights.values():
            self._handles[id(one)] = one.register_hook(self._taking(one))  # type: ignore[no-untyped-call]

    def pause(self) -> None:
        """Trace no longer; the hooks stay, and do nothing."""
        self._trace.close()

    def let_go(self) -> None:
        """Remove the hooks of the forward pass."""
        self._trace.close()
        self._hooks.close()

    def settle(self) -> None:
        """Take a backward pass that has begun for the whole of it: a later one is of another batch."""
        if not self._taken:
            return
        self._remove()
        for at, found in self._gradients.items():
            self._take(at, list(found.values()))
        self._gradients.clear()

    def drop(self) -> None:
        """Remove every hook, and forget what weights were."""
        self.let_go()
        self._remove()
        self._before.clear()

    def update(self, is_of: Callable[[torch.Tensor], bool]) -> None:
        """Measure the updates of weights that have just been made."""
        # some make them during the backward pass
        if torch._C._current_graph_task_id() == _NONE:
            self.settle()
        new = {one: weight for one, weight in self._taken.items() if one in self._before and is_of(weight)}
        for one, weight in new.items():
            change = _difference(weight.detach(), self._before.pop(one))
            self.has_updates = True
            for at in self._owners[one]:
                call = self._trace.calls[at]
                own = [id(each) for each in call.weights if id(each) in self._taken]
                found = self._updates.setdefault(at, {})
                found[one] = change
                if len(found) == len(own):
                    call.moments[UPDATE] = self._counted([found[each] for each in own], UPDATE)
                    del self._updates[at]

    def report(self, title: str) -> Report:
        """Return the report of a probe, whose layers have the moments of their updates, too."""
        self.drop()
        calls = self._trace.calls
        names = names_of(calls)
        verdicts, verdict = judged(calls, names, self._rms, went_back=lambda call: call.goes_back)
        entries = tuple(
            entry(call, name, {}, own) for call, name, own in zip(calls, names, verdicts, strict=True)
        )
        for call in calls:
            # a graph that is kept may be gone through again
            call.moments = {}
        return Report(title, self._rows, None, 0, self._inputs, entries, verdict, self._loss)

    def _taking(self, weight: torch.Tensor) -> Callable[[torch.Tensor], None]:
        """Return a hook that takes the first gradient of a weight, and the weight before its update."""

        def take(gradient: torch.Tensor) -> None:
            handle = self._handles.pop(id(weight), None)
            if handle is None:
                return
            handle.remove()
            self._taken[id(weight)] = weight
            self._before[id(weight)] = weight.detach().clone()
            for at in self._owners[id(weight)]:
                own = [id(one) for one in self._trace.calls[at].weights if one.requires_grad]
                found = self._gradients.setdefault(at, {})
                found[id(weight)] = gradient
                if len(found) == len(own):
                    self._take(at, [found[one] for one in own])
                    del self._gradients[at]

        return take

    def _take(self, at: int, gradients: Sequence[torch.Tensor]) -> None:
        moments = self._trace.count_gradient(gradients, "weight gradient")
        self._trace.calls[at].moments["weight gradient"] = moments

    def _remove(self) -> None:
        for handle in self._handles.values():
            handle.remove()
        self._handles.clear()

    def _counted(self, tensors: Sequence[torch.Tensor], kind: str) -> Moments:
        return counted(tensors, kind, self._axes, self._threads)


def _difference(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    if after.dtype in (torch.bfloat16, torch.float16):
        return after.float() - before.float()
    return after - before


def _given(values: Sequence[Any]) -> torch.Tensor | None:
    """Return the tensor that a probe calls the input: the first floating-point one, or else the first."""
    tensors = [one for one in values if isinstance(one, torch.Tensor)]
    floating = [one for one in tensors if one.is_floating_point()]
    listed = (*floating, *tensors, *tensors_of(values))
    return next((one for one in listed if one.ndim and one.numel() and not one.is_complex()), None)
