"""The numbers of a truncated normal: the mass inside the bounds, and how words map to it.

A word w of N bits selects the probability Phi(a) + M (w + 1/2) / 2^N, M = Phi(b) - Phi(a). Words below the
pivot c lie below the median and are mapped from the lower end, the others from the upper end, so that both
tails keep full precision; near the median the distance to it, h, is used instead of the probability.
Why Decimal: no math library decides a bit, so the numbers are the same on every machine.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

from ..errors import RecipeError

__all__ = ["FARTHEST", "TruncationNumbers", "moments", "numbers"]

FARTHEST = 37.0
"""Beyond this many standard deviations the tail's mass leaves the normal range of float64."""

_CONTEXT = Context(prec=80)
_PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534"
)
# To 80 digits, a bound this far out is infinite, and its density is 0.
_INFINITE = 400.0
# A smaller tail is scaled by a power of two, because float32 would lose it.
_FAR_TAIL = Decimal(2) ** -26
# Of the mass beyond the nearer bound: an interval of about 1e-12 std.
_SMALLEST_SHARE = Decimal(2) ** -40


class TruncationNumbers(NamedTuple):
    """What the kernel needs to turn words into standard truncated normals, in the kernel's order.

    The tail probability of a word v counted from its end is v * `mass_step` + `lower_tail` (or `upper_tail`);
    twice the distance from the median is m * `centre_step` + `lower_centre` (or `upper_centre`), m the count
    of words between. In a far tail the masses carry a factor 2**`scale`, and the centre is not used.
    With `sign` -1 words are complemented and values negated.
    """

    sign: int
    scale: int
    pivot: int
    mass_step: float
    lower_tail: float
    upper_tail: float
    lower_centre: float
    upper_centre: float
    centre_step: float


def _density(x: float) -> Decimal:
    """Return the standard normal density."""
    if abs(x) > _INFINITE:
        return Decimal(0)
    exact = Decimal(x)
    return (-exact * exact / 2).exp() / (2 * _PI).sqrt()


def _upper_tail(x: float) -> Decimal:
    """Return Q(x) = 1 - Phi(x), to nearly all digits on both sides."""
    if x < 0:
        return 1 - _upper_tail(-x)
    if x > _INFINITE:
        return Decimal(0)
    exact = Decimal(x)
    if x < 4:
        # Phi(x) - 1/2 = phi(x) sum x^(2k+1) / (2k+1)!!, all terms positive
        term = total = exact
        odd = 1
        while term > total * Decimal("1e-82"):
            odd += 2
            term = term * exact * exact / odd
            total += term
        return Decimal("0.5") - _density(x) * total
    # Laplace's continued fraction; 900 levels reach 80 digits from x = 4
    tail = exact
    for level in range(900, 0, -1):
        tail = exact + level / tail
    return _density(x) / tail


def _masses(a: float, b: float) -> tuple[Decimal, Decimal, Decimal]:
    """Return the mass below a, above b and between them."""
    below, above = _upper_tail(-a), _upper_tail(b)
    between = _upper_tail(a) - above if a > 0 else 1 - above - below
    return below, above, between


def _check(a: float, b: float) -> None:
    if not a < b:
        raise RecipeError(
            f"truncated_normal needs low < high; got {a!r}, {b!r} std. Use constant() for a point."
        )
    if a > FARTHEST or b < -FARTHEST:
        raise RecipeError(
            "truncated_normal needs bounds that keep some of the mass within 37 std of the mean; "
            f"got {a!r} to {b!r} std. Use uniform() or move the mean."
        )


def _check_mass(a: float, b: float, mass: Decimal) -> None:
    """Refuse an interval so narrow that float32 cannot hold the steps between its probabilities."""
    if mass < _upper_tail(a) * _SMALLEST_SHARE:
        raise RecipeError(
            f"truncated_normal needs bounds at least 1e-12 std apart; got {a!r} to {b!r} std. "
            "Use uniform() between such bounds."
        )


@lru_cache(maxsize=256)
def numbers(a: float, b: float, bits: int) -> TruncationNumbers:
    """Return the kernel's numbers for standardized bounds a < b and words of `bits` bits."""
    _check(a, b)
    sign = 1
    if b <= 0:
        a, b, sign = -b, -a, -1
    with localcontext(_CONTEXT):
        below, above, mass = _masses(a, b)
        _check_mass(a, b, mass)
        words = Decimal(2) ** bits
        half = Decimal("0.5")
        ratio = (half - below) / mass * words
        pivot = min(max(int(ratio.to_integral_value(rounding="ROUND_HALF_EVEN")), 0), 2**bits - 1)
        excess = ratio - pivot
        scale = 0
        tail = _upper_tail(a)
        if tail < _FAR_TAIL:
            scale = -math.floor(tail.ln() / Decimal(2).ln())
        step = mass / words
        factor = Decimal(2) ** scale
        return TruncationNumbers(
            sign=sign,
            scale=scale,
            pivot=pivot,
            mass_step=float(step * factor),
            # no word maps from the lower end of a far tail
            lower_tail=0.0 if scale else float(below + step / 2),
            upper_tail=float((above + step / 2) * factor),
            lower_centre=float(2 * (half + excess) * step),
            upper_centre=float(2 * (half - excess) * step),
            centre_step=float(2 * step),
        )


@lru_cache(maxsize=256)
def moments(a: float, b: float) -> tuple[float, float]:
    """Return the mean and the variance of a standard normal kept between a and b.

    mean = (phi(a) - phi(b)) / M, variance = 1 + (a phi(a) - b phi(b)) / M - mean^2.
    """
    _check(a, b)
    if b <= 0:
        mean, variance = moments(-b, -a)
        return -mean, variance
    with localcontext(_CONTEXT):
        _, _, mass = _masses(a, b)
        _check_mass(a, b, mass)
        at_a, at_b = _density(a), _density(b)
        mean_exact = (at_a - at_b) / mass
        edges = (Decimal(a) * at_a if at_a else 0) - (Decimal(b) * at_b if at_b else 0)
        return float(mean_exact), float(1 + edges / mass - mean_exact * mean_exact)
