// tanh x = (x + x P(x^2)) / Q(x^2) for |x| <= 9, where it rounds to 1; and its slope.
// Why a rational function: 10 fma and one division for every x, hardly slower than the division alone; with
// e^x, as sigmoid has it, it would take a third longer.
// The slope is 4 e / (1 + e)^2, e = e^(-2|x|), and not 1 - tanh^2 x, which has no digit left from |x| = 9.
// Contract: every x; NaN gives NaN, infinity gives 1; |tanh x| <= 1; max error 4.8 ULP for tanh (just
// below 1, where a ULP is 2^-24), 4.5 ULP for the slope; same bits on every instruction set.
// Source: coefficients by tools/activation_coefficients.py. Checked by csrc/tests/activations.cpp.
#pragma once

#include "probe/coefficients.hpp"
#include "probe/exponential.hpp"
#include "probe/pairs.hpp"
#include "probe/range.hpp"

namespace pyinit::probe {

template <class S>
[[gnu::always_inline]] inline typename S::F32 tanh(typename S::F32 x) {
  const auto bounded = hold<S>(x, 9.0F);
  const auto square = S::mul(bounded, bounded);
  const auto fourth = S::mul(square, square);
  const auto top = S::fma(bounded, pairs<S>(square, fourth, kTanhTop), bounded);
  return hold<S>(S::div(top, pairs<S>(square, fourth, kTanhBottom)), 1.0F);
}

template <class S>
[[gnu::always_inline]] inline typename S::F32 tanh_slope(typename S::F32 x) {
  const auto e = exp_nonpositive<S>(S::mul(minus_magnitude<S>(x), S::all(2.0F)));
  const auto sum = S::add(e, S::all(1.0F));
  return S::div(S::mul(e, S::all(4.0F)), S::mul(sum, sum));
}

}  // namespace pyinit::probe
