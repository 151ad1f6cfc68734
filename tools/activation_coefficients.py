"""Print csrc/probe/coefficients.hpp: every polynomial of the activations, with its error.

Run `python tools/activation_coefficients.py > csrc/probe/coefficients.hpp`; needs mpmath. Lowest power first.
"""

import mpmath as mp
from coefficients import TINY, fitted, literal, sin_tail
from minimax import Function, Real
from rational import rational

mp.mp.prec = 200


def exp_tail(r: Real) -> Real:
    """(e^r - 1 - r) / r^2."""
    return (mp.expm1(r) - r) / r**2 if abs(r) > mp.mpf("1e-20") else mp.mpf(1) / 2


def exp_weight(r: Real) -> Real:
    """Relative to e^r - 1, which is what expm1 returns."""
    return abs(r**2 / mp.expm1(r)) if abs(r) > mp.mpf("1e-20") else mp.mpf("1e-20")


def tanh_ratio(square: Real) -> Real:
    """tanh(x) / x in x^2."""
    x = mp.sqrt(square)
    return mp.tanh(x) / x


def erf_ratio(square: Real) -> Real:
    """erf(x) / x in x^2."""
    x = mp.sqrt(square)
    return mp.erf(x) / x


def scaled_tail(t: Real) -> Real:
    """Q(t) e^(t^2/2), Q the upper tail of the normal."""
    return mp.erfc(t / mp.sqrt(2)) / 2 * mp.exp(t * t / 2)


def quotient(name: str, meaning: str, function: Function, end: str, top: int, bottom: int, base: int) -> None:
    """Print the top, less `base`, and the bottom of a quotient of polynomials."""
    p, q, error = rational(
        function, lambda x: 1 / function(x), (TINY, mp.mpf(end) * mp.mpf("1.0001")), top, bottom, base
    )
    print(f"// {meaning}; relative error 2^{mp.nstr(mp.log(error, 2), 3)} with these coefficients.")
    for part, values in (("Top", p), ("Bottom", q)):
        print(f"inline constexpr float {name}{part}[] = {{")
        for value in values:
            print(f"    {literal(value, 'float')},")
        print("};")
    print()


def main() -> None:
    print("// Coefficients of the activations, lowest power first. Printed by")
    print("// tools/activation_coefficients.py; do not edit.")
    print("#pragma once\n")
    print("namespace pyinit::probe {\n")
    # A little past ln 2 / 2: the nearest power of two is chosen by a rounded product.
    edge = mp.log(2) / 2 * mp.mpf("1.001")
    fitted(
        "kExpTail", "float", "(e^r - 1 - r) / r^2, |r| <= ln 2 / 2",
        exp_tail, exp_weight, (-edge, edge), 4,
    )  # fmt: skip
    fitted(
        "kSinTail", "float", "(sin y - y) / y^3 in y^2, |y| <= pi / 2",
        sin_tail, lambda s: mp.sqrt(s) ** 3 / mp.sin(mp.sqrt(s)),
        (TINY, (mp.pi / 2 * mp.mpf("1.001")) ** 2), 3,
    )  # fmt: skip
    quotient("kTanh", "tanh(x) / x in x^2, |x| <= 9, the top less 1", tanh_ratio, "81", 5, 4, 1)
    quotient("kErf", "erf(x) / x in x^2, |x| <= 3.92, the top less 1", erf_ratio, "15.3664", 6, 5, 1)
    quotient("kNormalTail", "Q(t) e^(t^2/2) in t in [0, 14.5]", scaled_tail, "14.5", 4, 5, 0)
    print("}  // namespace pyinit::probe")


if __name__ == "__main__":
    main()
