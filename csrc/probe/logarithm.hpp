// ln(1 + x) = e ln 2 + ln(1 + f), 1 + x = 2^e (1 + f), 1 + f in [3/4, 3/2).
// Why f from x and not from the rounded 1 + x: 2^-e x + (2^-e - 1) keeps the digits of a small x.
// Contract: x > -1; NaN and infinity give themselves; max error 1.2 ULP; same bits on every instruction set.
// Source: the polynomial of rng::minus_two_log. Checked by csrc/tests/activations.cpp.
#pragma once

#include "probe/pairs.hpp"
#include "rng/coefficients.hpp"

namespace pyinit::probe {

template <class S>
[[gnu::always_inline]] inline typename S::F32 log1p(typename S::F32 x) {
  const auto sum = S::bits(S::add(x, S::all(1.0F)));
  // e 2^23: the exponent steps at mantissa 3/4.
  const auto exponent = S::bit_and(S::sub(sum, S::all(0x3F400000U)), S::all(0xFF800000U));
  const auto scaled = S::as_float(S::sub(S::bits(x), exponent));
  // 2^-e as a quarter of 2^(2-e): e = 126 would make it subnormal.
  const auto inverse = S::as_float(S::sub(S::all(0x40800000U), exponent));
  const auto f = S::add(scaled, S::fma(inverse, S::all(0.25F), S::all(-1.0F)));
  const auto g = S::mul(f, S::all(-2.0F));
  const auto square = S::mul(g, g);
  const auto series = S::fma(square, pairs<S>(g, square, rng::kLogFloat), g);
  const auto minus_two_log = S::fma(S::from_signed(exponent), S::all(-0x1.62e43p-23F), series);
  const auto finite = S::below(x, S::all(__builtin_inff()));
  return S::choose(finite, S::mul(minus_two_log, S::all(-0.5F)), x);
}

}  // namespace pyinit::probe
