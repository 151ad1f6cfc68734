"""Modules that are a plain chain of linear layers, as networks of pyinit's, which theory can follow."""

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

# standard deviations by which a mean differs from 0 on purpose
_SURE = 6.0


def network_of(calls: Sequence[Call], end: Tag | None) -> Network | None:
    """Return a network that draws layers like those of these calls, or None; `end` is what the output is.

    They are a network where rows enter nn.Linear, its output enters an activation of pyinit's or none, this
    enters the next layer, and nothing else is on the way.
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
    network: Network, x: torch.Tensor, found: Measured, names: Sequence[str]
) -> tuple[tuple[dict[str, Prediction], ...], tuple[Verdict, ...], Verdict]:
    """Return what `pyinit.probe` predicts of a network, and its verdicts, with modules' names."""
    facts = facts_of(network)
    theory = expected(facts, float32(x.detach().reshape(len(x), -1)), found)
    return theory, *judged_network(facts, found, names, MODULES)


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


def _recipe(found: Moments) -> Recipe:
    """Return a recipe of the same mean square, and of the same mean unless chance may have made it.

    The recipe holds no weights: theory remembers networks, and would keep them in memory.
    """
    if not found.minimum < found.maximum:
        return constant(found.mean)
    by_chance = found.std / math.sqrt(found.count)
    mean = found.mean if abs(found.mean) > _SURE * by_chance else 0.0
    return normal(mean=mean, std=math.sqrt(found.second_moment - mean**2))
