"""The famous names: one table of what each means, and for each a maker over variance_scaling."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec

from ..errors import RecipeError
from ..stream.arguments import flag, number
from ..theory.activation import activation as resolved
from ..theory.activation import spelled
from .makers import Spoken, maker
from .recipe import Recipe, named
from .scaling import AxesOptions, VarianceScaling

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "FAMOUS",
    "Famous",
    "critical_normal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "name_of",
    "xavier_normal",
    "xavier_uniform",
]

P = ParamSpec("P")

_LARGEST_SQUARED = 1e154
_DEFAULTS: dict[str, Any] = {"gain": 1.0, "a": 0.0, "mode": "fan_in", "sigma_b": 0.0, "truncated": False}


class Famous(NamedTuple):
    """The `variance_scaling` that a name stands for while its options have their defaults, and its source."""

    scale: float
    mode: str
    distribution: str
    reference: str

    @property
    def truncated(self) -> str:
        """The distribution in JAX and Keras, whose famous normals are truncated."""
        return "truncated_normal" if self.distribution == "normal" else self.distribution


_GLOROT_NORMAL = Famous(1.0, "fan_avg", "normal", "Glorot and Bengio, AISTATS 2010, eq. 12")
_GLOROT_UNIFORM = Famous(1.0, "fan_avg", "uniform", "Glorot and Bengio, AISTATS 2010, eq. 16")
_HE_NORMAL = Famous(2.0, "fan_in", "normal", "He, Zhang, Ren, Sun, ICCV 2015, eq. 10")
_HE_UNIFORM = _HE_NORMAL._replace(distribution="uniform")
_LECUN_NORMAL = Famous(1.0, "fan_in", "normal", "LeCun, Bottou, Orr, Müller, 1998, eq. 16")
_LECUN_UNIFORM = _LECUN_NORMAL._replace(distribution="uniform")

#: What each name means, in every framework; an alias follows the name that it stands for.
FAMOUS = {
    "glorot_normal": _GLOROT_NORMAL,
    "glorot_uniform": _GLOROT_UNIFORM,
    "he_normal": _HE_NORMAL,
    "he_uniform": _HE_UNIFORM,
    "lecun_normal": _LECUN_NORMAL,
    "lecun_uniform": _LECUN_UNIFORM,
    "kaiming_normal": _HE_NORMAL,
    "kaiming_uniform": _HE_UNIFORM,
    "xavier_normal": _GLOROT_NORMAL,
    "xavier_uniform": _GLOROT_UNIFORM,
}


def name_of(recipe: Recipe) -> str | None:
    """Return the famous name whose recipe, with default options, equals this one, or None.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.recipes.famous import name_of
    >>> name_of(pi.variance_scaling(2.0, "fan_in", "uniform"))
    'he_uniform'
    """
    for name, row in FAMOUS.items():
        if recipe == VarianceScaling(row.scale, row.mode, row.distribution):
            return name
    return None


def _famous(name: str, make: Callable[Concatenate[str, P], VarianceScaling]) -> Callable[P, VarianceScaling]:
    """Return the maker of a name, which it passes to `make`, and let strings and JSON know it."""
    made: Callable[P, VarianceScaling] = maker(
        name, partial(make, name), like=make, options=AxesOptions.__annotations__
    )
    named(made, name)
    return made


def _scaled(called: str, factor: float, options: dict[str, Any], axes: AxesOptions) -> VarianceScaling:
    """Return the recipe of a row of the table, its scale multiplied by `factor`."""
    row = FAMOUS[called]
    kind = row.distribution
    if "truncated" in options:
        kind = _normal_kind(called, options["truncated"])
    return _recorded(called, options, (row.scale * factor, options.get("mode", row.mode), kind), axes)


def _recorded(
    called: str, options: dict[str, Any], what: tuple[float, str, str], axes: AxesOptions
) -> VarianceScaling:
    """Return variance_scaling's recipe of a scale, a mode and a distribution, which prints as its name."""
    differing = tuple((name, value) for name, value in options.items() if value != _DEFAULTS.get(name))
    decided = tuple(zip(("scale", "mode", "distribution"), what, strict=True))
    return VarianceScaling(*what, **axes, spoken=Spoken(called, differing, decided))


def _normal_kind(called: str, truncated: bool) -> str:
    return "truncated_normal" if flag(f"{called}'s truncated", truncated) else "normal"


def _square(what: str, value: float) -> float:
    base = number(what, value)
    if abs(base) > _LARGEST_SQUARED:
        raise RecipeError(f"{what} must have a finite square; got {base!r}. Correct the recipe.")
    return base**2


def _critical_scale(called: str, activation: Any, sigma_b: float) -> float:
    # takes longer to import than all recipes
    from ..theory import critical

    edge = critical(activation, sigma_b)
    if not edge.is_stable:
        warnings.warn(
            f"{called}: the variance runs away from its fixed point q = {float(edge.q):.4g}, whose "
            f"slope is {float(edge.variance_slope):.4g} a layer, so deep networks explode. Use few layers, "
            "norms, or another activation.",
            UserWarning,
            stacklevel=4,
        )
    return float(edge.weight_variance)


def _critical_normal(
    called: str,
    activation: Any,
    *,
    sigma_b: float = 0.0,
    truncated: bool = False,
    **axes: Unpack[AxesOptions],
) -> VarianceScaling:
    """Return the recipe of normal draws with std sigma_w / sqrt(fan_in), sigma_w at the edge of chaos.

    chi_1 = sigma_w^2 E[phi'^2] = 1 at a fixed point q of the variance. Where q is stable (tanh, erf, sin,
    relu, elu, ...), signals and gradients pass through many wide layers. For gelu, silu and mish it is not
    stable: the variance runs away from q, and deep networks explode; the recipe is made with a warning. Where
    q is 0, as with tanh at sigma_b = 0, depth shrinks signals slowly. Draw the biases with
    ``normal(std=sigma_b)``.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        "tanh", ("leaky_relu", 0.2), a NumPy function, ...
    sigma_b : float
        Standard deviation of the biases. For relu and leaky relu, where this is `he_normal`, it must be 0.
    truncated : bool
        Truncate at 2 std and correct the variance.
    **axes
        How the weight is stored: `layout`, `in_axis`, ... of `variance_scaling`.

    Returns
    -------
    Recipe
        It prints as ``critical_normal(activation='tanh')``, which finds sigma_w again when it is read; with a
        function of your own as the activation, it prints as ``variance_scaling`` with the number sigma_w^2.

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
    phi, bias = resolved(activation), number(f"{called}'s sigma_b", sigma_b)
    name, kind = spelled(phi), _normal_kind(called, truncated)
    what = (_critical_scale(called, activation, bias), "fan_in", kind)
    if name is None:
        # no number equals None: the recipe never prints as this name
        return VarianceScaling(*what, **axes, spoken=Spoken(called, (), (("scale", None),)))
    return _recorded(called, {"activation": name, "sigma_b": bias, "truncated": truncated}, what, axes)


def _glorot_normal(
    called: str, *, gain: float = 1.0, truncated: bool = False, **axes: Unpack[AxesOptions]
) -> VarianceScaling:
    """Return the recipe of normal draws with variance gain^2 * 2 / (fan_in + fan_out).

    ``glorot_normal`` and ``xavier_normal`` are the same. `gain` is what `pyinit.gain` returns. `truncated`
    cuts off at 2 std and keeps the variance, as JAX and Keras do. `variance_scaling` describes `axes`.
    Source: Glorot and Bengio, AISTATS 2010, eq. 12.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(pi.glorot_normal().plan((300, 100)).std, 6)
    0.070711
    """
    options = {"gain": number(f"{called}'s gain", gain), "truncated": truncated}
    return _scaled(called, _square(f"{called}'s gain", gain), options, axes)


def _glorot_uniform(called: str, *, gain: float = 1.0, **axes: Unpack[AxesOptions]) -> VarianceScaling:
    """Return the recipe of uniform draws with variance gain^2 * 2 / (fan_in + fan_out).

    ``glorot_uniform`` and ``xavier_uniform`` are the same. `gain` is what `pyinit.gain` returns.
    `variance_scaling` describes `axes`. Source: Glorot and Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.glorot_uniform(layout="torch")
    glorot_uniform(layout='torch')
    """
    options = {"gain": number(f"{called}'s gain", gain)}
    return _scaled(called, _square(f"{called}'s gain", gain), options, axes)


def _he_normal(
    called: str,
    *,
    a: float = 0.0,
    mode: str = "fan_in",
    truncated: bool = False,
    **axes: Unpack[AxesOptions],
) -> VarianceScaling:
    """Return the recipe of normal draws with variance 2 / ((1 + a^2) fan), for relu and leaky relu.

    ``he_normal`` and ``kaiming_normal`` are the same. `a` is the slope of leaky relu below zero. `mode`
    "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass. `truncated` cuts off
    at 2 std and keeps the variance, as JAX and Keras do. `variance_scaling` describes `axes`.
    Source: He, Zhang, Ren, Sun, ICCV 2015, eq. 10 and 15.

    Examples
    --------
    >>> import pyinit as pi
    >>> print(pi.he_normal(truncated=True).plan((800, 10)))
    truncated_normal (800, 10) float32: mean 0, std 0.05, bounds [-0.113685, 0.113685], fan_in 800, \
fan_out 10, gain 1.41421
    """
    options = {"a": number(f"{called}'s slope a", a), "mode": mode, "truncated": truncated}
    return _scaled(called, 1.0 / (1.0 + _square(f"{called}'s slope a", a)), options, axes)


def _he_uniform(
    called: str, *, a: float = 0.0, mode: str = "fan_in", **axes: Unpack[AxesOptions]
) -> VarianceScaling:
    """Return the recipe of uniform draws with variance 2 / ((1 + a^2) fan), for relu and leaky relu.

    ``he_uniform`` and ``kaiming_uniform`` are the same. `a` is the slope of leaky relu below zero; torch's
    Linear and Conv layers use sqrt(5). `mode` "fan_in" keeps the variance of the forward pass, "fan_out" that
    of the backward pass. `variance_scaling` describes `axes`.
    Source: He, Zhang, Ren, Sun, ICCV 2015, eq. 10 and 15.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.he_uniform(a=5**0.5, layout="torch").plan((10, 100)).bounds
    (-0.10000000149011612, 0.09999999403953552)
    """
    options = {"a": number(f"{called}'s slope a", a), "mode": mode}
    return _scaled(called, 1.0 / (1.0 + _square(f"{called}'s slope a", a)), options, axes)


def _lecun_normal(called: str, *, truncated: bool = False, **axes: Unpack[AxesOptions]) -> VarianceScaling:
    """Return the recipe of normal draws with variance 1 / fan_in, as selu networks need.

    `truncated` cuts off at 2 std and keeps the variance, as JAX and Keras do. `variance_scaling` describes
    `axes`. Source: LeCun, Bottou, Orr, Müller, 1998, eq. 16.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.lecun_normal().plan((100, 10)).std
    0.1
    """
    return _scaled(called, 1.0, {"truncated": truncated}, axes)


def _lecun_uniform(called: str, **axes: Unpack[AxesOptions]) -> VarianceScaling:
    """Return the recipe of uniform draws with variance 1 / fan_in.

    `variance_scaling` describes `axes`. Source: LeCun, Bottou, Orr, Müller, 1998, eq. 16.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.lecun_uniform().plan((300, 10)).bounds
    (-0.10000000149011612, 0.09999999403953552)
    """
    return _scaled(called, 1.0, {}, axes)


critical_normal = _famous("critical_normal", _critical_normal)
glorot_normal = _famous("glorot_normal", _glorot_normal)
glorot_uniform = _famous("glorot_uniform", _glorot_uniform)
he_normal = _famous("he_normal", _he_normal)
he_uniform = _famous("he_uniform", _he_uniform)
kaiming_normal = _famous("kaiming_normal", _he_normal)
kaiming_uniform = _famous("kaiming_uniform", _he_uniform)
lecun_normal = _famous("lecun_normal", _lecun_normal)
lecun_uniform = _famous("lecun_uniform", _lecun_uniform)
xavier_normal = _famous("xavier_normal", _glorot_normal)
xavier_uniform = _famous("xavier_uniform", _glorot_uniform)
