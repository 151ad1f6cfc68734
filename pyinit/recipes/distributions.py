"""Recipes with their numbers given: constant, uniform, normal and truncated normal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ..errors import RecipeError
from ..stream.arguments import flag, number
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.window import Shape
from .makers import Spoken, maker
from .recipe import Recipe, named

__all__ = [
    "Constant",
    "Normal",
    "TruncatedNormal",
    "Uniform",
    "constant",
    "normal",
    "ones",
    "spread",
    "truncated_normal",
    "uniform",
    "zeros",
]

_REACH = {"float32": 6.8, "float64": 9.6}
"""No standard normal of the stream is larger, by compute dtype."""


def _check_scale(std: float, dtype: DType) -> None:
    if std and not 0.0 < resolve(dtype.compute).round(std) < math.inf:
        raise RecipeError(
            f"std {std!r} is outside the range of {dtype.compute}, in which {dtype.name} is computed. "
            "Use float64 or another std."
        )


def _check_reach(low: float, high: float, dtype: DType, recipe: Recipe) -> None:
    if max(-low, high) > dtype.largest:
        raise RecipeError(
            f"{dtype.name} holds values up to {dtype.largest:.6g}; {recipe!r} reaches "
            f"{max(-low, high):.6g}. Use a wider dtype or a smaller std."
        )


@dataclass(frozen=True, repr=False)
class Constant(Recipe):
    """The same value everywhere.

    Parameters
    ----------
    value : float
        Finite; rounded once to the dtype.

    Raises
    ------
    RecipeError
        If the value is not a finite number, or too large for the dtype.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.constant(0.1)((2,), key=0, dtype="float64")
    array([0.1, 0.1])
    """

    verb: ClassVar[str] = "constant"
    value: float
    # 0.0 == -0.0, but they are different bytes
    negative: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        value = number("constant's value", self.value)
        negative = math.copysign(1.0, float(self.value)) < 0
        object.__setattr__(self, "value", -0.0 if negative and value == 0.0 else value)
        object.__setattr__(self, "negative", negative)

    def _times(self, factor: float) -> Recipe:
        return Constant(self.value * factor)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Round the value to the dtype."""
        value = dtype.round(resolve(dtype.compute).round(self.value))
        _check_reach(value, value, dtype, self)
        return Plan(
            "constant", shape, dtype.name, mean=value, std=0.0, bounds=(value, value), numbers=(value,)
        )


@dataclass(frozen=True, repr=False)
class Uniform(Recipe):
    """Uniform draws: u * (high - low) + low, u in [0, 1), never `high` in any dtype.

    Of a complex number both parts are such draws, as in torch: z is uniform on a square.

    Parameters
    ----------
    low, high : float
        Finite, low < high; both, or neither for 0 and 1.

    Raises
    ------
    RecipeError
        If one bound is given without the other, a bound is not finite, or [low, high) holds no value of the
        dtype.

    Examples
    --------
    >>> import pyinit as pi
    >>> w = pi.uniform(-1, 1)((1000,), key=0)
    >>> bool((w >= -1).all() and (w < 1).all())
    True
    """

    verb: ClassVar[str] = "uniform"
    low: float = None  # type: ignore[assignment]
    high: float = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        bounds: tuple[Any, Any] = (self.low, self.high)
        if bounds == (None, None):
            bounds = (0.0, 1.0)
        if None in bounds:
            given = f"low={self.low!r}" if bounds[1] is None else f"high={self.high!r}"
            raise RecipeError(
                f"uniform takes both low and high, or neither; got {given}. Write uniform(low, high)."
            )
        low, high = number("uniform's low", bounds[0]), number("uniform's high", bounds[1])
        if not low < high:
            raise RecipeError(
                f"uniform needs low < high; [{low!r}, {high!r}) is empty. Use constant() for one value."
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def _differing(self) -> dict[str, Any]:
        return {} if (self.low, self.high) == (0.0, 1.0) else {"low": self.low, "high": self.high}

    def _times(self, factor: float) -> Recipe:
        return Uniform(self.low * factor, self.high * factor) if factor else Constant(0.0)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Round the bounds to the compute dtype and find the outermost values of the dtype inside them."""
        compute = resolve(dtype.compute)
        low, high = compute.round(self.low), compute.round(self.high)
        lowest, highest = dtype.ceil(low), dtype.below(high)
        if not low <= lowest <= highest < high:
            raise RecipeError(
                f"[{self.low!r}, {self.high!r}) holds no value of {dtype.name}; uniform needs at least one. "
                "Use a wider dtype or constant()."
            )
        _check_reach(low, high, dtype, self)
        if compute.round(high - low) > compute.largest:
            raise RecipeError(
                f"uniform needs high - low within {dtype.compute}; got {self.low!r} and {self.high!r}. "
                "Use a wider dtype or closer bounds."
            )
        std = (self.high / 2 - self.low / 2) / math.sqrt(3)
        return Plan(
            "uniform",
            shape,
            dtype.name,
            mean=self.low / 2 + self.high / 2,
            std=math.sqrt(2) * std if dtype.is_complex else std,
            bounds=(lowest, highest),
            numbers=(low, high, lowest, highest),
        )


@dataclass(frozen=True, repr=False, kw_only=True)
class Normal(Recipe):
    """Normal draws: z * std + mean, z by Box and Muller's transform.

    Of a complex number both parts are normal draws of std / sqrt(2), so that E|z|**2 = std**2, as in torch
    and JAX.

    Parameters
    ----------
    mean : float
        Finite; 0 in a complex dtype, as torch adds it to both parts and others to the real part.
    std : float
        Finite, at least 0.

    Raises
    ------
    RecipeError
        If a number is not finite, the std is negative, or the values leave the dtype's range.

    Examples
    --------
    >>> import pyinit as pi
    >>> bool(abs(pi.normal(std=0.02)((768, 768), key=0).std() - 0.02) < 1e-4)
    True
    """

    verb: ClassVar[str] = "normal"
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", number("normal's mean", self.mean))
        object.__setattr__(self, "std", spread("normal", self.std))

    def _times(self, factor: float) -> Recipe:
        return replace(self, mean=self.mean * factor, std=self.std * factor)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Check that mean and std, and all that can be drawn, are inside the dtype."""
        _check_scale(self.std, dtype)
        reach = _REACH[dtype.compute] * self.std
        _check_reach(self.mean - reach, self.mean + reach, dtype, self)
        if dtype.is_complex and self.mean:
            raise RecipeError(
                f"normal in {dtype.name} needs a mean of 0, as torch adds a mean to both parts and others to "
                f"the real part; got {self.mean!r}. Draw without it, then add it where it is meant."
            )
        std = self.std / math.sqrt(2) if dtype.is_complex else self.std
        _check_scale(std, dtype)
        return Plan("normal", shape, dtype.name, mean=self.mean, std=self.std, numbers=(self.mean, std))


def spread(recipe: str, value: Any) -> float:
    """Return a std as a float, at least 0."""
    return number(f"{recipe}'s std", value, least=0.0)


@dataclass(frozen=True, repr=False, kw_only=True)
class TruncatedNormal(Recipe):
    """Normal draws kept inside bounds, by the inverse distribution function: one draw each, no rejection.

    Parameters
    ----------
    mean : float
        Finite; of the normal before truncation.
    std : float
        Finite, above 0; of the normal before truncation, or with `correct` of the weights.
    low, high : float
        low < high; an end may be infinite. No value is ever outside them.
        In a complex dtype the modulus is cut: mean 0, low = -high, and ``|z - mean| <= high``.
    unit : {"std", "absolute"}
        Whether the bounds count standard deviations from the mean, or are values. (torch's
        ``trunc_normal_(a, b)`` is absolute; Keras, JAX and timm count standard deviations.)
    correct : bool
        Widen the normal so that the std of the weights is `std`; the bounds widen with it.

    Raises
    ------
    RecipeError
        If a number is not valid, the bounds hold no value of the dtype, or all the mass within them is
        beyond 37 std of the mean.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(pi.truncated_normal(std=0.02).plan((2,)).std, 6)
    0.017593
    >>> pi.truncated_normal(std=0.02, correct=True).plan((2,)).std
    0.02
    """

    verb: ClassVar[str] = "truncated_normal"
    mean: float = 0.0
    std: float = 1.0
    low: float = -2.0
    high: float = 2.0
    unit: str = "std"
    correct: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", number("truncated_normal's mean", self.mean))
        std = spread("truncated_normal", self.std)
        if std == 0:
            raise RecipeError("truncated_normal's std must be above 0; got 0.0. Use constant(mean).")
        object.__setattr__(self, "std", std)
        low = number("truncated_normal's low", self.low, finite=False)
        high = number("truncated_normal's high", self.high, finite=False)
        if not low < high:
            raise RecipeError(
                f"truncated_normal needs low < high; [{low!r}, {high!r}] is empty. Use constant() instead."
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if self.unit not in ("std", "absolute"):
            raise RecipeError(f"truncated_normal's unit is 'std' or 'absolute'; got {self.unit!r}. Name one.")
        if flag("truncated_normal's correct", self.correct) and self.unit != "std":
            raise RecipeError(
                "truncated_normal's correct=True needs bounds in units of std; got unit='absolute'. "
                "Use unit='std'."
            )
        # decimal is slow to import
        from .truncation import numbers

        numbers(*self._standard_bounds(), 32)

    def _standard_bounds(self) -> tuple[float, float]:
        if self.unit == "std":
            return self.low, self.high
        return (self.low - self.mean) / self.std, (self.high - self.mean) / self.std

    def _times(self, factor: float) -> Recipe:
        if factor == 0:
            return Constant(0.0)
        bounds: dict[str, Any] = (
            {} if self.unit == "std" else {"low": self.low * factor, "high": self.high * factor}
        )
        return replace(self, mean=self.mean * factor, std=self.std * factor, **bounds)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Standardize the bounds, correct the std, and find the outermost values of the dtype inside."""
        from .truncation import moments, numbers

        a, b = self._standard_bounds()
        if dtype.is_complex:
            if self.mean or a != -b:
                raise RecipeError(
                    f"truncated_normal in {dtype.name} cuts the modulus, and needs mean 0 and bounds that "
                    f"are alike, -c and c; got {self!r}. Draw the parts along a last axis of 2 for others."
                )
            from .disk import cut_normal

            return cut_normal(self.std, b, self.correct, shape, dtype)
        centre, variance = moments(a, b)
        parent = self.std / math.sqrt(variance) if self.correct else self.std
        _check_scale(parent, dtype)
        low, high = self.low, self.high
        if self.unit == "std":
            low, high = self.mean + parent * low, self.mean + parent * high
        lowest, highest = dtype.ceil(low), dtype.floor(high)
        if not lowest <= highest:
            raise RecipeError(
                f"[{low!r}, {high!r}] holds no value of {dtype.name}; truncated_normal needs at least one. "
                "Use a wider dtype or wider bounds."
            )
        reach = _REACH[dtype.compute] * parent
        _check_reach(max(low, self.mean - reach), min(high, self.mean + reach), dtype, self)
        return Plan(
            "truncated_normal",
            shape,
            dtype.name,
            mean=self.mean + parent * centre,
            std=self.std if self.correct else parent * math.sqrt(variance),
            bounds=(lowest, highest),
            numbers=(self.mean, parent, lowest, highest, tuple(numbers(a, b, dtype.word_bits))),
        )


constant = maker("constant", Constant)
uniform = maker("uniform", Uniform)
normal = maker("normal", Normal)
truncated_normal = maker("truncated_normal", TruncatedNormal)


def _zeros() -> Constant:
    """Return the recipe of zeros.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.zeros()((3,), key=0)
    array([0., 0., 0.], dtype=float32)
    """
    return Constant(0.0, spoken=Spoken("zeros", (), (("value", 0.0), ("negative", False))))


def _ones() -> Constant:
    """Return the recipe of ones.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.ones()((3,), key=0, dtype="float64")
    array([1., 1., 1.])
    """
    return Constant(1.0, spoken=Spoken("ones", (), (("value", 1.0),)))


zeros = maker("zeros", _zeros)
ones = maker("ones", _ones)

for _maker in (constant, uniform, normal, truncated_normal, zeros, ones):
    named(_maker, _maker.__name__)
