"""The entries of a report, one for each call of a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import nn

from ...lab.probe.prediction.prediction import Prediction
from ...lab.probe.record import LayerReport
from ...lab.probe.verdict.verdict import Verdict
from .calls import Call

__all__ = ["entry", "names_of"]


def names_of(calls: Sequence[Call]) -> list[str]:
    """Return a name for each call; the name of a module that is called again ends with a number."""
    names: list[str] = []
    times: dict[nn.Module, int] = {}
    for call in calls:
        times[call.module] = time = times.get(call.module, 0) + 1
        plain = call.name or type(call.module).__name__
        names.append(plain if time == 1 else f"{plain}#{time}")
    return names


def entry(call: Call, name: str, predictions: Mapping[str, Prediction], verdict: Verdict) -> LayerReport:
    """Return what a report says of a call."""
    return LayerReport(
        name,
        call.inputs,
        call.units,
        call.nonlinearity.name,
        type(call.module).__name__,
        "" if getattr(call.module, "bias", None) is None else "given",
        call.norm,
        1.0 if call.skips else None,
        call.moments,
        {kind: one for kind, one in predictions.items() if math.isfinite(one.second_moment)},
        verdict,
    )
