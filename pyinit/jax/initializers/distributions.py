"""Initializers with their numbers given: uniform, normal and truncated normal."""

from __future__ import annotations

from typing import Any

from ...recipes.distributions import Constant, Normal, TruncatedNormal, Uniform
from ..initializer import Initializer, number

__all__ = ["normal", "truncated_normal", "uniform"]


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Return an initializer of uniform draws on [0, scale).

    Parameters
    ----------
    scale : float
        Finite, at least 0; no value reaches it, in any dtype.
    dtype : dtype, optional
        Used if a call names none.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    Raises
    ------
    RecipeError
        If the scale is not such a number.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> initializers.uniform(10.0).plan((2, 3)).mean
    5.0
    """
    high = number("uniform's scale", scale)
    return Initializer(Uniform(0.0, high) if high else Constant(0.0), dtype)


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Return an initializer of normal draws with mean 0.

    Parameters
    ----------
    stddev : float
        Their standard deviation, finite and at least 0.
    dtype : dtype, optional
        Used if a call names none.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    Raises
    ------
    RecipeError
        If stddev is not such a number.

    Examples
    --------
    >>> import jax
    >>> from pyinit.jax import initializers
    >>> w = initializers.normal(0.02)(jax.random.key(0), (768, 768))
    >>> bool(abs(w.std() - 0.02) < 1e-4)
    True
    """
    return Initializer(Normal(std=number("normal's stddev", stddev)), dtype)


def truncated_normal(
    stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0, upper: Any = 2.0
) -> Initializer:
    """Return an initializer of normal draws with mean 0, kept between lower and upper stddev.

    Parameters
    ----------
    stddev : float
        Of the normal before truncation; the weights' own is smaller (0.88 of it by default).
    dtype : dtype, optional
        Used if a call names none.
    lower, upper : float
        The bounds, counted in stddev.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    Raises
    ------
    RecipeError
        If a number is not valid.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.truncated_normal(0.02).plan((2,)).std, 6)
    0.017593
    """
    std = number("truncated_normal's stddev", stddev)
    recipe = TruncatedNormal(std=std, low=lower, high=upper) if std else Constant(0.0)
    return Initializer(recipe, dtype)
