"""The specification of normals cut to an interval: the quantile of a uniform word, without rejection."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..stream.dtypes import encode, resolve
from ..stream.key import Key
from .stream import Index, affine, words32, words64

__all__ = ["quantile", "truncated_normal"]

Array = npt.NDArray[Any]

# fmt: off
_CENTRE = (
    (
        3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3,
        1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
        3.3430575583588128105e4, 2.5090809287301226727e3,
    ),
    (
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
        5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
        2.8729085735721942674e4, 5.2264952788528545610e3,
    ),
)
_TAIL = (
    (
        1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
        3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187, 1.67638483018380384940,
        6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
        5.47593808499534494600e-4, 1.05075007164441684324e-9,
    ),
)
_FAR_TAIL = (
    (
        6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
        2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
        2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
    (
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
        1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
        1.42151175831644588870e-7, 2.04426310338993978564e-15,
    ),
)
# fmt: on


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    top, bottom = (np.polynomial.polynomial.polyval(x, np.array(c)) for c in coefficients)
    ratio: Array = top / bottom
    return ratio


def quantile(tail: Array, doubled: Array, scale: int = 0) -> Array:
    """Return the magnitude of the standard normal quantile at p, in float64 to about 1e-16 (relative).

    It takes min(p, 1 - p), times 2^scale, and ``|2 p - 1|``, because either alone loses digits at one end.
    Source: Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988, PPND16.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> reference.quantile(np.array([0.025]), np.array([0.95])).round(5).tolist()
    [1.95996]
    """
    half = doubled / 2
    near = half <= 0.425
    distance = np.sqrt(scale * math.log(2) - np.log(np.where(near, 0.075, tail)))
    return np.where(
        near,
        half * _ratio(_CENTRE, 0.180625 - np.where(near, half * half, 0.0)),
        np.where(distance <= 5, _ratio(_TAIL, distance - 1.6), _ratio(_FAR_TAIL, distance - 5)),
    )


def truncated_normal(
    key: Key,
    index: Index,
    mean: float,
    std: float,
    lowest: float,
    highest: float,
    numbers: tuple[Any, ...],
    dtype: str = "float32",
) -> Array:
    """Return z * std + mean inside [lowest, highest], z the quantile at Phi(a) + (w + 1/2) 2^-N M.

    M = Phi(b) - Phi(a); `numbers` are those of the plan, which describe a and b.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> plan = pi.truncated_normal().plan(1000)
    >>> made = reference.truncated_normal(pi.key(7), np.arange(1000, dtype=np.uint64), *plan.numbers)
    >>> bool(abs(made - pi.truncated_normal()(1000, key=7)).max() < 1e-6)
    True
    """
    found = resolve(dtype)
    bits = found.word_bits
    word = words64(key, index) if bits == 64 else words32(key, index)
    sign, scale, pivot, step, lower_tail, upper_tail, lower_centre, upper_centre, centre_step = numbers
    most = np.uint64(2**bits - 1)
    if sign < 0:
        word = word ^ most
    lower = word < np.uint64(pivot)
    from_end = np.where(lower, word, word ^ most).astype(np.float64)
    between = np.where(lower, np.uint64(pivot) - word - np.uint64(1), word - np.uint64(pivot)).astype(
        np.float64
    )
    tail = from_end * step + np.where(lower, lower_tail, upper_tail)
    doubled = between * centre_step + np.where(lower, lower_centre, upper_centre)
    if scale:
        doubled = np.ones_like(doubled)
    z = np.where(lower, -sign, sign) * quantile(tail, doubled, scale)
    kind = np.dtype(found.compute).type
    return encode(np.clip(affine(z, std, mean, found), kind(lowest), kind(highest)), found)
