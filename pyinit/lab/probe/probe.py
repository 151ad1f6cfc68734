"""`pi.probe`: a network and rows of data in, a report out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data.arrays import numbers, warn_of_constants
from ...errors import ArgumentError, RecipeError, ShapeError
from ...linalg.statistics import Moments
from ...recipes.distributions import normal
from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from ..network.dense import Dense
from ..network.loss import LOSSES, loss_of
from ..network.network import Network, as_network
from .measure.axes import axes_of
from .measure.facts import facts_of
from .measure.measure import Output, Progress, measured
from .prediction.prediction import Prediction, expected
from .record import LayerReport
from .report import Report
from .rows import rows_for
from .verdict.diagnosis import judged, layer_names
from .verdict.verdict import Verdict

__all__ = ["probe"]

Array = npt.NDArray[Any]


def probe(
    network: Network | Sequence[Dense],
    x: npt.ArrayLike,
    *,
    key: int | Key = 0,
    backward: bool = True,
    dy: Any = None,
    targets: npt.ArrayLike | None = None,
    loss: str | None = None,
    bins: int = 64,
    range: Any = None,
    log: bool = False,
    threads: int | None = None,
    title: str = "",
    progress: Progress | None = None,
) -> Report:
    """Run a network once on real rows, forward and back, and report what each layer does to them.

    z = x W + b (plus a skip, where the layer has one), phi of z or of z normalized; then the gradients of
    sum(dy * output), or of a loss, with respect to what enters each phi and to each W. Beside each number
    stands what mean-field theory predicts from the second moment of the real input.

    Parameters
    ----------
    network : Network or sequence of Dense
        Such as ``pi.mlp([8, 16, 1], "tanh")``.
    x : array_like, shape (rows, inputs)
        Finite numbers; float32 is used as it is.
    key : int or Key
        The network's key; each parameter is drawn under its name in it.
    backward : bool
        False leaves gradients out and keeps two layers in memory, however many there are; True keeps 48 MiB
        of pre-activations (rows x units x 4 bytes a layer; more, where a layer would be run over four times
        to make the others again), weights of up to 2^20 numbers, and one layer's weight gradient at a time.
    dy : ndarray or "normal", optional
        The gradient with respect to the output: an array of its shape, or independent normal numbers; ones by
        default. Theory predicts gradients for rows that pull in independent directions. Behind batch
        normalization it predicts none where dy has one sign: normalization takes out what all rows share.
    targets : array_like, optional
        For a loss in place of `dy`.
    loss : {"mse", "cross_entropy"}, optional
        By default cross entropy for integer targets, else the mean squared error.
    bins : int
        Bins of each histogram on a linear axis.
    range : (float, float) or mapping of str to (float, float), optional
        Ends of the histograms of pre-activation and activation, or of each kind that a mapping names; by
        default they follow the numbers.
    log : bool
        Histograms over powers of two from 2^-30 to 2^30 and their negatives, each octave halved.
    threads : int, optional
        At most this many threads. The values do not depend on it.
    title : str
        What the report is called.
    progress : callable, optional
        Called with (layers done, layers in all), each counted once forward and once backward.

    Returns
    -------
    Report
        Per layer and kind the moments, the prediction, and a verdict, on the layer and on the network:
        "exploding" (not finite; or rms or gradient norm above 10 times the input's or last layer's),
        "vanishing" (below a tenth), "saturated" (25 % where a tanh-like activation is flat), "dead" (90 % of
        units silent for every row, or no gradient), "symmetric" (all weights one number) or "healthy". A
        verdict suggests what to change: ``fix`` in words, ``remedy`` and ``recipe`` for a program.

    Raises
    ------
    ShapeError
        If `x` is empty or has not as many columns as the network has inputs, `dy` has another shape, or batch
        normalization gets one row.
    DataError
        If `x` or `targets` are not finite numbers, or do not go together with the loss.
    RecipeError
        If an option is not valid.

    Warns
    -----
    UserWarning
        If features are one number in every row, and the rows are not all the same.

    References
    ----------
    Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015; Poole et al., NeurIPS 2016; Schoenholz et al.,
    ICLR 2017.

    Examples
    --------
    >>> import pyinit as pi
    >>> x = pi.data.abalone().inputs
    >>> report = pi.probe(pi.mlp([8] + [16] * 7 + [1], "tanh", pi.normal()), x, key=0)
    >>> report.verdict.kind
    'saturated'
    >>> report.layers[3].verdict.fix
    'pi.glorot_normal(), gain 1: std 0.25 where this is 1.'
    >>> report.verdict.recipe == pi.glorot_normal()
    True
    """
    net = as_network(network)
    rows = rows_for(net, x)
    where, axes = as_key(key), axes_of(bins, range, log)
    check_threads(threads)
    output = _output(net, len(rows), where, dy, targets, loss) if backward else None
    if not backward and (dy is not None or targets is not None):
        raise RecipeError("dy and targets are for the way back; got backward=False. Leave one of them out.")
    warn_of_constants(rows, "x", stacklevel=2)
    facts = facts_of(net)
    found = measured(facts, rows, where, output, axes, threads, progress)
    names = layer_names(len(facts))
    own, whole = judged(facts, found, names)
    theory = expected(facts, rows, found)
    layers = tuple(
        _layer(name, net.layers[at], found.layers[at], theory[at], own[at]) for at, name in enumerate(names)
    )
    return Report(title, len(rows), where.seed, where.offset, found.inputs, layers, whole, found.loss)


def _output(
    network: Network, rows: int, key: Key, dy: Any, targets: npt.ArrayLike | None, loss: str | None
) -> Output:
    shape = rows, network.widths[-1]
    if targets is not None:
        if dy is not None:
            raise RecipeError("dy and targets both say what comes back; got both. Leave one of them out.")
        wanted = numbers(targets, "targets", None)
        name = loss_of(wanted) if loss is None else loss
        if name not in LOSSES:
            raise ArgumentError(f"loss is one of {', '.join(LOSSES)}; got {name!r}. Choose one.")
        # refused now, not after the run
        LOSSES[name](np.zeros(shape, np.float32), wanted)
        return lambda y: _lost(name, y, wanted)
    if loss is not None:
        raise ArgumentError(f"a loss needs targets; got {loss!r} without. Give targets.")
    if isinstance(dy, str):
        if dy != "normal":
            raise RecipeError(f"dy is an array or 'normal'; got {dy!r}. Leave it out for ones.")
        return lambda y: (None, normal()(shape, key=key.fold_in("dy")))
    if dy is None:
        return lambda y: (None, np.ones(shape, np.float32))
    given = numbers(dy, "dy", np.float32)
    if given.shape != shape:
        raise ShapeError(f"dy needs shape {shape}, as the output; got {given.shape}. Reshape it.")
    return lambda y: (None, given.copy())


def _lost(name: str, output: Array, targets: Array) -> tuple[float, Array]:
    # a loss of what is not finite is NaN or infinite, and says so
    with np.errstate(over="ignore", invalid="ignore"):
        return LOSSES[name](output, targets)


def _layer(
    name: str,
    layer: Dense,
    moments: dict[str, Moments],
    predictions: dict[str, Prediction],
    verdict: Verdict,
) -> LayerReport:
    phi = layer.activation
    is_plain = phi.parameter is None or not phi.is_builtin
    return LayerReport(
        name,
        layer.inputs,
        layer.units,
        phi.name if is_plain else f"{phi.name}({phi.parameter:g})",
        repr(layer.recipe),
        "" if layer.bias is None else repr(layer.bias),
        layer.norm,
        layer.branch,
        moments,
        {kind: one for kind, one in predictions.items() if math.isfinite(one.second_moment)},
        verdict,
    )
