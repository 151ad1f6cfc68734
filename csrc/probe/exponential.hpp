// e^x and e^x - 1 for x <= 0, without libm and without tables.
// e^x = 2^n (1 + q): n is the integer nearest x / ln 2, and q = e^r - 1 a polynomial in r = x - n ln 2,
// |r| <= (ln 2) / 2.
// Why x <= 0 alone: every activation can be written with e^-|x|, which never overflows.
// Why q and not e^r: 2^n q + (2^n - 1) is e^x - 1 without cancellation, from the same work.
// Why 2^n by way of 2^(n + 64): the exponent of float32 does not hold -150; 2^n itself is exact when it is
// subnormal, and the fma after it is the one rounding of the result.
// Contract: every x <= 0; NaN gives NaN, -infinity 0 and -1; max error 1.1 ULP, of subnormal results too;
// same bits on every instruction set.
// Source: Cody & Waite 1980, chapter 6; coefficients by tools/activation_coefficients.py. Checked by
// csrc/tests/activations.cpp.
#pragma once

#include "probe/coefficients.hpp"
#include "probe/pairs.hpp"

namespace pyinit::probe {

// e^x = power + power tail.
template <class S>
struct Exponential {
  typename S::F32 power, tail;
};

// The exponential of x + x_low, where x_low is no larger than the last bits of x.
template <class S>
[[gnu::always_inline]] inline Exponential<S> exponential(typename S::F32 x, typename S::F32 x_low) {
  // At -104, n is -150 and 2^n rounds to 0.
  const auto bounded = S::at_least(x, S::all(-104.0F));
  // Adding 3 2^22 rounds to an integer and leaves it in the low bits.
  const auto round = S::all(0x1.8p23F);
  const auto shifted = S::fma(bounded, S::all(0x1.715476p+0F), round);
  const auto n = S::sub(shifted, round);
  // ln 2 in two parts: n times the high one needs no rounding.
  const auto high = S::fma(n, S::all(-0x1.62e400p-1F), bounded);
  const auto r = S::add(S::fma(n, S::all(-0x1.7f7d1cp-20F), high), x_low);
  const auto square = S::mul(r, r);
  const auto tail = S::fma(square, pairs<S>(r, square, kExpTail), r);
  // n + 64 with the exponent's bias of 127.
  const auto exponent = S::template shift_left<23>(S::add(S::bits(shifted), S::all(64U + 127U)));
  return {S::mul(S::as_float(exponent), S::all(0x1p-64F)), tail};
}

template <class S>
[[gnu::always_inline]] inline typename S::F32 exp_nonpositive(typename S::F32 x, typename S::F32 x_low) {
  const auto e = exponential<S>(x, x_low);
  return S::fma(e.power, e.tail, e.power);
}

// Adding -0 changes nothing, and the compiler leaves it out.
template <class S>
[[gnu::always_inline]] inline typename S::F32 exp_nonpositive(typename S::F32 x) {
  return exp_nonpositive<S>(x, S::all(-0.0F));
}

template <class S>
[[gnu::always_inline]] inline typename S::F32 expm1_nonpositive(typename S::F32 x) {
  const auto e = exponential<S>(x, S::all(-0.0F));
  return S::fma(e.power, e.tail, S::sub(e.power, S::all(1.0F)));
}

}  // namespace pyinit::probe
