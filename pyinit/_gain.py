"""What keeps the variance of a layer's input through its activation: torch's table, and the definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import RecipeError

__all__ = ["ACTIVATIONS", "gain"]

Array = npt.NDArray[Any]
Activation = Callable[[Array], Array]

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
_LEAKY_SLOPE = 0.01


def _erf(x: Array) -> Array:
    result: Array = np.vectorize(math.erf, otypes=[float])(x)
    return result


def _softplus(x: Array) -> Array:
    result: Array = np.logaddexp(x, 0.0)
    return result


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


ACTIVATIONS: dict[str, Activation] = {
    "elu": _elu,
    "erf": _erf,
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
    "hardtanh": lambda x: np.clip(x, -1.0, 1.0),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "sin": np.sin,
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
}
"""Names that torch's table does not have; their gains are computed."""


def gain(activation: str | Callable[[Any], Any], param: float | None = None) -> float:
    """Return the factor by which weights make up for an activation.

    A callable has 1 / sqrt(E[phi(z)^2]), z standard normal, so that a layer keeps the second moment of its
    input. A name has torch's number where torch has one: linear, conv1d ... conv_transpose3d and sigmoid 1,
    tanh 5/3, relu sqrt(2), leaky_relu sqrt(2 / (1 + slope^2)), selu 3/4; elu, erf, gelu, hardtanh, mish,
    silu, sin, softplus and softsign are computed.

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
        slope = _LEAKY_SLOPE if param is None else param
        # a square beyond float64 is as good as infinite
        if isinstance(slope, bool) or not hasattr(slope, "__float__") or not abs(slope) < 1e154:
            raise RecipeError(f"leaky_relu's slope must be a number with a square; got {slope!r}. Use 0.01.")
        return math.sqrt(2.0 / (1.0 + float(slope) ** 2))
    if name not in _TORCH and name not in ACTIVATIONS:
        known = ", ".join(sorted([*_TORCH, *ACTIVATIONS, "leaky_relu"]))
        raise RecipeError(f"unknown activation {name!r}. Known are {known}; or pass the function itself.")
    if param is not None:
        raise RecipeError(f"only leaky_relu takes a param; got {param!r} for {name}. Leave it out.")
    return _TORCH[name] if name in _TORCH else _computed(ACTIVATIONS[name])


def _computed(activation: Callable[[Any], Any]) -> float:
    def density(z: Array) -> Array:
        values = _on_elements(activation, z).astype(np.float64)
        result: Array = values * values * np.exp(-z * z / 2)
        return result

    with np.errstate(all="ignore"):
        integral = _integral(density, _precision(_on_elements(activation, np.zeros(1)).dtype))
    if integral is None:
        raise RecipeError(
            f"gain needs an activation that is piecewise smooth and always gives the same values; "
            f"{activation!r} is not. Leave out what is random, such as dropout."
        )
    moment = integral / math.sqrt(2 * math.pi)
    if not 0.0 < moment < math.inf:
        raise RecipeError(
            f"gain needs an activation whose mean square over a standard normal is finite and above 0; "
            f"{activation!r} has {moment!r}. Check the function."
        )
    return 1.0 / math.sqrt(moment)


def _on_elements(activation: Callable[[Any], Any], z: Array) -> Array:
    """Return phi(z), from a function of arrays or of one float."""
    try:
        values = np.asarray(activation(z))
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != z.shape:
        values = np.array([activation(x) for x in z.ravel().tolist()]).reshape(z.shape)
    if values.dtype.kind not in "fiub":
        raise RecipeError(
            f"gain needs an activation with real values; got {values.dtype}. Take the real part."
        )
    return values


def _precision(dtype: np.dtype[Any]) -> float:
    """Return the relative error that values of a dtype have at best."""
    # functions of jax return float32
    return 4 * float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0


_REACH = 16.0
_NODES = 12
_DEEPEST = 60
_MOST_PANELS = 1 << 16


def _integral(f: Callable[[Array], Array], precision: float) -> float | None:
    """Return the integral over [-16, 16] by Gauss-Legendre on panels, halved where halving changes the sum.

    A kink or a jump costs one panel a level, so sixty levels leave nothing of it. None when panels without
    end ask for halving, as those of noise do.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)

    def panels(left: Array, width: Array) -> Array:
        at = left[:, None] + (nodes + 1) / 2 * width[:, None]
        return (f(at) @ weights) * width / 2

    relative, absolute = max(1e-12, precision), max(1e-13, precision / 10)
    left = np.arange(-_REACH, _REACH)
    width = np.ones_like(left)
    coarse = panels(left, width)
    total = 0.0
    for _ in range(_DEEPEST):
        half = width / 2
        first, second = panels(left, half), panels(left + half, half)
        fine = first + second
        settled = ~(np.abs(fine - coarse) > absolute + relative * np.abs(fine))
        total += float(fine[settled].sum())
        if settled.all():
            return total
        open_ = ~settled
        left = np.concatenate([left[open_], (left + half)[open_]])
        width = np.concatenate([half[open_], half[open_]])
        coarse = np.concatenate([first[open_], second[open_]])
        if len(left) > _MOST_PANELS:
            return None
    return total + float(coarse.sum())
