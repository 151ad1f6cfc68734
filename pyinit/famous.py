"""The famous names, each a single line over variance_scaling."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from .errors import RecipeError
from .recipe import flag, named, number
from .scaling import AxesOptions, VarianceScaling

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "critical_normal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "xavier_normal",
    "xavier_uniform",
]


_LARGEST_SQUARED = 1e154


def _normal_kind(truncated: bool) -> str:
    return "truncated_normal" if flag("truncated", truncated) else "normal"


def _glorot_scale(gain: float) -> float:
    return _square("glorot's gain", gain)


def _he_scale(a: float) -> float:
    return 2.0 / (1.0 + _square("he's slope a", a))


def _critical_scale(activation: Any, sigma_b: float) -> float:
    # takes longer to import than all recipes
    from .theory import critical

    edge = critical(activation, number("sigma_b", sigma_b))
    if not edge.is_stable:
        warnings.warn(
            f"critical_normal: the variance runs away from its fixed point q = {float(edge.q):.4g}, whose "
            f"slope is {float(edge.variance_slope):.4g} a layer, so deep networks explode. Use few layers, "
            "norms, or another activation.",
            UserWarning,
            stacklevel=3,
        )
    return float(edge.weight_variance)


def _square(what: str, value: float) -> float:
    base = number(what, value)
    if abs(base) > _LARGEST_SQUARED:
        raise RecipeError(f"{what} must have a finite square; got {base!r}. Correct the recipe.")
    return base**2


def critical_normal(
    activation: Any, sigma_b: float = 0.0, *, truncated: bool = False, **axes: Unpack[AxesOptions]
) -> VarianceScaling:
    """Return the recipe of normal draws with std sigma_w / sqrt(fan_in), sigma_w at the edge of chaos.

    chi_1 = sigma_w^2 E[phi'^2] = 1 at a fixed point q of the variance. Where that is stable (tanh, erf, sin,
    relu, elu, ...), signals and gradients pass through many wide layers. That of gelu, silu and mish is not:
    the variance runs away from q, and deep networks explode; the recipe is made with a warning. Depth shrinks
    signals slowly where q is 0, as with tanh at sigma_b = 0. The biases belong to it: draw them with
    ``normal(std=sigma_b)``.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        "tanh", ("leaky_relu", 0.2), a NumPy function, ...
    sigma_b : float
        Standard deviation of the biases; for relu and leaky relu, where this is `he_normal`, only 0.
    truncated : bool
        Truncate at 2 std and correct the variance.
    **axes
        How the weight is stored: `layout`, `in_axis`, ... as `variance_scaling` takes them.

    Returns
    -------
    Recipe
        With the number sigma_w^2 as its scale, so that it prints and reads back without the activation.

    Raises
    ------
    RecipeError
        If the activation is unknown or has no edge of chaos at this sigma_b.

    Warns
    -----
    UserWarning
        Once, when the recipe is made, if the fixed point is not stable; drawing with it is silent.

    References
    ----------
    Schoenholz, Gilmer, Ganguli, Sohl-Dickstein, "Deep information propagation", ICLR 2017;
    `pyinit.theory.critical`.

    Examples
    --------
    >>> import pyinit as pi
    >>> plan = pi.critical_normal("tanh", sigma_b=0.05**0.5).plan((400, 400))
    >>> round(plan.std * 20, 6)
    1.32701
    """
    return VarianceScaling(
        _critical_scale(activation, sigma_b),
        "fan_in",
        _normal_kind(truncated),
        **axes,
        called="critical_normal",
    )


def glorot_normal(
    gain: float = 1.0, *, truncated: bool = False, **axes: Unpack[AxesOptions]
) -> VarianceScaling:
    """Return the recipe of normal draws with variance gain^2 * 2 / (fan_in + fan_out).

    Parameters
    ----------
    gain : float
        As `pyinit.gain` returns it.
    truncated : bool
        Truncate at 2 std and correct the variance, as Keras and JAX do; torch, and the default, does not.
    **axes
        How the weight is stored: `layout`, `in_axis`, ... as `variance_scaling` takes them.

    Returns
    -------
    Recipe
        Also called ``xavier_normal``.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, eq. 12.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(pi.glorot_normal().plan((300, 100)).std, 6)
    0.070711
    """
    return VarianceScaling(
        _glorot_scale(gain), "fan_avg", _normal_kind(truncated), **axes, called="glorot_normal"
    )


def glorot_uniform(gain: float = 1.0, **axes: Unpack[AxesOptions]) -> VarianceScaling:
    """Return the recipe of uniform draws with variance gain^2 * 2 / (fan_in + fan_out).

    Parameters
    ----------
    gain : float
        As `pyinit.gain` returns it.
    **axes
        How the weight is stored, as `variance_scaling` takes it.

    Returns
    -------
    Recipe
        Also called ``xavier_uniform``.

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.glorot_uniform(layout="torch")
    variance_scaling(mode='fan_avg', distribution='uniform', layout='torch')
    """
    return VarianceScaling(_glorot_scale(gain), "fan_avg", "uniform", **axes, called="glorot_uniform")


def he_normal(
    a: float = 0.0, mode: str = "fan_in", *, truncated: bool = False, **axes: Unpack[AxesOptions]
) -> VarianceScaling:
    """Return the recipe of normal draws with variance 2 / ((1 + a^2) fan), for relu and leaky relu.

    Parameters
    ----------
    a : float
        Slope of a leaky relu below zero; 0 for relu.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
        Keep the variance of the forward pass, of the backward pass, or between.
    truncated : bool
        Truncate at 2 std and correct the variance, as Keras and JAX do; torch, and the default, does not.
    **axes
        How the weight is stored: `layout`, `in_axis`, ... as `variance_scaling` takes them.

    Returns
    -------
    Recipe
        Also called ``kaiming_normal``.

    Raises
    ------
    ShapeError
        When it is used on a vector, which has no fan.

    References
    ----------
    He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10 and 15.

    Examples
    --------
    >>> import pyinit as pi
    >>> print(pi.he_normal(truncated=True).plan((800, 10)))
    truncated_normal (800, 10) float32: mean 0, std 0.05, bounds [-0.113685, 0.113685], fan_in 800, \
fan_out 10, gain 1.41421
    """
    return VarianceScaling(_he_scale(a), mode, _normal_kind(truncated), **axes, called="he_normal")


def he_uniform(a: float = 0.0, mode: str = "fan_in", **axes: Unpack[AxesOptions]) -> VarianceScaling:
    """Return the recipe of uniform draws with variance 2 / ((1 + a^2) fan), for relu and leaky relu.

    Parameters
    ----------
    a : float
        Slope of a leaky relu below zero; 0 for relu. (torch's Linear and Conv layers use sqrt(5).)
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
        Keep the variance of the forward pass, of the backward pass, or between.
    **axes
        How the weight is stored, as `variance_scaling` takes it.

    Returns
    -------
    Recipe
        Also called ``kaiming_uniform``.

    References
    ----------
    He, Zhang, Ren, Sun, ICCV 2015, eq. 10 and 15.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.he_uniform(a=5**0.5, layout="torch").plan((10, 100)).bounds
    (-0.10000000149011612, 0.09999999403953552)
    """
    return VarianceScaling(_he_scale(a), mode, "uniform", **axes, called="he_uniform")


def lecun_normal(*, truncated: bool = False, **axes: Unpack[AxesOptions]) -> VarianceScaling:
    """Return the recipe of normal draws with variance 1 / fan_in, as selu networks need.

    Parameters
    ----------
    truncated : bool
        Truncate at 2 std and correct the variance, as Keras and JAX do.
    **axes
        How the weight is stored, as `variance_scaling` takes it.

    Returns
    -------
    Recipe
        The recipe.

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, eq. 16.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.lecun_normal().plan((100, 10)).std
    0.1
    """
    return VarianceScaling(1.0, "fan_in", _normal_kind(truncated), **axes, called="lecun_normal")


def lecun_uniform(**axes: Unpack[AxesOptions]) -> VarianceScaling:
    """Return the recipe of uniform draws with variance 1 / fan_in.

    Parameters
    ----------
    **axes
        How the weight is stored, as `variance_scaling` takes it.

    Returns
    -------
    Recipe
        The recipe.

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.lecun_uniform().plan((300, 10)).bounds
    (-0.10000000149011612, 0.09999999403953552)
    """
    return VarianceScaling(1.0, "fan_in", "uniform", **axes, called="lecun_uniform")


xavier_normal = glorot_normal
xavier_uniform = glorot_uniform
kaiming_normal = he_normal
kaiming_uniform = he_uniform

named(critical_normal, "critical_normal")
named(glorot_normal, "glorot_normal", "xavier_normal")
named(glorot_uniform, "glorot_uniform", "xavier_uniform")
named(he_normal, "he_normal", "kaiming_normal")
named(he_uniform, "he_uniform", "kaiming_uniform")
named(lecun_normal, "lecun_normal")
named(lecun_uniform, "lecun_uniform")
