"""The famous names with JAX's parameters: each is a row of `FAMOUS`, with normal draws truncated."""

from __future__ import annotations

from typing import Any

from ...recipes.famous import FAMOUS
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


def _famous(name: str, *parameters: Any) -> Initializer:
    row = FAMOUS[name]
    return variance_scaling(row.scale, row.mode, row.truncated, *parameters)


def glorot_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of uniform draws with variance 2 / (fan_in + fan_out).

    `variance_scaling` describes the parameters. Source: Glorot and Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.glorot_uniform().plan((300, 100)).std, 6)
    0.070711
    """
    return _famous("glorot_uniform", in_axis, out_axis, batch_axis, dtype)


xavier_uniform = glorot_uniform


def glorot_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of truncated normal draws with variance 2 / (fan_in + fan_out).

    `variance_scaling` describes the parameters. Source: Glorot and Bengio, AISTATS 2010, eq. 12.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.glorot_normal().plan((300, 100)).std, 6)
    0.070711
    """
    return _famous("glorot_normal", in_axis, out_axis, batch_axis, dtype)


xavier_normal = glorot_normal


def lecun_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of uniform draws with variance 1 / fan_in.

    `variance_scaling` describes the parameters. Source: LeCun, Bottou, Orr, Müller, 1998, eq. 16.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.lecun_uniform().plan((100, 10)).std, 6)
    0.1
    """
    return _famous("lecun_uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of truncated normal draws with variance 1 / fan_in.

    `variance_scaling` describes the parameters. Source: LeCun, Bottou, Orr, Müller, 1998, eq. 16.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.lecun_normal().plan((100, 10)).std, 6)
    0.1
    """
    return _famous("lecun_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of uniform draws with variance 2 / fan_in.

    `variance_scaling` describes the parameters. Source: He, Zhang, Ren, Sun, ICCV 2015, eq. 10.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.he_uniform().plan((200, 10)).std, 6)
    0.1
    """
    return _famous("he_uniform", in_axis, out_axis, batch_axis, dtype)


kaiming_uniform = he_uniform


def he_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Return an initializer of truncated normal draws with variance 2 / fan_in.

    `variance_scaling` describes the parameters. Source: He, Zhang, Ren, Sun, ICCV 2015, eq. 10.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> round(initializers.he_normal().plan((200, 10)).std, 6)
    0.1
    """
    return _famous("he_normal", in_axis, out_axis, batch_axis, dtype)


kaiming_normal = he_normal
