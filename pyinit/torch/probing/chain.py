"""Modules that are a plain chain of linear layers become networks of pyinit, for which there is a theory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from ...lab.network.dense import Dense
from ...lab.network.network import Network
from ...lab.probe.measure.facts import facts_of
from ...lab.probe.measure.measure import Measured
from ...lab.probe.prediction.prediction import Prediction, expected
from ...lab.probe.verdict.diagnosis import judged as judged_network
from ...lab.probe.verdict.verdict import Verdict
from ...linalg.statistics import Moments, statistics
from ...recipes.distributions import constant, normal
from ...recipes.recipe import Recipe
from .calls import Call, Tag
from .counting import float32
from .judging import MODULES

__all__ = ["judged_chain", "network_of"]

# a mean farther from 0 than this many standard deviations is intended
_INTENDED = 6.0


def network_of(calls: Sequence[Call], end: Tag | None) -> Network | None:
    """Return a network that draws layers like those of the calls, or None; `end` is the origin of the output.

    The calls are a network if rows enter nn.Linear, its output enters an activation of pyinit or none, the
    result enters the next layer, and nothing else lies in between.
    """
    if not calls or any(not _is_dense(call) for call in calls):
        return None
    first = calls[0].before
    if first is None or first.stage != "input" or not first.is_exact:
        return None
    links = [(call, after.before) for call, after in pairwise(calls)]
    if any(not _leads(call, tag) for call, tag in [*links, (calls[-1], end)]):
        return None
    return Network(tuple(_dense(call) for call in calls))


def judged_chain(
    network: Network, x: torch.Tensor, measured: Measured, names: Sequence[str]
) -> tuple[tuple[dict[str, Prediction], ...], tuple[Verdict, ...], Verdict]:
    """Return the predictions and verdicts of `pyinit.probe` on a network, with the names of modules."""
    facts = facts_of(network)
    theory = expected(facts, float32(x.detach().reshape(len(x), -1)), measured)
    return theory, *judged_network(facts, measured, names, MODULES)


def _is_dense(call: Call) -> bool:
    return (
        isinstance(call.module, nn.Linear)
        and type(call.module).forward is nn.Linear.forward
        and call.axis == 1
        and len(call.weights) == 1
        and call.module.weight is call.weights[0]
        and call.norm is None
        and not call.skips
        and call.nonlinearity.phi is not None
    )


def _leads(call: Call, tag: Tag | None) -> bool:
    stage = "output" if call.nonlinearity.name == "linear" else "activation"
    return tag is not None and tag.call is call and tag.stage == stage and tag.is_exact


def _dense(call: Call) -> Dense:
    bias = call.module.bias
    return Dense(
        call.inputs,
        call.units,
        call.nonlinearity.phi,  # type: ignore[arg-type]
        _recipe(call.moments["weight"]),
        _recipe(statistics(float32(bias.detach()))) if isinstance(bias, torch.Tensor) else None,
    )


def _recipe(moments: Moments) -> Recipe:
    """Return a recipe with the same mean square, and with the same mean unless it may be due to chance.

    The recipe holds no weights, because theory caches networks and would keep the weights in memory.
    """
    if not moments.minimum < moments.maximum:
        return constant(moments.mean)
    by_chance = moments.std / math.sqrt(moments.count)
    mean = moments.mean if abs(moments.mean) > _INTENDED * by_chance else 0.0
    return normal(mean=mean, std=math.sqrt(moments.second_moment - mean**2))
