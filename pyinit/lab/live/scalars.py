"""The numbers of a layer that are followed over time, one for each step."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...linalg.statistics import Moments
from ..probe.record import LayerReport

__all__ = ["SCALARS"]


def _rms(one: Moments | None) -> float:
    return math.nan if one is None or not one.count else math.sqrt(one.second_moment)


def _ratio(layer: LayerReport) -> float:
    weight = _rms(layer.moments.get("weight"))
    return _rms(layer.moments.get("update")) / weight if weight else math.nan


def _share(layer: LayerReport, kind: str, share: str) -> float:
    found = getattr(layer.moments.get(kind), share, None)
    return math.nan if found is None else float(found)


SCALARS: dict[str, Callable[[LayerReport], float]] = {
    "activation": lambda layer: _rms(layer.moments.get("activation")),
    "gradient": lambda layer: _rms(layer.moments.get("gradient")),
    "update ratio": _ratio,
    "saturated": lambda layer: _share(layer, "pre-activation", "saturated"),
    "dead": lambda layer: _share(layer, "activation", "dead"),
}
"""By name: rms of the activation and of the gradient; the update's rms over the weight's; shares."""
