"""Modules that are a plain chain of linear layers: the network they are, which theory can follow."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from .._probe.measure import Measured
from .._probe.prediction import Prediction
from .._probe.run import expected
from .._probe.verdict import Verdict
from .._probe.verdict import judged as judged_network
from ..dense import Dense
from ..distributions import constant, normal
from ..moments import Moments, statistics
from ..network import Network
from ..recipe import Recipe
from .calls import Call, Tag
from .counting import float32

__all__ = ["judged_chain", "network_of"]

# standard deviations by which a mean differs from 0 on purpose
_SURE = 6.0


def network_of(calls: Sequence[Call], end: Tag | None) -> Network | None:
    """Return a network that draws layers like these calls', or None; `end` is what the output is.

    They are one where rows enter nn.Linear, what it makes enters an activation of pyinit's or none, this the
    next, and nothing else is on the way.
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
    """Return what `pyinit.probe` predicts of a network and says of the numbers, with modules' names."""
    layers, whole = judged_network(network, found)
    rows = float32(x.detach().reshape(len(x), -1))
    theory = expected(network, rows, found)
    return theory, tuple(_renamed(one, names) for one in layers), _renamed(whole, names)


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
    """Return what draws weights of the same mean square, and of the same mean where chance does not make it.

    It holds no weights: what theory remembers of a network would keep them.
    """
    if not found.minimum < found.maximum:
        return constant(found.mean)
    by_chance = found.std / math.sqrt(found.count)
    mean = found.mean if abs(found.mean) > _SURE * by_chance else 0.0
    return normal(mean=mean, std=math.sqrt(found.second_moment - mean**2))


def _renamed(verdict: Verdict, names: Sequence[str]) -> Verdict:
    def name(found: re.Match[str]) -> str:
        return f"module {names[int(found[1])]}"

    reason, fix = (re.sub(r"layers\.(\d+)", name, text) for text in (verdict.reason, verdict.fix))
    return Verdict(verdict.kind, reason, fix)
