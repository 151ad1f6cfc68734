"""Mean-field theory of initialization: what a network does before it has learned anything, as formulas."""

from __future__ import annotations

from .architecture import (
    attention_logit_variance,
    batch_norm_gradient,
    layer_norm_gradient,
    residual_gradient,
    residual_variance,
    torch_linear,
)
from .edge import Critical, critical
from .fixed import FixedPoint, fixed_point
from .maps import chi, correlation_map, variance_map, variance_slope
from .moments import gap, mean, pair_moment, second_moment, slope_moment, slope_pair_moment
from .propagation import Propagation, propagate
from .spectrum import Spectrum, jacobian_spectrum, mean_singular_value
from .width import FiniteWidth, finite_width

__all__ = [
    "Critical",
    "FiniteWidth",
    "FixedPoint",
    "Propagation",
    "Spectrum",
    "attention_logit_variance",
    "batch_norm_gradient",
    "chi",
    "correlation_map",
    "critical",
    "finite_width",
    "fixed_point",
    "gap",
    "jacobian_spectrum",
    "layer_norm_gradient",
    "mean",
    "mean_singular_value",
    "pair_moment",
    "propagate",
    "residual_gradient",
    "residual_variance",
    "second_moment",
    "slope_moment",
    "slope_pair_moment",
    "torch_linear",
    "variance_map",
    "variance_slope",
]
