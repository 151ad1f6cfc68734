"""Functions of a uniform draw, as the kernels make them: log-uniform, inverse softplus, logarithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..stream.dtypes import encode, resolve
from ..stream.key import Key
from .stream import Index, affine, words32, words64

__all__ = ["inverse_softplus", "log_decay", "log_of_uniform", "log_uniform"]

Array = npt.NDArray[Any]


def _drawn(key: Key, index: Index, dtype: str) -> Array:
    """Return u as `uniform` draws it, in [0, 1)."""
    bits = 53 if resolve(dtype).word_bits == 64 else 24
    words = words64(key, index) if bits == 53 else words32(key, index)
    u: Array = (words & np.uint64(2**bits - 1)).astype(np.float64) * 2.0**-bits
    return u


def _finished(values: Array, scale: float, lowest: float, highest: float, dtype: str) -> Array:
    found = resolve(dtype)
    kind = np.dtype(found.compute).type
    with np.errstate(over="ignore", under="ignore"):
        scaled = values.astype(kind) * kind(scale)
    return encode(np.clip(scaled, kind(lowest), kind(highest)), found)


def _power(u: Array, start: float, start_rest: float, width: float, width_rest: float) -> tuple[Array, Array]:
    """Return the whole and the other part of u width + start, the nearest integer being taken off exactly."""
    whole = np.rint(u * width + start)
    # the product as two numbers: 26 bits of each factor multiply exactly
    high = np.float64(np.ldexp(np.rint(np.ldexp(u, 26)), -26))
    wide = np.float64(np.ldexp(np.rint(np.ldexp(width, 18)), -18))
    rest = high * wide + (start - whole)
    return whole, rest + ((u - high) * wide + u * (width - wide) + (u * width_rest + start_rest))


def log_uniform(
    key: Key,
    index: Index,
    start: float,
    start_rest: float,
    width: float,
    width_rest: float,
    scale: float,
    lowest: float,
    highest: float,
    dtype: str = "float32",
) -> Array:
    """Return scale 2^(u width + start) inside [lowest, highest]; the numbers are those of the plan.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> recipe = pi.log_uniform(0.001, 0.1)
    >>> index = np.arange(1000, dtype=np.uint64)
    >>> made = reference.log_uniform(pi.key(7), index, *recipe.plan(1000).numbers)
    >>> bool(abs(made / recipe(1000, key=7) - 1).max() < 1.2e-7)
    True
    """
    whole, rest = _power(_drawn(key, index, dtype), start, start_rest, width, width_rest)
    return _finished(np.ldexp(np.exp2(rest), whole.astype(int)), scale, lowest, highest, dtype)


def inverse_softplus(
    key: Key,
    index: Index,
    start: float,
    start_rest: float,
    width: float,
    width_rest: float,
    scale: float,
    lowest: float,
    highest: float,
    dtype: str = "float32",
) -> Array:
    """Return scale ln(e^t - 1) inside [lowest, highest], t = 2^(u width + start).

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> recipe = pi.inverse_softplus(0.001, 0.1)
    >>> index = np.arange(1000, dtype=np.uint64)
    >>> made = reference.inverse_softplus(pi.key(7), index, *recipe.plan(1000).numbers)
    >>> bool(abs(made - recipe(1000, key=7)).max() < 1e-6)
    True
    """
    whole, rest = _power(_drawn(key, index, dtype), start, start_rest, width, width_rest)
    t = np.ldexp(np.exp2(rest), whole.astype(int))
    small = np.minimum(t, 1.0)
    # ln((e^t - 1) / t) is near t / 2: what is left of ln t + that keeps its digits
    near = whole * np.log(2.0) + (rest * np.log(2.0) + np.log(np.expm1(small) / small))
    far = t + np.log1p(-np.exp(-np.maximum(t, 1.0)))
    return _finished(np.where(t > 1, far, near), scale, lowest, highest, dtype)


def _of_uniform(
    function: Callable[[Array], Array],
    key: Key,
    index: Index,
    numbers: tuple[float, ...],
    dtype: str,
) -> Array:
    start, _, width, _, scale, lowest, highest = numbers
    v = affine(_drawn(key, index, dtype), width, start, resolve(dtype)).astype(np.float64)
    with np.errstate(divide="ignore"):
        return _finished(function(v), scale, lowest, highest, dtype)


def log_of_uniform(
    key: Key,
    index: Index,
    start: float,
    start_rest: float,
    width: float,
    width_rest: float,
    scale: float,
    lowest: float,
    highest: float,
    dtype: str = "float32",
) -> Array:
    """Return scale ln v inside [lowest, highest], v = u width + start, each operation rounded once.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> recipe = pi.log_of_uniform(0, 16)
    >>> index = np.arange(1000, dtype=np.uint64)
    >>> made = reference.log_of_uniform(pi.key(7), index, *recipe.plan(1000).numbers)
    >>> bool(abs(made - recipe(1000, key=7)).max() < 1e-6)
    True
    """
    numbers = (start, start_rest, width, width_rest, scale, lowest, highest)
    return _of_uniform(np.log, key, index, numbers, dtype)


def log_decay(
    key: Key,
    index: Index,
    start: float,
    start_rest: float,
    width: float,
    width_rest: float,
    scale: float,
    lowest: float,
    highest: float,
    dtype: str = "float32",
) -> Array:
    """Return scale ln(-ln(v) / 2) inside [lowest, highest], v as for `log_of_uniform`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> recipe = pi.log_decay(0.9, 0.999)
    >>> index = np.arange(1000, dtype=np.uint64)
    >>> made = reference.log_decay(pi.key(7), index, *recipe.plan(1000).numbers)
    >>> bool(abs(made - recipe(1000, key=7)).max() < 1e-6)
    True
    """
    numbers = (start, start_rest, width, width_rest, scale, lowest, highest)
    return _of_uniform(lambda v: np.log(-np.log(v) / 2), key, index, numbers, dtype)
