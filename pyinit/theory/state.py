"""What mean-field theory finds of one layer on its way through a network."""

from __future__ import annotations

from dataclasses import dataclass

from .law import LayerLaw

__all__ = ["HUGE", "SMALL", "TINY", "ActivationMoments", "State"]

TINY = 1e-300
"""Stands for 0 where a number is divided by or has a logarithm."""
SMALL = 1e-150
"""The same, where the number is squared."""
HUGE = 1e300
"""Where variances stop."""


@dataclass(frozen=True)
class ActivationMoments:
    """What an activation phi makes of a Gaussian number u.

    Parameters
    ----------
    average, slope : float
        E[phi(u)] and E[phi'(u)].
    slope_square, slope_fourth : float
        E[phi'(u)^2] and E[phi'(u)^4].
    kurtosis : float
        E[phi^4] / E[phi^2]^2 - 1.
    response : float
        d ln E[phi^2] / d ln Var u.
    """

    average: float = 0.0
    slope: float = 0.0
    slope_square: float = 0.0
    slope_fourth: float = 0.0
    kurtosis: float = 0.0
    response: float = 0.0


@dataclass
class State:
    """One layer; the recursion fills it in.

    Parameters
    ----------
    law : LayerLaw
    mean, variance : float
        Of z over the units, for one row.
    batch : float
        Variance of a unit's z over the rows.
    between : float
        Variance over the rows of what a mean of the weights makes of them.
    divisor : float
        The variance that normalization divides z by; 1 without normalization.
    inner_mean, inner : float
        Mean and variance of the pre-activation, which enters phi: of z, or of z normalized.
    square : float
        E[phi^2] of the pre-activation.
    varying : float
        The part of E[phi^2] that varies over the rows.
    passed, skipped : float
        The part of the variance of z that came through the weights, and the part that came along the skip.
    knows_z, knows_entering, knows_phi : bool
        Whether theory can follow z, the pre-activation and phi.
    is_drawn : bool
        Whether chance alone makes a finite network differ from an infinite one, up to this layer.
    moments : ActivationMoments
    log_z, log_h : float
        Variance, over draws of the weights, of the logarithm of the mean square of z and of phi: what a
        finite width does, to first order in 1 / width.
    """

    law: LayerLaw
    mean: float
    variance: float
    batch: float = 0.0
    between: float = 0.0
    divisor: float = 1.0
    inner_mean: float = 0.0
    inner: float = 0.0
    square: float = 0.0
    varying: float = 0.0
    passed: float = 0.0
    skipped: float = 0.0
    knows_z: bool = True
    knows_entering: bool = True
    knows_phi: bool = True
    is_drawn: bool = True
    moments: ActivationMoments = ActivationMoments()
    log_z: float = 0.0
    log_h: float = 0.0
