"""What keeps the variance of a layer's input through its activation: torch's table, and the definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from .activation import NAMES, activation, leaky_slope, on_elements
from .quadrature import integrals

__all__ = ["ACTIVATIONS", "gain"]

Array = npt.NDArray[Any]

_TORCH: dict[str, float] = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    name: activation(name).value for name in NAMES if name not in (*_TORCH, "leaky_relu")
}
"""Names that torch's table does not have; their gains are computed."""


def gain(activation: str | Callable[[Any], Any], param: float | None = None) -> float:
    """Return the factor by which weights make up for an activation.

    A callable has 1 / sqrt(E[phi(z)^2]), z standard normal, so that a layer keeps the second moment of its
    input. A name has torch's number where torch has one: linear, conv1d ... conv_transpose3d and sigmoid 1,
    tanh 5/3, relu sqrt(2), leaky_relu sqrt(2 / (1 + slope^2)), selu 3/4; elu, erf, gelu, gelu_tanh,
    hardtanh, mish, silu, sin, softplus and softsign are computed.

    Parameters
    ----------
    activation : str or callable
        A name, or a function of an array (or of a float) that acts on each element.
    param : float, optional
        The slope of leaky_relu below zero; 0.01 when left out.

    Returns
    -------
    float
        Within 1e-9 of the integral, for functions with kinks and jumps too.

    Raises
    ------
    RecipeError
        If the name is unknown, or the callable is not finite, not real or zero everywhere.

    References
    ----------
    He, Zhang, Ren, Sun, ICCV 2015; Klambauer et al., NeurIPS 2017 (selu).

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> pi.gain("relu")
    1.4142135623730951
    >>> round(pi.gain(np.tanh), 6)
    1.592537
    """
    if isinstance(activation, str):
        return _named(activation, param)
    if not callable(activation):
        raise RecipeError(f"gain needs a name or a callable; got {activation!r}. Pass the function itself.")
    if param is not None:
        raise RecipeError(
            f"only leaky_relu takes a param; got {param!r} with a callable. Bind it in the callable."
        )
    return _computed(activation)


def _named(name: str, param: float | None) -> float:
    if name == "leaky_relu":
        slope = leaky_slope() if param is None else leaky_slope(param)
        return math.sqrt(2.0 / (1.0 + slope**2))
    if name not in _TORCH and name not in ACTIVATIONS:
        known = ", ".join(sorted([*_TORCH, *ACTIVATIONS, "leaky_relu"]))
        raise RecipeError(f"unknown activation {name!r}. Known are {known}; or pass the function itself.")
    if param is not None:
        raise RecipeError(f"only leaky_relu takes a param; got {param!r} for {name}. Leave it out.")
    return _TORCH[name] if name in _TORCH else _computed(ACTIVATIONS[name])


def _computed(function: Callable[[Any], Any]) -> float:
    def density(z: Array, row: Array) -> Array:
        values = on_elements(function, z).astype(np.float64)
        result: Array = values * values * np.exp(-z * z / 2)
        return result

    with np.errstate(all="ignore"):
        found = integrals(density, _EDGES, _precision(on_elements(function, np.zeros(1)).dtype), wary=True)
    if found is None:
        raise RecipeError(
            f"gain needs an activation that is piecewise smooth and always gives the same values; "
            f"{function!r} is not. Leave out what is random, such as dropout."
        )
    moment = float(found[0]) / math.sqrt(2 * math.pi)
    if not 0.0 < moment < math.inf:
        raise RecipeError(
            f"gain needs an activation whose mean square over a standard normal is finite and above 0; "
            f"{function!r} has {moment!r}. Check the function."
        )
    return 1.0 / math.sqrt(moment)


def _precision(dtype: np.dtype[Any]) -> float:
    """Return the relative error that values of a dtype have at best."""
    # functions of jax return float32
    return 4 * float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0


_EDGES = np.arange(-16.0, 17.0)[None, :]
