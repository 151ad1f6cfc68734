// ln, sin and cos on the intervals the distributions need, without libm and without tables.
// Why polynomials: the same few fma on every instruction set, so the same bits; gathers differ in cost.
// Source: coefficients by tools/coefficients.py (Remez). csrc/tests/elementary.cpp fails when an error is
// larger than stated below: every 4099th float32 argument by default, every one with -DPYINIT_EXHAUSTIVE=ON.
#pragma once

#include <cstdint>

#include "compiler.hpp"
#include "rng/coefficients.hpp"
#include "rng/horner.hpp"

namespace pyinit::rng {

// -2 ln x = -2 (e ln 2 + ln(1 + f)), x = 2^e (1 + f), 1 + f in [3/4, 3/2).
// Contract: x in [2^-126, 1]; max error 1.1 ULP; minus_two_log(1) = 0.
template <class S>
PYINIT_INLINE typename S::F32 minus_two_log(typename S::F32 x) {
  const auto bits = S::bits(x);
  // Exponent steps at mantissa 3/4; kept in place, times 2^23, and scaled by the constant.
  const auto exponent = S::bit_and(S::sub(bits, S::all(0x3F400000U)), S::all(0xFF800000U));
  const auto mantissa = S::as_float(S::sub(bits, exponent));
  const auto g = S::fma(mantissa, S::all(-2.0F), S::all(2.0F));
  const auto series = S::fma(S::mul(g, g), horner<S>(g, kLogFloat), g);
  return S::fma(S::from_signed(exponent), S::all(-0x1.62e43p-23F), series);
}

// -2 ln x, with ln(1 + f) = 2 artanh(s), s = f / (2 + f): f - s (f - s^2 R(s^2)).
// Contract: x in [2^-1022, 1]; max error 1 ULP; minus_two_log(1) = 0.
template <class S>
PYINIT_INLINE typename S::F64 minus_two_log(typename S::F64 x) {
  const auto bits = S::bits(x);
  // Exponent steps near mantissa sqrt 1/2, where the two sides of 1 are equally long.
  const auto exponent = S::bit_and(S::sub(bits, S::all64(0x3FE6A09E00000000)), S::all64(0xFFF0000000000000));
  const auto mantissa = S::as_float(S::sub(bits, exponent));
  const auto f = S::add(mantissa, S::all(-1.0));
  const auto s = S::div(f, S::add(mantissa, S::all(1.0)));
  const auto square = S::mul(s, s);
  const auto ratio = S::mul(square, horner<S>(square, kLogRatioDouble));
  // ln(1 + f) = f - f^2/2 + s (f^2/2 + ratio): the rounding of s is scaled by f.
  const auto half_square = S::mul(S::mul(f, f), S::all(0.5));
  const auto small = S::fma(s, S::add(half_square, ratio), S::mul(half_square, S::all(-1.0)));
  // e ln 2 in two parts: the high one has 21 trailing zeros, so its product with e is exact.
  const auto e = S::mul(S::from_signed(exponent), S::all(0x1p-52));
  const auto low = S::fma(e, S::all(0x1.a39ef35793c76p-33), small);
  return S::mul(S::fma(e, S::all(0x1.62e42feep-1), S::add(f, low)), S::all(-2.0));
}

template <class Vector>
struct Polar {
  Vector cos, sin;
};

// radius cos and radius sin of 2 pi (w + 1/2) / 2^32: the quadrant and the rest are taken from the integer,
// exactly.
// Why with the radius: it carries the sign of the half turn for both.
// Contract: every w; max error 2.9 ULP of cos and sin, relative, near the zeros too; one more rounding for
// the radius.
template <class S>
PYINIT_INLINE Polar<typename S::F32> polar(typename S::F32 radius, typename S::U32 w) {
  // 4 w modulo 2^32, signed, plus 2: the distance to the nearest quarter turn, in 2^-32 quarter turns.
  const auto rest = S::from_signed(S::template shift_left<2>(w));
  const auto y = S::fma(rest, S::all(0x1.921fb6p-32F), S::all(0x1.921fb6p-31F));
  const auto square = S::mul(y, y);
  const auto sin = S::fma(S::mul(square, y), horner<S>(square, kSinFloat), y);
  const auto cos = S::fma(square, horner<S>(square, kCosFloat), S::all(1.0F));
  // Bits 30 and 31 of this sum are the nearest quarter turn.
  const auto quarter = S::add(w, S::all(0x20000000U));
  const auto odd = S::has_bit(quarter, S::all(0x40000000U));
  const auto turned = S::negate_where(radius, quarter);
  return {S::mul(turned, S::choose_negated(odd, sin, cos)), S::mul(turned, S::choose(odd, cos, sin))};
}

// The same of 2 pi (x + 1/2) / 2^64.
// Contract: every x; max error 2.6 ULP of cos and sin.
template <class S>
PYINIT_INLINE Polar<typename S::F64> polar(typename S::F64 radius, typename S::U64 x) {
  const auto rest = S::from_signed(S::template shift_left<2>(x));
  const auto y = S::fma(rest, S::all(0x1.921fb54442d18p-64), S::all(0x1.921fb54442d18p-63));
  const auto square = S::mul(y, y);
  const auto sin = S::fma(S::mul(square, y), horner<S>(square, kSinDouble), y);
  const auto cos = S::fma(square, horner<S>(square, kCosDouble), S::all(1.0));
  const auto quarter = S::add(x, S::all64(uint64_t{1} << 61));
  const auto odd = S::has_bit(quarter, S::all64(uint64_t{1} << 62));
  const auto turned = S::negate_where(radius, quarter);
  return {S::mul(turned, S::choose_negated(odd, sin, cos)), S::mul(turned, S::choose(odd, cos, sin))};
}

}  // namespace pyinit::rng
