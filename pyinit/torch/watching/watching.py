"""`Watching`: a training that is watched, from the first step to the last."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.hooks import RemovableHandle

from ...errors import ArgumentError, MissingLibraryError
from ...lab.export.recording import record_film
from ...lab.live.film import Film
from ...lab.notebook.show import lab
from ...lab.outlets.outlet import Outlet
from ...lab.probe.measure.axes import axes_of
from ..probing.tracing import Known
from .clock import Clock
from .doorbell import Doorbell
from .sample import Sample

if TYPE_CHECKING:
    from ...lab.notebook.film import FilmWidget
    from ...lab.serve.launch import Screening

__all__ = ["Watching"]

_AXES = axes_of(64, None, False)
# updates in a row before which the module was not called
_PATIENCE = 2


class Watching(Film):
    """A training that `pyinit.torch.watch` watches, while the ``with`` block runs, and what was seen of it.

    Attributes
    ----------
    report : Report or None
        The newest sample, as a report of `pyinit.torch.probe`.
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Sequence[tuple[str, nn.Module]],
        every: int,
        outlets: Sequence[Outlet],
        scaler: torch.amp.GradScaler | None,
        start: int,
        threads: int | None,
    ) -> None:
        super().__init__(type(module).__name__)
        self._module, self._watched, self._every = module, list(layers), every
        self._outlets, self._scaler, self._threads = list(outlets), scaler, threads
        self._start, self._done, self._missed = start, start, 0
        self._known: Known = {}
        self._clock, self._bell = Clock(module), Doorbell(self)
        self._hook: RemovableHandle | None = None
        # a sample whose call runs; one that was called and waits for updates; those that raised an exception
        self._running: Sample | None = None
        self._waiting: Sample | None = None
        self._failed: list[Sample] = []
        self._is_counted_by_hand = self._is_begun = False

    def __enter__(self) -> Watching:
        if self._is_begun:
            raise ArgumentError("watch is for one block; got a second. Call pyinit.torch.watch again.")
        self._is_begun = True
        self._hook = register_optimizer_step_post_hook(self._updated)
        self._bell.hang(self._module)
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        self._bell.remove()
        self._release()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.drop()
            if waiting.has_updates:
                self._finish(waiting)
        # what was seen may be kept for longer than the module
        del self._module, self._clock
        self._watched.clear()
        self._known.clear()
        for outlet in self._outlets:
            outlet.close(self)
        if kind is None and self._done == self._start:
            warnings.warn(
                "pyinit.torch.watch saw no optimizer of torch update a parameter of the module, and recorded "
                "nothing. Call step() of what it returned after each update.",
                UserWarning,
                stacklevel=2,
            )

    def step(self) -> None:
        """Count an update of the weights that no optimizer of torch makes; it has just been made.

        Raises
        ------
        ArgumentError
            If an optimizer of torch updates the module: its steps are counted without this call. If the
            ``with`` block has not begun or is over.
        """
        if self._hook is None:
            when = "after" if self._is_begun else "before"
            raise ArgumentError(
                f"step() counts an update in the with block of watch; got a call {when} it. Call it inside."
            )
        if self._clock.has_begun:
            raise ArgumentError("an optimizer of torch counts the steps; got a call of step(). Leave it out.")
        self._is_counted_by_hand = True
        if self._waiting is not None:
            self._waiting.update(lambda _: True)
            self._without_strays()
        self._tick()

    def show(self) -> FilmWidget:
        """Return the lab's page as a widget that shows this training, live, as `pi.lab` does.

        Raises
        ------
        MissingLibraryError
            If anywidget is not installed.
        """
        found: FilmWidget = lab(self)
        return found

    def serve(self, port: int | None = None) -> Screening:
        """Serve the lab's page on this machine from a thread of its own, live, and print its address.

        Parameters
        ----------
        port : int, optional
            0 for any that is free; by default that of ``pyinit lab``, or any where that is taken.

        Returns
        -------
        Screening
            Its ``address`` is for a browser on this machine alone; ``close()`` ends it, as the process does.

        Raises
        ------
        ArgumentError
            If the port is taken.
        MissingLibraryError
            If starlette, uvicorn or websockets is not installed.
        """
        try:
            from ...lab.serve.launch import Screening
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "websockets"):
                raise
            raise MissingLibraryError(
                f"a page on this machine needs {error.name}, which is not installed. Run pip install "
                "'pyinit-nn[lab]', or write a page with export()."
            ) from None
        screening = Screening(self, port)
        print(f"pyinit lab: {screening.address}", flush=True)
        return screening

    def export(self, path: str | PathLike[str]) -> None:
        """Write what was seen as one page of HTML that plays it, without server and network.

        Raises
        ------
        ArgumentError
            If nothing was recorded yet.
        FileExistsError
            If there is such a file.
        """
        page = record_film(self)
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(page)

    def called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin a sample with this call of the module, unless the step has one."""
        self._release()
        waiting = self._waiting
        if waiting is not None:
            waiting.settle()
            is_new = waiting.step != self._done
            if not is_new and not (waiting.is_broken or waiting.is_stray):
                return
            waiting.drop()
            self._waiting = None
            if is_new:
                self._finish(waiting)
        scale = None if self._scaler is None else self._scaler.get_scale
        sample = Sample(self._done, _AXES, self._threads, self._known, scale)
        self._running = sample
        try:
            sample.begin(self._module, self._watched, args, kwargs)
        except BaseException:
            self._running = None
            sample.drop()
            raise

    def returned(self, output: Any) -> None:
        """End the call; a sample of a call that raised an exception is not one."""
        sample, self._running = self._running, None
        if sample is None:
            return
        if output is None and sys.exc_info()[0] is not None:
            # torch goes through the hooks of the module now, which may lie on it, so they are removed later
            self._failed.append(sample)
            sample.pause()
            return
        sample.end(output)
        if sample.is_seen:
            self._waiting, self._missed = sample, 0
        else:
            sample.drop()

    def _updated(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Count and measure an optimizer's update, which has just been made."""
        if not self._clock.concerns(optimizer):
            return
        waiting = self._waiting
        if waiting is not None:
            if self._scaler is None:
                _refuse_scaled()
            own = {id(one) for group in optimizer.param_groups for one in group["params"]}
            waiting.update(lambda weight: id(weight) in own)
            waiting = self._without_strays()
        if self._clock.ticks(optimizer):
            if self._is_counted_by_hand:
                raise ArgumentError("an optimizer of torch counts the steps, and step() did. Leave it out.")
            self._tick()
        elif waiting is not None and waiting.is_complete:
            self._waiting = None
            self._finish(waiting)

    def _without_strays(self) -> Sample | None:
        """Return the sample that waits, unless its call was left without a backward pass."""
        if self._waiting is not None and self._waiting.is_stray:
            self._waiting.drop()
            self._waiting, self._missed = None, -1
        return self._waiting

    def _tick(self) -> None:
        self._release()
        waiting = self._waiting
        if waiting is not None and (waiting.is_complete or waiting.step != self._done):
            self._waiting = None
            self._finish(waiting)
        was_seen = waiting is not None and waiting.step == self._done
        self._done += 1
        is_due = (self._done - self._start) % self._every == 0
        if was_seen and not is_due:
            self._bell.remove()
        elif is_due or self._bell.hangs:
            # again, as an interrupted call may wait for its end
            self._missed += not was_seen
            self._bell.hang(self._module)
        if self._missed == _PATIENCE:
            self._missed += 1
            warnings.warn(
                f"pyinit.torch.watch saw {_PATIENCE} updates of {self.label} and no call of it in training "
                "mode with gradients, and could not sample them. A compiled module is not seen, nor a call "
                "in a transform of torch.func or of tensors whose class redefines operations: watch the "
                "eager module, and train it uncompiled and on plain tensors.",
                UserWarning,
                stacklevel=4,
            )

    def _release(self) -> None:
        """Give up samples whose call did not return."""
        if self._running is not None:
            self._failed.append(self._running)
            self._running = None
        for sample in self._failed:
            sample.drop()
        self._failed.clear()

    def _finish(self, sample: Sample) -> None:
        report = sample.report(f"step {sample.step}")
        self.add(sample.step, report)
        for outlet in self._outlets:
            outlet.write(sample.step, report, self)


def _refuse_scaled() -> None:
    """Raise an error if a scaler of gradients, which was not given, makes this update."""
    step: CodeType = torch.amp.GradScaler.step.__code__
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code is step and frame.f_locals["self"].is_enabled():
            raise ArgumentError(
                "watch needs the GradScaler that multiplies the loss, to divide gradients by its scale; got "
                "none. Give scaler=scaler."
            )
        frame = frame.f_back  # type: ignore[assignment]
