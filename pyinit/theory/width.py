"""What a finite width does to the mean square of activations: tails that grow heavy with depth / width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import RecipeError
from ..stream.arguments import count
from .activation import Activation
from .activation import activation as resolved
from .band import log_normal_band
from .domain import Values

__all__ = ["FiniteWidth", "finite_width", "is_homogeneous"]


@dataclass(frozen=True)
class FiniteWidth:
    """How the mean square M_l of a layer's activations varies over draws of the weights; arrays by layer.

    Parameters
    ----------
    second_moment_factor : ndarray
        E[M_l^2] / E[M_l]^2, exactly.
    log_mean, log_variance : ndarray
        Of ln(M_l / E[M_l]), to first order in 1 / width.

    Examples
    --------
    >>> import pyinit as pi
    >>> low, high = pi.theory.finite_width("relu", [100, 100]).band()
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.62, 0.51], [1.53, 1.79])
    """

    second_moment_factor: Values
    log_mean: Values
    log_variance: Values

    def band(self, sigmas: float = 2.0) -> tuple[Values, Values]:
        """Return the interval that M_l / E[M_l] stays in, its logarithm taken as normal.

        Parameters
        ----------
        sigmas : float
            Half the width of the interval, in standard deviations of the logarithm.

        Returns
        -------
        low, high : ndarray
            One number a layer.
        """
        return log_normal_band(self.log_mean, self.log_variance, sigmas)


@lru_cache(maxsize=64)
def is_homogeneous(phi: Activation) -> bool:
    """Return whether phi(a x) = a phi(x) for a > 0, as of relu: then a signal has no scale of its own.

    Compared at a = 2, which leaves every digit as it is, to 1e-6: a function may compute in float32.
    """
    x = np.array([-3.0, -1.0, -0.5, 0.5, 1.0, 3.0])
    return bool(np.allclose(phi.value(2.0 * x), 2.0 * phi.value(x), rtol=1e-6, atol=0.0))


def finite_width(activation: Any, widths: Sequence[int]) -> FiniteWidth:
    """Return how far a finite network without biases differs from the infinite one: relu, leaky relu, linear.

    E[M_L^2] / E[M_L]^2 = prod(1 + kappa / n_l), kappa = E phi^4 / (E phi^2)^2 - 1: 5 for relu, 2 for linear.
    In each layer E ln falls by kappa / (2 n_l) and Var ln grows by kappa / n_l: tests belong on logarithms.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        One for which phi(a x) = a phi(x), a > 0; `propagate` has the first order of any other.
    widths : sequence of int
        Of every layer, without the input.

    Returns
    -------
    FiniteWidth
        Arrays with one number a layer.

    Raises
    ------
    RecipeError
        If the activation's shape depends on the scale, as tanh's does.

    References
    ----------
    Hanin, "Which neural net architectures give rise to exploding and vanishing gradients?", NeurIPS 2018;
    Hanin and Rolnick, "How to start training: the effect of initialization and architecture", NeurIPS 2018.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.theory.finite_width("relu", [10, 10]).second_moment_factor
    array([1.5 , 2.25])
    """
    phi = resolved(activation)
    units = np.array([count("a width", width) for width in widths], dtype=np.float64)
    if not is_homogeneous(phi):
        raise RecipeError(
            f"finite_width needs phi(a x) = a phi(x); {phi.name} is not such. Use propagate's log_variance."
        )
    # E z^4 = 3 on each side, halved
    below, above = (float(value) for value in phi.value(np.array([-1.0, 1.0])))
    kappa = 6.0 * (below**4 + above**4) / (below**2 + above**2) ** 2 - 1.0
    added: Values = kappa / units
    variance: Values = added.cumsum()
    factor: Values = (1.0 + added).cumprod()
    return FiniteWidth(factor, -variance / 2.0, variance)
