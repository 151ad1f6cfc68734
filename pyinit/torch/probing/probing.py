"""`pyinit.torch.probe` takes a module and a batch, and returns the report of `pyinit.probe`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...errors import RecipeError
from ...lab.probe.measure.axes import Axes, axes_of
from ...lab.probe.measure.measure import Measured
from ...lab.probe.report import Report
from ...stream.arguments import check_threads
from .admission import Modules, arguments, check_batch, check_module, chosen
from .chain import judged_chain, network_of
from .counting import counted
from .entries import entry, names_of
from .hooks import hooked
from .judging import judged
from .objective import Objective, objective_of, tensors_of
from .preservation import as_found
from .tracing import Trace

__all__ = ["probe"]


def probe(
    module: nn.Module,
    batch: Any,
    *,
    backward: bool = True,
    dy: Any = None,
    targets: Any = None,
    loss: Any = None,
    modules: Modules | None = None,
    bins: int = 64,
    range: Any = None,
    log: bool = False,
    threads: int | None = None,
    title: str = "",
) -> Report:
    """Run a module once on a batch, forward and backward, and report on each layer with weights.

    phi is the activation that a layer's output enters. For each call of each layer, the kernels of
    `pyinit.probe` take moments and histograms of the pre-activation z, of phi(z), of the gradient with
    respect to z, of the layer's weights and of their gradient. The module stays as it was, also after an
    exception: parameters and their ``.grad``, buffers (running statistics, too), flags of training and of
    gradients, torch's generators, hooks. So the probe can be called again after weights are rescaled, as in
    the example.

    Parameters
    ----------
    module : torch.nn.Module
        An eager module with memory. It runs in its present mode; dropout draws the same numbers each time.
    batch : Tensor, tuple, list or mapping
        The arguments of the module: one, several, or keyword arguments. Floating-point tensors must be
        finite.
    backward : bool
        False leaves out gradients, and runs without recording them.
    dy : Tensor or "normal", optional
        The gradient with respect to the output, or independent normal numbers; by default ones, as in
        `pyinit.probe`. Ones show nothing if the last module is a normalization, which removes what all rows
        share. If the output has several tensors, the first one counts. If it has a ``loss``, as outputs of
        transformers do, the backward pass begins at the loss.
    targets : Tensor, optional
        The targets of a loss, which replaces `dy`.
    loss : {"mse", "cross_entropy"} or callable, optional
        The loss. With targets, the default is cross entropy for integers, with classes along the output's
        last axis, and the mean squared error otherwise. A callable takes the output, or output and targets.
    modules : str, iterable of str, or callable, optional
        The layers to report: patterns of names such as "encoder.*", or a function of name and module that
        returns whether to report it. The default is all.
    bins, range, log, threads, title
        As in `pyinit.probe`.

    Returns
    -------
    Report
        A report as from `pyinit.probe`, with one entry for each call, under the module's name. "name#2" is
        the second call of a layer that is called several times, whose weight gradient is that of all calls.
        `recipe` is the module's class, `inputs` its fan_in; the seed is None. The statistics of an input of
        ids are those of the ids as numbers.

    Raises
    ------
    RecipeError
        If no layer with weights is called, an option is not valid, the module is compiled or scripted, or the
        output has no gradient.
    ShapeError
        If the batch is empty.
    DataError
        If the batch is not finite, or targets do not fit the output.
    LayoutError
        If a parameter or buffer has no memory, or this rank holds only a part of it.

    Notes
    -----
    *Layers* are modules that own floating-point parameters of two or more dimensions and contain no other
    such module: Linear, convolutions, Embedding, the Conv1D of transformers, modules of your own.
    MultiheadAttention, LSTM, GRU and RNN of torch are one layer each, with all their weights: the probe does
    not see inside them, for example their gates, and z is their output. Normalizations are not layers. If a
    module contains layers, the parameters that it owns itself are not reported.

    *Activations* are recognized if a module or plain code calls torch's function on a layer's output, or if a
    module that is not torch's and has no parameters acts on each element of it. Between the layer and its
    activation there may be a normalization of torch's (then z is its output, as in `pyinit.probe`), views,
    pooling, dropout, and a sum (then z is the sum; a sum of two outputs counts for the first). Arithmetic is
    recognized only inside such a module: in plain code ``x * torch.sigmoid(x)`` has the sigmoid as phi.
    Without an activation phi is linear.

    *Predictions* stand beside the numbers if the whole module is a chain of nn.Linear and activations that
    pyinit knows, applied to rows. Then predictions and verdicts are those of `pyinit.probe` for weights drawn
    with the measured mean square. Other modules have no predictions, and their verdicts rest on the
    measurements: signals are compared with the input's rms, gradients with those of the last layer with an
    activation.

    *Checkpoints* must use ``use_reentrant=False``: other checkpoints run their part without recording it, so
    that its gradients are missing, or torch raises an error.

    *Memory*: the forward pass keeps no more than autograd keeps; the gradients of all weights exist at once.
    A tensor that is not float32 or not on the CPU is converted in chunks of 4 MiB (from other devices this
    has not been tested); a tensor with gaps is copied first.

    Examples
    --------
    Layer-sequential unit variance (Mishkin and Matas, ICLR 2016), in a few lines:

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64), torch.nn.Tanh()
    ... )
    >>> x = torch.randn(256, 64)
    >>> for name in ("0", "2"):
    ...     z = probe(model, x, backward=False, modules=name).layers[0].moments["pre-activation"]
    ...     with torch.no_grad():
    ...         _ = model.get_submodule(name).weight.div_(z.std)
    >>> report = probe(model, x)
    >>> [f"{layer.moments['pre-activation'].std:.1f}" for layer in report.layers]
    ['1.0', '1.0']
    >>> report.verdict.kind
    'healthy'
    """
    axes = axes_of(bins, range, log)
    check_threads(threads)
    check_module(module)
    layers = chosen(module, modules)
    args, kwargs = arguments(batch)
    given = check_batch([*args, *kwargs.values()])
    objective = objective_of(backward, dy, targets, loss)
    trace = Trace(axes, threads)
    inputs = counted([given], "activation", axes, threads)
    with as_found(module, gradients=backward):
        output = _run(trace, module, layers, args, kwargs)
        if not trace.calls:
            raise RecipeError(
                f"a probe needs a layer with weights that is called; got {type(module).__name__}, which "
                f"calls none of its {len(layers)}. Give a module that calls one, and patterns of their names."
            )
        end = trace.tag_of(next(tensors_of(output), None))
        value = _back(trace, objective, output, axes, threads) if backward else None
        del output
    measured = Measured(inputs, tuple(call.moments for call in trace.calls), value)
    names = names_of(trace.calls)
    network = network_of(trace.calls, end)
    # theory takes rows in float32; rows that overflow it are judged by the measurements
    if network is not None and not inputs.nonfinite:
        theory, verdicts, verdict = judged_chain(network, given, measured, names)
    else:
        theory = tuple({} for _ in names)
        scale = inputs.second_moment**0.5 if given.is_floating_point() else 1.0
        verdicts, verdict = judged(trace.calls, names, scale or 1.0, went_back=lambda _: backward)
    reports = (
        entry(call, name, predictions, judgement)
        for call, name, predictions, judgement in zip(trace.calls, names, theory, verdicts, strict=True)
    )
    return Report(title, len(given), None, 0, inputs, tuple(reports), verdict, value)


def _run(
    trace: Trace,
    module: nn.Module,
    layers: list[tuple[str, nn.Module]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    with hooked(trace, module, layers, (*args, *kwargs.values())), trace:
        return module(*args, **kwargs)


def _back(trace: Trace, objective: Objective, output: Any, axes: Axes, threads: int | None) -> float | None:
    """Run the backward pass, take the statistics of the weights' gradients, and return the loss."""
    y, dy, value = objective.of(output)
    weights = list(
        {id(one): one for call in trace.calls for one in call.weights if one.requires_grad}.values()
    )
    gradients = torch.autograd.grad(y, weights, dy, allow_unused=True) if weights else ()
    by_weight = {id(one): gradient for one, gradient in zip(weights, gradients, strict=True)}
    for call in trace.calls:
        own = [by_weight[id(one)] for one in call.weights if by_weight.get(id(one)) is not None]
        if own:
            call.moments["weight gradient"] = counted(own, "weight gradient", axes, threads)
    return value
