// 2^(k width + start) = 2^n 2^rest: n is the integer nearest to the exponent, and 2^rest a polynomial,
// |rest| <= 1/2.
// Why base 2: n is taken off the exponent exactly, so that its size costs no accuracy; e^x by way of x / ln 2
// would lose the bits of x above the point.
// Why `start` and `width` in two parts: their own rounding would be multiplied by the exponent's size.
// Contract: k a draw as an integer; the first part of `start` a multiple of 2^-15 (float32) or 2^-40
// (float64), so that start - n is exact; the power in the normal range. Max error of the power 1.2 ULP, the
// same bits on every instruction set.
// Source: coefficients by tools/coefficients.py. Checked by csrc/tests/elementary.cpp.
#pragma once

#include "compiler.hpp"
#include "rng/coefficients.hpp"
#include "rng/horner.hpp"

namespace pyinit::rng {

// A number as the sum of two; the second is no larger than the last bits of the first.
template <class Vector>
struct Parts {
  Vector first, second;
};

template <class Vector>
struct Power {
  Vector whole, rest, value;
};

// 3 2^22, and 3 2^51: adding it rounds to an integer and leaves that in the low bits.
inline constexpr float kRoundFloat = 0x1.8p23F;
inline constexpr double kRoundDouble = 0x1.8p52;

template <class S>
PYINIT_INLINE Power<typename S::F32> power_of_two(typename S::F32 k, const Parts<typename S::F32>& width,
                                                  const Parts<typename S::F32>& start) {
  const auto shifted = S::add(S::fma(k, width.first, start.first), S::all(kRoundFloat));
  const auto whole = S::add(shifted, S::all(-kRoundFloat));
  const auto near = S::fma(k, width.first, S::fma(whole, S::all(-1.0F), start.first));
  const auto rest = S::add(near, S::fma(k, width.second, start.second));
  const auto mantissa = S::fma(rest, horner<S>(rest, kPowerFloat), S::all(1.0F));
  const auto exponent = S::template shift_left<23>(S::bits(shifted));
  return {whole, rest, S::as_float(S::add(S::bits(mantissa), exponent))};
}

template <class S>
PYINIT_INLINE Power<typename S::F64> power_of_two(typename S::F64 k, const Parts<typename S::F64>& width,
                                                  const Parts<typename S::F64>& start) {
  const auto shifted = S::add(S::fma(k, width.first, start.first), S::all(kRoundDouble));
  const auto whole = S::add(shifted, S::all(-kRoundDouble));
  const auto near = S::fma(k, width.first, S::fma(whole, S::all(-1.0), start.first));
  const auto rest = S::add(near, S::fma(k, width.second, start.second));
  const auto mantissa = S::fma(rest, horner<S>(rest, kPowerDouble), S::all(1.0));
  const auto exponent = S::template shift_left<52>(S::bits(shifted));
  return {whole, rest, S::as_float(S::add(S::bits(mantissa), exponent))};
}

}  // namespace pyinit::rng
