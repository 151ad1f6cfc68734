// The error function and the normal distribution.
// erf x = (x + x P(x^2)) / Q(x^2) for |x| <= 3.92, where it rounds to 1.
// For gelu: the tail Q(t) = (1 - erf(t / sqrt 2)) / 2 = e^(-t^2/2) P(t) / Q(t), t >= 0, beside the bell
// e^(-t^2/2): both keep their relative accuracy where 1 + erf has no digit left.
// Why t^2 in two parts: the rounding of t^2 alone would cost t^2 / 4 ULP.
// Contract: every x, every t >= 0; NaN gives NaN; |erf x| <= 1; max error 4.6 ULP for erf; bell and tail
// are checked by the slopes of erf and gelu; same bits on every instruction set.
// Source: coefficients by tools/activation_coefficients.py. Checked by csrc/tests/activations.cpp.
#pragma once

#include "probe/coefficients.hpp"
#include "probe/exponential.hpp"
#include "probe/pairs.hpp"
#include "probe/range.hpp"

namespace pyinit::probe {

template <class S>
[[gnu::always_inline]] inline typename S::F32 erf(typename S::F32 x) {
  const auto bounded = hold<S>(x, 3.92F);
  const auto square = S::mul(bounded, bounded);
  const auto fourth = S::mul(square, square);
  const auto top = S::fma(bounded, pairs<S>(square, fourth, kErfTop), bounded);
  return hold<S>(S::div(top, pairs<S>(square, fourth, kErfBottom)), 1.0F);
}

// e^(-scale x^2), scale a power of two, |x| <= 2^63.
template <class S>
[[gnu::always_inline]] inline typename S::F32 bell(typename S::F32 x, float scale) {
  const auto scaled = S::mul(x, S::all(-scale));
  const auto exponent = S::mul(scaled, x);
  const auto rest = S::fma(scaled, x, S::mul(exponent, S::all(-1.0F)));
  return exp_nonpositive<S>(exponent, rest);
}

template <class S>
struct NormalTail {
  typename S::F32 bell, tail;
};

// 0 <= t <= 14.5; bell(14.5) = 0.
template <class S>
[[gnu::always_inline]] inline NormalTail<S> normal_tail(typename S::F32 t) {
  const auto e = bell<S>(t, 0.5F);
  const auto square = S::mul(t, t);
  const auto ratio = S::div(pairs<S>(t, square, kNormalTailTop), pairs<S>(t, square, kNormalTailBottom));
  return {e, S::mul(e, ratio)};
}

}  // namespace pyinit::probe
