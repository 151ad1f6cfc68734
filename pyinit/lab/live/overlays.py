"""What theory expects to lie in each bin of a layer's histograms, of the network as it begins.

A pre-activation is normal, with the mean and variance that mean-field theory predicts; an activation is phi
of it; a weight has the law that its recipe draws. Of a gradient theory knows the second moment, not the law,
and is silent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...linalg.statistics import LinearAxis
from ...theory.activation import Activation
from ...theory.curves import erf
from ..network.dense import Dense
from ..probe.prediction.prediction import Prediction

__all__ = ["Law", "laws_of"]

Values = npt.NDArray[np.float64]

# standard deviations that a normal law reaches to, and cuts over them
_REACH = 6.0
_CUTS = 384
_NORMAL = ("normal", "truncated_normal")


@dataclass(frozen=True, eq=False)
class Law:
    """A distribution by its cumulative share: linear between points, 0 before the first, 1 after the last."""

    points: Values
    shares: Values

    def density(self, axis: LinearAxis) -> Values:
        """Return the mean density of each bin."""
        inside = np.interp(axis.edges, self.points, self.shares, 0.0, 1.0)
        result: Values = np.diff(inside) * (axis.bins / (axis.high - axis.low))
        return result


def laws_of(layer: Dense, groups: Sequence[dict[str, Prediction]]) -> dict[str, Law]:
    """Return the laws of a layer by kind; none where theory is silent.

    `groups` are the predictions for equally many rows each: rows of another length have another variance.
    """
    found = {}
    cuts = [_normal_cuts(one.get("pre-activation")) for one in groups]
    known = [one for one in cuts if one is not None]
    if known and len(known) == len(groups):
        found["pre-activation"] = _mixed([_law(*one) for one in known])
        images = [_image(layer.activation, *one) for one in known]
        if all(one is not None for one in images):
            found["activation"] = _mixed([one for one in images if one is not None])
    weight = _of_weight(layer)
    if weight is not None:
        found["weight"] = weight
    return found


def _mixed(laws: Sequence[Law]) -> Law:
    """Return the law of numbers that come from each of these equally often."""
    if len(laws) == 1:
        return laws[0]
    points = np.unique(np.concatenate([one.points for one in laws]))
    shares = [np.interp(points, one.points, one.shares, 0.0, 1.0) for one in laws]
    return Law(points, np.mean(shares, axis=0))


def _normal_cuts(predicted: Prediction | None) -> tuple[Values, Values] | None:
    """Return where a normal law is cut, and the share of it between two cuts; None where it is not known."""
    if predicted is None or predicted.mean is None or predicted.variance is None:
        return None
    if not (0.0 < predicted.variance < math.inf and math.isfinite(predicted.mean)):
        return None
    z, shares = _standard()
    return predicted.mean + math.sqrt(predicted.variance) * z, shares


@lru_cache(maxsize=1)
def _standard() -> tuple[Values, Values]:
    z = np.linspace(-_REACH, _REACH, _CUTS + 1)
    shares = np.diff(erf(z / math.sqrt(2.0)))
    return z, shares / shares.sum()


def _image(phi: Activation, cuts: Values, shares: Values) -> Law | None:
    with np.errstate(all="ignore"):
        values = phi.value(cuts)
    return _law(values, shares) if np.isfinite(values).all() else None


def _of_weight(layer: Dense) -> Law | None:
    plan = layer.recipe.plan_for((layer.inputs, layer.units), "float32")
    if plan.distribution == "uniform" and plan.bounds is not None:
        low, high = plan.bounds
        return Law(np.array([low, high]), np.array([0.0, 1.0])) if low < high else None
    if plan.distribution not in _NORMAL or (plan.bounds is None and plan.distribution != "normal"):
        return None
    # of a truncated normal the numbers are those of the normal that is cut
    mean, std = plan.numbers[:2]
    if not 0.0 < std < math.inf:
        return None
    if plan.bounds is None or plan.distribution == "normal":
        z, shares = _standard()
        return _law(mean + std * z, shares)
    edges = np.linspace(*plan.bounds, _CUTS + 1)
    shares = np.diff(erf((edges - mean) / (std * math.sqrt(2.0))))
    return _law(edges, shares / shares.sum())


def _law(values: Values, shares: Values) -> Law:
    """Return the law in which each share is spread evenly between two neighbouring values."""
    if (np.diff(values) > 0.0).all():
        return Law(values, np.concatenate(([0.0], np.cumsum(shares))))
    low, high = np.minimum(values[:-1], values[1:]), np.maximum(values[:-1], values[1:])
    width = high - low
    single = width == 0.0
    # a share at one value is all of it beyond that value
    points = np.unique(np.concatenate((values, np.nextafter(low[single], np.inf))))
    width[single] = np.nextafter(low[single], np.inf) - low[single]
    with np.errstate(over="ignore"):
        passed = np.clip((points[:, None] - low) / width, 0.0, 1.0)
    return Law(points, passed @ shares)
