"""`pyinit.torch.watch` samples a training loop, and leaves it as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...errors import ArgumentError, RecipeError
from ...lab.outlets.choice import outlets_of
from ...stream.arguments import brief, check_threads, count
from ..probing.admission import Modules, check_module, chosen
from .watching import Watching

__all__ = ["watch"]


def watch(
    module: nn.Module,
    every: int = 50,
    to: Any = None,
    *,
    modules: Modules | None = None,
    scaler: torch.amp.GradScaler | None = None,
    start: int = 0,
    threads: int | None = None,
) -> Watching:
    """Watch a module while a loop of your own trains it, and record every so many steps what a probe would.

    A step is an update by an optimizer of torch. In a step that is sampled, the first call of the module in
    training mode with gradients enabled, and the backward pass through it, are measured as
    `pyinit.torch.probe` does: moments and histograms of pre-activation, activation and gradient of each call
    of each layer, of the layer's weights and of their gradient, saturated and dead shares, and verdicts. The
    moments of kind "update" are of the weights after the step minus the weights before.

    Nothing that is trained changes: weights have the same bits with and without, and torch's generators are
    left alone. Between samples the module has no hook: an update is counted, and that is all.

    Parameters
    ----------
    module : torch.nn.Module
        An eager module with memory.
    every : int
        Sample steps 0, `every`, 2 `every` and so on.
    to : SummaryWriter, wandb run, callable, or list of these, optional
        Where samples go besides. TensorBoard and Weights & Biases get numbers and histograms of each layer,
        and a picture of all layers over time for each number. A callable is called with the step and the
        `pyinit.Report`.
    modules : str, iterable of str, or callable, optional
        The layers, as in `pyinit.torch.probe`.
    scaler : torch.amp.GradScaler, optional
        What multiplies the loss. Gradients are divided by its scale.
    start : int
        The number of the first step, where a training is continued.
    threads : int, optional
        At most this many threads for the statistics.

    Returns
    -------
    Watching
        Its ``with`` block watches. ``report`` is the newest sample, ``over_time("update ratio")`` has one
        number of each layer at each step. ``show()`` returns the lab's page for a notebook cell, live, as
        `pyinit.lab` does with it; ``serve()`` serves that page for a browser; ``export(path)`` writes one
        that plays what was recorded.

    Raises
    ------
    RecipeError
        If the module is none, is compiled or scripted, has no layer with weights, or a pattern matches none.
    LayoutError
        If a parameter or buffer has no memory, or this rank holds only a part of it.
    ArgumentError
        If `every`, `start`, `to` or `scaler` is not valid. Also in the loop, at the first step, if a
        GradScaler makes the update and was not given.

    Warns
    -----
    UserWarning
        If updates are made and the module is not called: a compiled module runs without its hooks. At the
        end, if no optimizer updated the module.

    Notes
    -----
    *A step with several calls*, as with gradient accumulation, is sampled at its first call: activations and
    gradients are those of that batch, with its loss as it was scaled. Only the update is that of the whole
    step. A weight's gradient is that of the first backward pass that comes to it. A call that gets no
    backward pass, or whose gradients are not finite, gives way to the next call before an update: so does a
    batch that the loop skips.

    *Several optimizers* may share the module: the first that updates it counts the steps, and a sample waits
    for the others. Where no optimizer of torch updates it, call ``step()`` of what is returned after each
    update.

    *Recomputation* by ``torch.utils.checkpoint`` is not counted twice. It needs ``use_reentrant=False``, as
    in `pyinit.torch.probe`; gradients inside others are missing.

    *Memory*: a sample keeps a copy of each weight from its backward pass to its update. Up to 512 samples are
    kept, then every second one, and so on.

    *Verdicts* rest on the measurements, without the predictions that a probe has for a chain of linear
    layers: theory is of weights as they are drawn.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> x, y = torch.randn(64, 8), torch.randn(64, 1)
    >>> with watch(model, every=10) as watching:
    ...     for _ in range(30):
    ...         optimizer.zero_grad()
    ...         torch.nn.functional.mse_loss(model(x), y).backward()
    ...         _ = optimizer.step()
    >>> watching.steps
    (0, 10, 20)
    >>> [f"{one:.0e}" for one in watching.over_time("update ratio")[:, -1]]
    ['2e-03', '1e-02']
    >>> watching.report.layers[0].moments["activation"].dead
    0.0
    """
    check_module(module, "watch", "Give the module that is trained.")
    layers = chosen(module, modules)
    if not layers:
        raise RecipeError(
            f"watch needs a module with a layer that has weights; got {type(module).__name__}, which has "
            "none. Give the module that is trained."
        )
    every = count("every", every, error=ArgumentError, advice="Use 50.")
    start = count("start", start, 0, error=ArgumentError, advice="Use the number of steps made before.")
    if scaler is not None and not isinstance(scaler, torch.amp.GradScaler):
        raise ArgumentError(
            f"scaler is a torch.amp.GradScaler; got {brief(scaler)}. Give the one of the loop."
        )
    return Watching(module, layers, every, outlets_of(to), scaler, start, check_threads(threads))
