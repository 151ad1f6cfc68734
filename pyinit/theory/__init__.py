"""Mean-field theory of initialization: what a network does before it has learned anything, as formulas."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .architecture import attention_logit_variance as attention_logit_variance
    from .architecture import batch_norm_gradient as batch_norm_gradient
    from .architecture import layer_norm_gradient as layer_norm_gradient
    from .architecture import residual_gradient as residual_gradient
    from .architecture import residual_variance as residual_variance
    from .architecture import torch_linear as torch_linear
    from .edge import Critical as Critical
    from .edge import critical as critical
    from .fixed import FixedPoint as FixedPoint
    from .fixed import fixed_point as fixed_point
    from .maps import chi as chi
    from .maps import correlation_map as correlation_map
    from .maps import variance_map as variance_map
    from .maps import variance_slope as variance_slope
    from .moments import gap as gap
    from .moments import mean as mean
    from .moments import pair_moment as pair_moment
    from .moments import second_moment as second_moment
    from .moments import slope_moment as slope_moment
    from .moments import slope_pair_moment as slope_pair_moment
    from .propagation import Propagation as Propagation
    from .propagation import propagate as propagate
    from .spectrum import Spectrum as Spectrum
    from .spectrum import jacobian_spectrum as jacobian_spectrum
    from .spectrum import mean_singular_value as mean_singular_value
    from .width import FiniteWidth as FiniteWidth
    from .width import finite_width as finite_width

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

# where each name is defined; a module is imported when one of its names is first used, because
# `import pyinit` needs activations alone
_HOMES = {
    "Critical": "edge",
    "FiniteWidth": "width",
    "FixedPoint": "fixed",
    "Propagation": "propagation",
    "Spectrum": "spectrum",
    "attention_logit_variance": "architecture",
    "batch_norm_gradient": "architecture",
    "chi": "maps",
    "correlation_map": "maps",
    "critical": "edge",
    "finite_width": "width",
    "fixed_point": "fixed",
    "gap": "moments",
    "jacobian_spectrum": "spectrum",
    "layer_norm_gradient": "architecture",
    "mean": "moments",
    "mean_singular_value": "spectrum",
    "pair_moment": "moments",
    "propagate": "propagation",
    "residual_gradient": "architecture",
    "residual_variance": "architecture",
    "second_moment": "moments",
    "slope_moment": "moments",
    "slope_pair_moment": "moments",
    "torch_linear": "architecture",
    "variance_map": "maps",
    "variance_slope": "maps",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
