"""exp and log of float64 arrays in a fixed order of exact and once-rounded steps.

NumPy's own functions use the vendor's code for each CPU, so their last bits differ from machine to machine.
Training adds gradients computed from them to the weights, and its bits must agree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["exp", "log"]

Array = npt.NDArray[np.float64]

# ln 2 in two parts: the first has 33 bits, so that its product with an exponent is exact
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_PER_LN2 = float.fromhex("0x1.71547652b82fep0")
# terms of the series; the next one would be below 2^-57 of the sum for |r| <= ln 2 / 2
_TAYLOR = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
# the same for t^2 <= (3 - 2 sqrt 2)^2
_ODD = tuple(2.0 / n for n in range(21, 0, -2))


def exp(x: npt.NDArray[Any]) -> Array:
    """Return e^x, within 2 ULP: 2^k e^r with k = rint(x / ln 2), e^r by its series.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit.linalg.exponential import exp
    >>> exp(np.array([0.0, -np.inf])).tolist()
    [1.0, 0.0]
    """
    # beyond these limits the result is 0 or infinity
    x = np.clip(np.asarray(x, np.float64), -800.0, 800.0)
    k = np.rint(x * _PER_LN2)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(_horner(_TAYLOR, r), np.where(np.isnan(k), 0.0, k).astype(np.int32))


def log(x: npt.NDArray[Any]) -> Array:
    """Return ln x of finite x > 0, within 2 ULP: e ln 2 + 2 artanh(t), t = (m - 1) / (m + 1), x = m 2^e.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit.linalg.exponential import log
    >>> log(np.array([1.0, 10.0])).round(6).tolist()
    [0.0, 2.302585]
    """
    m, e = np.frexp(np.asarray(x, np.float64))
    low = m < math.sqrt(0.5)
    m, e = np.where(low, 2.0 * m, m), np.where(low, e - 1, e).astype(np.float64)
    t = (m - 1.0) / (m + 1.0)
    return e * _LN2_HIGH + (t * _horner(_ODD, t * t) + e * _LN2_LOW)


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        np.multiply(total, x, out=total)
        np.add(total, coefficient, out=total)
    return total
