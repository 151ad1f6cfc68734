"""Print csrc/rng/coefficients.hpp: every polynomial the kernels use, with its error before rounding.

Run `python tools/coefficients.py > csrc/rng/coefficients.hpp`; needs mpmath. Lowest power first.
"""

from collections.abc import Callable

import mpmath as mp
import numpy as np
from minimax import remez

Real = mp.mpf

mp.mp.prec = 200
TINY = mp.mpf("1e-40")
# As float32, because that is what the kernel subtracts.
TAIL_CENTRE = mp.mpf(float(np.float32("0.35")))
FAR_CENTRE = mp.mpf(float(np.float32("0.14")))


def log_tail(f: Real) -> Real:
    """(ln(1 + f) - f) / f^2."""
    return (mp.log1p(f) - f) / f**2 if abs(f) > mp.mpf("1e-20") else -mp.mpf(1) / 2 + f / 3


def log_weight(f: Real) -> Real:
    return abs(f * f / mp.log1p(f)) if abs(f) > mp.mpf("1e-20") else mp.mpf("1e-20")


def sin_tail(square: Real) -> Real:
    """(sin y - y) / y^3 in y^2."""
    y = mp.sqrt(square)
    return (mp.sin(y) / y - 1) / square


def cos_tail(square: Real) -> Real:
    """(cos y - 1) / y^2 in y^2."""
    return (mp.cos(mp.sqrt(square)) - 1) / square


def log_ratio_tail(square: Real) -> Real:
    """(ln((1 + s) / (1 - s)) / s - 2) / s^2 in s^2."""
    s = mp.sqrt(square)
    return (mp.log((1 + s) / (1 - s)) / s - 2) / square


def power_tail(r: Real) -> Real:
    """(2^r - 1) / r."""
    return mp.expm1(r * mp.log(2)) / r if abs(r) > mp.mpf("1e-20") else mp.log(2)


def power_weight(r: Real) -> Real:
    return max(abs(r), TINY) / mp.mpf(2) ** r


def softplus_tail(square: Real) -> Real:
    """(ln((e^t - 1) / t) - t / 2) / t^2 in t^2."""
    t = mp.sqrt(square)
    return (mp.log(mp.expm1(t) / t) - t / 2) / square


def upper_quantile(omega: Real) -> Real:
    """Solve for z: 4 Q(z) (1 - Q(z)) = exp(-omega), Q the upper tail of the normal."""
    if omega < TINY:
        return mp.mpf(0)
    x = mp.sqrt(-mp.expm1(-omega))
    if omega < 40:
        return mp.sqrt(2) * mp.erfinv(x)
    tail = mp.log(mp.exp(-omega) / 4)
    start = mp.sqrt(2 * omega)
    return mp.findroot(
        lambda z: mp.log(mp.erfc(z / mp.sqrt(2)) / 2) - tail,
        (start * mp.mpf("0.9"), start),
        tol=mp.mpf("1e-40"),
    )


def quantile_centre(omega: Real) -> Real:
    """Return z / x in omega = -ln(1 - x^2), x = 2 Phi(z) - 1."""
    if omega < mp.mpf("1e-20"):
        return mp.sqrt(mp.pi / 2)
    return upper_quantile(omega) / mp.sqrt(-mp.expm1(-omega))


def quantile_tail(inverse_root: Real) -> Real:
    """Return z / (x sqrt(omega)) in 1 / sqrt(omega)."""
    omega = 1 / inverse_root**2
    return upper_quantile(omega) * inverse_root / mp.sqrt(-mp.expm1(-omega))


def literal(value: Real, kind: str) -> str:
    # NumPy rounds a decimal string of 60 digits to nearest in both widths.
    digits = mp.nstr(value, 60)
    if kind == "float":
        return float(np.float32(digits)).hex() + "F"
    return float(digits).hex()


def emit(name: str, kind: str, meaning: str, values: list[Real], error: Real, of: str) -> None:
    print(f"// {meaning}; {of} 2^{mp.nstr(mp.log(error, 2), 3)} before rounding.")
    print(f"inline constexpr {kind} {name}[] = {{")
    for value in values:
        print(f"    {literal(value, kind)},")
    print("};\n")


def fitted(
    name: str,
    kind: str,
    meaning: str,
    function: Callable[[Real], Real],
    weight: Callable[[Real], Real],
    interval: tuple[Real, Real],
    degree: int,
    scale: Callable[[int], Real] = lambda k: mp.mpf(1),
    of: str = "relative error",
) -> None:
    """`scale(k)` is a power of two, so that scaling keeps the rounding; `of` names what is weighted."""
    memory: dict[Real, Real] = {}

    def cached(x: Real) -> Real:
        if x not in memory:
            memory[x] = function(x)
        return memory[x]

    values, error = remez(cached, weight, interval, degree, 240)
    emit(name, kind, meaning, [c * scale(k) for k, c in enumerate(values)], error, of)


def main() -> None:
    quarter = (mp.pi / 4) ** 2
    print("// Polynomial coefficients, lowest power first. Printed by tools/coefficients.py; do not edit.")
    print("// Frozen with stream version 1; see frozen.hpp.")
    print("#pragma once\n")
    print("namespace pyinit::rng {\n")
    # In g = -2 f: -2 ln(1 + f) = g + g^2 sum c_k g^k, c_k = p_k (-2) / 4 / (-2)^k.
    fitted(
        "kLogFloat", "float", "(-2 ln(1 + f) - g) / g^2 in g = -2 f, f in [-1/4, 1/2]",
        log_tail, log_weight, (-mp.mpf(1) / 4, mp.mpf(1) / 2), 7,
        scale=lambda k: mp.mpf(-1) / 2 / mp.mpf(-2) ** k,
    )  # fmt: skip
    for kind, sin_degree, cos_degree in (("float", 2, 3), ("double", 5, 6)):
        suffix = kind.capitalize()
        fitted(
            f"kSin{suffix}", kind, "(sin y - y) / y^3 in y^2, |y| <= pi / 4",
            sin_tail, lambda s: s, (TINY, quarter), sin_degree,
        )  # fmt: skip
        fitted(
            f"kCos{suffix}", kind, "(cos y - 1) / y^2 in y^2, |y| <= pi / 4",
            cos_tail, lambda s: s / mp.cos(mp.sqrt(s)), (TINY, quarter), cos_degree,
        )  # fmt: skip
    edge = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
    fitted(
        "kLogRatioDouble", "double",
        "(ln((1 + s) / (1 - s)) / s - 2) / s^2 in s^2, s = f / (2 + f), 1 + f in [sqrt 1/2, sqrt 2]",
        log_ratio_tail, lambda s: s / 2, (TINY, edge * mp.mpf("1.0001")), 6,
    )  # fmt: skip
    for kind, power_degree, softplus_degree in (("float", 5, 2), ("double", 10, 7)):
        suffix = kind.capitalize()
        fitted(
            f"kPower{suffix}", kind, "(2^r - 1) / r in r, |r| <= 1/2",
            power_tail, power_weight, (-mp.mpf("0.5001"), mp.mpf("0.5001")), power_degree,
        )  # fmt: skip
        fitted(
            f"kSoftplus{suffix}", kind, "(ln((e^t - 1) / t) - t / 2) / t^2 in t^2, t in (0, 1]",
            softplus_tail, lambda square: square, (TINY, mp.mpf("1.0001")), softplus_degree,
            of="error of ln((e^t - 1) / t)",
        )  # fmt: skip
    fitted(
        "kQuantileCentreFloat", "float", "z / x in omega in [0, 5]",
        quantile_centre, lambda w: 1 / quantile_centre(w), (mp.mpf(0), mp.mpf(5)), 9,
    )  # fmt: skip
    # Centred variables: the powers of 1 / sqrt(omega) itself would cancel.
    fitted(
        "kQuantileTailFloat", "float", "z / (x sqrt omega) in 1 / sqrt omega - 0.35, omega in [5, 16]",
        lambda d: quantile_tail(d + TAIL_CENTRE), lambda d: 1 / quantile_tail(d + TAIL_CENTRE),
        (mp.mpf(1) / 4 - TAIL_CENTRE, 1 / mp.sqrt(5) - TAIL_CENTRE), 8,
    )  # fmt: skip
    fitted(
        "kQuantileFarFloat", "float", "z / (x sqrt omega) in 1 / sqrt omega - 0.14, omega in [16, 756]",
        lambda d: quantile_tail(d + FAR_CENTRE), lambda d: 1 / quantile_tail(d + FAR_CENTRE),
        (1 / mp.mpf("27.5") - FAR_CENTRE, mp.mpf(1) / 4 - FAR_CENTRE), 10,
    )  # fmt: skip
    print("}  // namespace pyinit::rng")


if __name__ == "__main__":
    main()
