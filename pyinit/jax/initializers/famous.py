"""The famous names, each a single line over variance_scaling."""

from __future__ import annotations

from typing import Any

from ..initializer import Initializer
from .scaling import Axes, variance_scaling

__all__ = [
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


def glorot_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of uniform draws with variance 2 / (fan_in + fan_out).

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As `variance_scaling` takes them.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.glorot_uniform().plan((300, 100)).std, 6)
    0.070711
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


xavier_uniform = glorot_uniform


def glorot_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of truncated normal draws with variance 2 / (fan_in + fan_out).

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As `variance_scaling` takes them.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 12.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.glorot_normal().plan((300, 100)).std, 6)
    0.070711
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


xavier_normal = glorot_normal


def lecun_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of uniform draws with variance 1 / fan_in.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As `variance_scaling` takes them.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.lecun_uniform().plan((100, 10)).std, 6)
    0.1
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of truncated normal draws with variance 1 / fan_in.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As `variance_scaling` takes them.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, eq. 16.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.lecun_normal().plan((100, 10)).std, 6)
    0.1
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of uniform draws with variance 2 / fan_in.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As `variance_scaling` takes them.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    References
    ----------
    He, Zhang, Ren, Sun, ICCV 2015, eq. 10.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.he_uniform().plan((200, 10)).std, 6)
    0.1
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


kaiming_uniform = he_uniform


def he_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of truncated normal draws with variance 2 / fan_in.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As `variance_scaling` takes them.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    References
    ----------
    He, Zhang, Ren, Sun, ICCV 2015, eq. 10.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.he_normal().plan((200, 10)).std, 6)
    0.1
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


kaiming_normal = he_normal
