// float32 to the formats of 8 bits, rounded once, to nearest even: S::kLanes numbers, one pattern a lane.
// Why here and not in simd/: a few operations that every set has, and no instruction of most sets does it.
// Contract: subnormals are kept. What is too large is infinity in e5m2; e4m3fn has none, and it is NaN there,
// from just above 464, the middle of the largest number and of what would be the next. So does ml_dtypes; torch
// makes it 448. No plan reaches that.
// Source: Micikevicius et al., FP8 formats for deep learning, 2022. Checked by tests/kernels/test_float8.py and csrc/tests/cuda.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"
#include "half.hpp"

namespace pyinit::rng {

// Digits after the point, what is added to the exponent, and the pattern of whatever is too large.
template <class Out>
struct Float8Format;
template <>
struct Float8Format<Float8E4m3fn> {
  static constexpr uint32_t kDigits = 3, kBias = 7, kTooLarge = 0x7F;
};
template <>
struct Float8Format<Float8E5m2> {
  static constexpr uint32_t kDigits = 2, kBias = 15, kTooLarge = 0x7C;
};

template <class S, class Out>
PYINIT_INLINE typename S::U32 float8_bits(typename S::F32 x) {
  using Format = Float8Format<Out>;
  constexpr int kDropped = 23 - static_cast<int>(Format::kDigits);
  constexpr uint32_t kSmallestNormal = (127 + 1 - Format::kBias) << 23;
  // A number whose last digit is the format's smallest number: to add it rounds what is below.
  constexpr uint32_t kRounding = (127 + 24 - Format::kBias - Format::kDigits) << 23;
  const auto pattern = S::bits(x);
  const auto magnitude = S::bit_and(pattern, S::all(0x7FFFFFFFU));
  const auto sign = S::bit_and(S::template shift_right<24>(pattern), S::all(0x80U));
  const auto shifted = S::add(S::as_float(magnitude), S::as_float(S::all(kRounding)));
  const auto subnormal = S::sub(S::bits(shifted), S::all(kRounding));
  const auto rebiased = S::sub(magnitude, S::all((127 - Format::kBias) << 23));
  const auto odd = S::bit_and(S::template shift_right<kDropped>(rebiased), S::all(1U));
  const auto half = S::add(rebiased, S::add(odd, S::all((uint32_t{1} << (kDropped - 1)) - 1)));
  const auto normal = S::smaller(S::template shift_right<kDropped>(half), S::all(Format::kTooLarge));
  const auto is_small = S::below(magnitude, S::all(kSmallestNormal));
  return S::add(S::choose(is_small, subnormal, normal), sign);
}

// Rounds a vector and writes one byte a lane.
template <class S, class Out>
PYINIT_INLINE void store_float8(Out* to, typename S::F32 x) {
  uint32_t patterns[S::kLanes];
  S::store(patterns, float8_bits<S, Out>(x));
  for (size_t i = 0; i < S::kLanes; ++i) to[i].bits = static_cast<uint8_t>(patterns[i]);
}

}  // namespace pyinit::rng
