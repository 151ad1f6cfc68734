"""What stands between two layers: each activation once, with its slope, its curvature and its kinks.

Theory integrates them, the probe and the trainer run them, `gain` measures them: all read this registry. The
kernels' names are these names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from . import curves

__all__ = ["NAMES", "Activation", "activation", "leaky_slope", "on_elements", "spelled"]

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Activation:
    """A function of each element, with what theory and training need to know of it.

    Parameters
    ----------
    name : str
        How it is called in tables and messages.
    value, slope : callable
        phi and its derivative: a float64 array in, an array of that shape out. At a kink the slope is the
        one torch's backward pass takes.
    curvature : callable, optional
        The second derivative; None where the slope jumps, since it is no function there.
    kinks : tuple of float
        Where the function is not smooth: integrals are split there.
    parameter : float, optional
        The slope below zero of leaky_relu.
    precision : float
        The relative error that values or slopes carry beyond rounding; 0 for formulas.

    Attributes
    ----------
    is_builtin : bool
        Whether it is one of pyinit's own, which the kernels and the formulas of theory know by name. A copy
        made with `dataclasses.replace` is not.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> square = pi.Activation("square", np.square, lambda x: 2 * x)
    >>> float(square(np.array(3.0)))
    9.0
    """

    name: str
    value: Function = field(repr=False)
    slope: Function = field(repr=False)
    curvature: Function | None = field(default=None, repr=False)
    kinks: tuple[float, ...] = ()
    parameter: float | None = None
    precision: float = field(default=0.0, repr=False)
    is_builtin: bool = field(default=False, init=False, repr=False, compare=False)

    def __call__(self, x: npt.ArrayLike) -> Array:
        """Return phi(x)."""
        return self.value(np.asarray(x, dtype=np.float64))


def _builtin(of: Activation) -> Activation:
    object.__setattr__(of, "is_builtin", True)
    return of


_REGISTRY: dict[str, Activation] = {
    known.name: _builtin(known)
    for known in (
        Activation("linear", curves.linear, curves.linear_slope, curves.zero),
        Activation("relu", curves.relu, curves.relu_slope, kinks=(0.0,)),
        Activation("elu", curves.elu, curves.elu_slope, curves.elu_curvature, (0.0,)),
        Activation("selu", curves.selu, curves.selu_slope, kinks=(0.0,)),
        Activation("gelu", curves.gelu, curves.gelu_slope, curves.gelu_curvature),
        Activation("gelu_tanh", curves.gelu_tanh, curves.gelu_tanh_slope, curves.gelu_tanh_curvature),
        Activation("silu", curves.silu, curves.silu_slope, curves.silu_curvature),
        Activation("mish", curves.mish, curves.mish_slope, curves.mish_curvature),
        Activation("tanh", np.tanh, curves.tanh_slope, curves.tanh_curvature),
        Activation("sigmoid", curves.sigmoid, curves.sigmoid_slope, curves.sigmoid_curvature),
        Activation("hardtanh", curves.hardtanh, curves.hardtanh_slope, kinks=(-1.0, 1.0)),
        Activation("softplus", curves.softplus, curves.sigmoid, curves.sigmoid_slope),
        Activation("softsign", curves.softsign, curves.softsign_slope, curves.softsign_curvature, (0.0,)),
        Activation("erf", curves.erf, curves.erf_slope, curves.erf_curvature),
        Activation("sin", np.sin, np.cos, curves.sin_curvature),
    )
}
NAMES: tuple[str, ...] = tuple(sorted([*_REGISTRY, "leaky_relu"]))
"""Every name that `activation` knows."""


def activation(
    spec: Any, *, slope: Callable[[Any], Any] | None = None, kinks: tuple[float, ...] = ()
) -> Activation:
    """Return the activation that a name, a (name, parameter) pair or a function stands for.

    Parameters
    ----------
    spec : str, (str, float), Activation or callable
        A name of `NAMES`; ``("leaky_relu", 0.2)``; an Activation, returned as it is; or a function of an
        array, or of one float, that acts on each element.
    slope : callable, optional
        The derivative of a function; central differences when left out, within 1e-9 of smooth functions.
    kinks : tuple of float
        Where a function is not smooth. Differences then stay on one side of each.

    Returns
    -------
    Activation
        The same object for the same name and parameter.

    Raises
    ------
    RecipeError
        If the name is unknown, a name comes with a slope or kinks, or the function is not real.

    Examples
    --------
    >>> from pyinit import activation
    >>> activation("tanh")
    Activation(name='tanh', kinks=(), parameter=None)
    >>> activation(("leaky_relu", 0.2)).parameter
    0.2
    """
    if isinstance(spec, Activation) or not callable(spec):
        if slope is not None or kinks:
            raise RecipeError(
                f"a slope and kinks go with a function; got them with {spec!r}. Leave them out, or write an "
                "Activation."
            )
        return spec if isinstance(spec, Activation) else _named(spec)
    return _of_function(spec, slope, kinks)


def spelled(phi: Activation) -> str | tuple[str, float] | None:
    """Return the name of an activation of the registry, with its parameter; None for any other.

    Examples
    --------
    >>> from pyinit.theory.activation import spelled, activation
    >>> spelled(activation(("leaky_relu", 0.2)))
    ('leaky_relu', 0.2)
    """
    name = phi.name if phi.parameter is None else (phi.name, phi.parameter)
    try:
        return name if activation(name) is phi else None
    except RecipeError:
        return None


def _named(spec: Any) -> Activation:
    name, parameters = (spec, ()) if isinstance(spec, str) else _pair(spec)
    if name == "leaky_relu":
        return _leaky_relu(leaky_slope(*parameters))
    if name not in _REGISTRY:
        known = ", ".join(NAMES)
        raise RecipeError(f"unknown activation {name!r}. Known are {known}; or pass the function itself.")
    if parameters:
        raise RecipeError(
            f"only leaky_relu takes a parameter; got {parameters[0]!r} for {name}. Leave it out."
        )
    return _REGISTRY[name]


def _pair(spec: Any) -> tuple[str, tuple[Any, ...]]:
    if isinstance(spec, tuple | list) and len(spec) == 2 and isinstance(spec[0], str):
        return spec[0], (spec[1],)
    raise RecipeError(
        f'an activation is a name, ("leaky_relu", slope), an Activation or a function; got {spec!r}. '
        'Write "tanh".'
    )


@lru_cache(maxsize=64)
def _leaky_relu(below: float) -> Activation:
    return _builtin(
        Activation(
            "leaky_relu",
            lambda x: np.where(x > 0, x, below * x),
            lambda x: np.where(x > 0, 1.0, below),
            kinks=(0.0,),
            parameter=below,
        )
    )


def leaky_slope(value: Any = 0.01) -> float:
    """Return leaky_relu's slope below zero, a number whose square is one, too."""
    # a square beyond float64 is as good as infinite
    if isinstance(value, bool) or not hasattr(value, "__float__") or not abs(value) < 1e154:
        raise RecipeError(f"leaky_relu's slope must be a number with a square; got {value!r}. Use 0.01.")
    return float(value)


def on_elements(function: Callable[[Any], Any], x: Array) -> Array:
    """Return a function's values, from a function of arrays or of one float."""
    # what is not finite is measured as such
    with np.errstate(all="ignore"):
        try:
            values = np.asarray(function(x))
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.shape != x.shape or values.ndim == 0:
            values = np.array([function(element) for element in x.ravel().tolist()]).reshape(x.shape)
    if values.dtype.kind not in "fiub":
        raise RecipeError(
            f"an activation needs real values; got {values.dtype} from {function!r}. Take the real part."
        )
    return values


def _of_function(
    function: Callable[[Any], Any], slope: Callable[[Any], Any] | None, kinks: tuple[float, ...]
) -> Activation:
    if any(not isinstance(kink, int | float) or not math.isfinite(kink) for kink in kinks):
        raise RecipeError(f"kinks are finite numbers; got {kinks!r}. List where the function is not smooth.")
    dtype = on_elements(function, np.zeros(1)).dtype
    # functions of jax return float32
    epsilon = float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)
    # truncation grows as the square of the step, rounding as its inverse: they meet at the cube root
    step = epsilon ** (1 / 3)

    def in_float64(of: Callable[[Any], Any]) -> Function:
        return lambda x: on_elements(of, x).astype(np.float64)

    value = in_float64(function)

    def difference(x: Array) -> Array:
        h = step * np.maximum(1.0, np.abs(x))
        for kink in kinks:
            distance = np.abs(x - kink)
            h = np.where(distance > 0, np.minimum(h, distance), h)
        # beyond float64, or where the function is not finite, there is no slope
        with np.errstate(all="ignore"):
            above, below = x + h, x - h
            result: Array = (value(above) - value(below)) / (above - below)
        return result

    rounded = 4 * epsilon if epsilon > np.finfo(np.float64).eps else 0.0
    return Activation(
        str(getattr(function, "__name__", type(function).__name__)),
        value,
        difference if slope is None else in_float64(slope),
        kinks=tuple(sorted(float(kink) for kink in kinks)),
        precision=rounded if slope is not None else 16 * epsilon / step,
    )
