// What the operations are compared on and how: numbers at random and special ones (zeros, subnormals,
// infinities, NaN, the ends of the integers, halves between two roundings), and which results agree.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "simd_operations.hpp"

namespace pyinit::tests {

inline size_t count_of(const Operations& all) { return all.drawing_count + all.more_count; }
inline const Operation& operation(const Operations& all, size_t k) {
  return k < all.drawing_count ? all.drawing[k] : all.more[k - all.drawing_count];
}

inline constexpr uint32_t kSpecial32[] = {
    0,          0x80000000, 1,          0x80000001, 0x007FFFFF, 0x00800000, 0x7F7FFFFF,
    0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF812345, 0x3F800000,
    0xBF800000, 0xFFFFFFFF, 0x7FFFFFFF, 0x4B000000, 0x33800000, 0x477FF000, 0x477FEFFF,
    0x387FC000, 0x33000000, 0x33000001, 0x38800000, 0x3F808000, 0x3F818000, 0x3F801000,
    0x3F803000, 0x00008000, 0x00018000, 0x4F7FFFFF, 0xFFFFFF80, 0x01000001};
inline constexpr uint64_t kSpecial64[] = {0,
                                          uint64_t{1} << 63,
                                          1,
                                          (uint64_t{1} << 63) | 1,
                                          0x000FFFFFFFFFFFFF,
                                          0x0010000000000000,
                                          0x7FEFFFFFFFFFFFFF,
                                          0x7FF0000000000000,
                                          0xFFF0000000000000,
                                          0x7FF8000000000000,
                                          0xFFF8000000000000,
                                          0x7FF0000000000001,
                                          ~uint64_t{0},
                                          0x7FFFFFFFFFFFFFFF,
                                          (uint64_t{1} << 53) - 1,
                                          uint64_t{1} << 53,
                                          (uint64_t{1} << 53) + 1,
                                          0xFFFFFFFF,
                                          uint64_t{1} << 32};

// SplitMix64.
inline uint64_t next() {
  static uint64_t state = 1;
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// One in four is special; of floats near each other sums cancel, so one in four has the exponent of 1.
inline uint32_t next32() {
  const uint64_t draw = next();
  if (draw % 4 == 0) return kSpecial32[(draw >> 8) % (sizeof(kSpecial32) / sizeof(kSpecial32[0]))];
  const auto bits = static_cast<uint32_t>(draw >> 32);
  return draw % 4 == 1 ? (bits & 0x807FFFFF) | 0x3F800000 : bits;
}
inline double next64() {
  const uint64_t draw = next();
  uint64_t bits = next();
  if (draw % 4 == 0) bits = kSpecial64[(draw >> 8) % (sizeof(kSpecial64) / sizeof(kSpecial64[0]))];
  if (draw % 4 == 1) bits = (bits & 0x800FFFFFFFFFFFFF) | 0x3FF0000000000000;
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline Inputs drawn() {
  Inputs in;
  for (size_t i = 0; i < kNarrow; ++i) {
    in.x[i] = next32();
    in.y[i] = next32();
    in.z[i] = next32();
  }
  for (size_t i = 0; i < kWide; ++i) {
    in.wide_x[i] = next64();
    in.wide_y[i] = next64();
    in.wide_z[i] = next64();
    in.blocks[i] = next();
  }
  return in;
}

template <class Value>
bool agree(const unsigned char* a, const unsigned char* b, bool nan, bool zero) {
  for (size_t i = 0; i < kBytes; i += sizeof(Value)) {
    if (std::memcmp(a + i, b + i, sizeof(Value)) == 0) continue;
    Value left, right;
    std::memcpy(&left, a + i, sizeof(Value));
    std::memcpy(&right, b + i, sizeof(Value));
    if (nan && std::isnan(left) && std::isnan(right)) continue;
    if (zero && left == 0 && right == 0) continue;
    return false;
  }
  return true;
}

inline bool agree(Differ differ, const unsigned char* a, const unsigned char* b) {
  switch (differ) {
    case Differ::kNan32:
    case Differ::kZero32:
      return agree<float>(a, b, differ == Differ::kNan32, differ == Differ::kZero32);
    case Differ::kNan64:
    case Differ::kZero64:
      return agree<double>(a, b, differ == Differ::kNan64, differ == Differ::kZero64);
    case Differ::kNothing:
      break;
  }
  return std::memcmp(a, b, kBytes) == 0;
}

}  // namespace pyinit::tests
