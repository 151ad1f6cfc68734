// The vector operations kernels are written in, in plain C++: the fallback, and what interface.hpp says in
// words; csrc/tests/simd.cpp compares every other instruction set with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "simd/interface.hpp"
#include "strict_math.hpp"

namespace pyinit::simd {

struct Scalar {
  static constexpr const char* kName = "scalar";
  static constexpr int kGroups = 1;
  static constexpr int kLanes = 16;
  static constexpr int kBlocks = 8;
  static constexpr int kTileRows = 6;

  template <class T, int kLanes>
  struct Vector {
    T v[kLanes];
  };
  struct F32 : Vector<float, 16> {};
  struct F64 : Vector<double, 8> {};
  struct U32 : Vector<uint32_t, 16> {};
  struct U64 : Vector<uint64_t, 8> {};
  struct Word : Vector<uint64_t, 8> {};
  struct M32 : Vector<bool, 16> {};
  struct M64 : Vector<bool, 8> {};

  template <class R, class Function>
  PYINIT_OPERATION R each(Function function) {
    R result;
    for (size_t i = 0; i < sizeof(result.v) / sizeof(result.v[0]); ++i) result.v[i] = function(i);
    return result;
  }

  // Philox blocks. Lanes hold the blocks in order. Of a Word only the low 32 bits of its lane count.

  PYINIT_OPERATION U64 block_counters(uint64_t first) {
    return each<U64>([=](size_t i) { return first + i; });
  }
  PYINIT_OPERATION U64 load_counters(const uint64_t* blocks) {
    return each<U64>([=](size_t i) { return blocks[i]; });
  }
  PYINIT_OPERATION Word all_words(uint32_t x) {
    return each<Word>([=](size_t) { return x; });
  }
  PYINIT_OPERATION U64 multiply_words(Word a, Word b) {
    return each<U64>([&](size_t i) { return (a.v[i] & 0xFFFFFFFF) * (b.v[i] & 0xFFFFFFFF); });
  }
  PYINIT_OPERATION Word low_word(U64 a) {
    return each<Word>([&](size_t i) { return a.v[i]; });
  }
  PYINIT_OPERATION Word high_word(U64 a) {
    return each<Word>([&](size_t i) { return a.v[i] >> 32; });
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b) {
    return each<Word>([&](size_t i) { return a.v[i] ^ b.v[i]; });
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b, Word c) { return bit_xor(bit_xor(a, b), c); }
  PYINIT_OPERATION U32 pair32(Word even, Word odd) {
    return each<U32>(
        [&](size_t i) { return static_cast<uint32_t>(i % 2 == 0 ? even.v[i / 2] : odd.v[i / 2]); });
  }
  PYINIT_OPERATION U64 pair64(Word low, Word high) {
    return each<U64>([&](size_t i) { return high.v[i] << 32 | (low.v[i] & 0xFFFFFFFF); });
  }
  PYINIT_OPERATION U32 in_order(int k, U32 words01, U32 words23) {
    return each<U32>([&](size_t i) {
      const size_t word = static_cast<size_t>(k) * 16 + i;
      return (word % 4 < 2 ? words01 : words23).v[word / 4 * 2 + word % 2];
    });
  }
  PYINIT_OPERATION void store_alternating(float* out, F32 even, F32 odd) {
    for (size_t i = 0; i < 32; ++i) out[i] = (i % 2 == 0 ? even : odd).v[i / 2];
  }
  PYINIT_OPERATION void store_alternating(double* out, F64 even, F64 odd) {
    for (size_t i = 0; i < 16; ++i) out[i] = (i % 2 == 0 ? even : odd).v[i / 2];
  }

  // 32 bits

  PYINIT_OPERATION F32 all(float x) {
    return each<F32>([=](size_t) { return x; });
  }
  PYINIT_OPERATION U32 all(uint32_t x) {
    return each<U32>([=](size_t) { return x; });
  }
  PYINIT_OPERATION F32 load(const float* p) {
    return each<F32>([=](size_t i) { return p[i]; });
  }
  PYINIT_OPERATION void store(float* p, F32 x) { std::memcpy(p, x.v, sizeof(x.v)); }
  PYINIT_OPERATION F32 add(F32 a, F32 b) {
    return each<F32>([&](size_t i) { return a.v[i] + b.v[i]; });
  }
  PYINIT_OPERATION F32 sub(F32 a, F32 b) {
    return each<F32>([&](size_t i) { return a.v[i] - b.v[i]; });
  }
  PYINIT_OPERATION F32 mul(F32 a, F32 b) {
    return each<F32>([&](size_t i) { return a.v[i] * b.v[i]; });
  }
  PYINIT_OPERATION F32 div(F32 a, F32 b) {
    return each<F32>([&](size_t i) { return a.v[i] / b.v[i]; });
  }
  PYINIT_OPERATION F32 fma(F32 a, F32 b, F32 c) {
    return each<F32>([&](size_t i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
  }
  PYINIT_OPERATION F32 sqrt(F32 a) {
    return each<F32>([&](size_t i) { return __builtin_sqrtf(a.v[i]); });
  }
  PYINIT_OPERATION F32 clamp(F32 x, F32 low, F32 high) {
    return each<F32>([&](size_t i) {
      const float raised = x.v[i] > low.v[i] ? x.v[i] : low.v[i];
      return raised < high.v[i] ? raised : high.v[i];
    });
  }
  PYINIT_OPERATION F32 at_least(F32 x, F32 low) {
    return each<F32>([&](size_t i) { return low.v[i] > x.v[i] ? low.v[i] : x.v[i]; });
  }
  PYINIT_OPERATION F32 at_most(F32 x, F32 high) {
    return each<F32>([&](size_t i) { return high.v[i] < x.v[i] ? high.v[i] : x.v[i]; });
  }
  PYINIT_OPERATION F32 negate_where(F32 x, U32 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all(0x80000000U))));
  }
  PYINIT_OPERATION F32 negate_where(F32 x, M32 m) {
    return each<F32>([&](size_t i) { return m.v[i] ? -x.v[i] : x.v[i]; });
  }
  PYINIT_OPERATION F32 choose_negated(M32 m, F32 yes, F32 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F32 choose(M32 m, F32 yes, F32 no) {
    return each<F32>([&](size_t i) { return m.v[i] ? yes.v[i] : no.v[i]; });
  }
  PYINIT_OPERATION F32 from_unsigned(U32 x) {
    return each<F32>([&](size_t i) { return static_cast<float>(x.v[i]); });
  }
  PYINIT_OPERATION F32 from_signed(U32 x) {
    return each<F32>([&](size_t i) { return static_cast<float>(static_cast<int32_t>(x.v[i])); });
  }
  // Lane by lane: GCC 12 for aarch64, at -O3, moves other accesses past a memcpy of all of them.
  PYINIT_OPERATION U32 bits(F32 x) {
    return each<U32>([&](size_t i) { return __builtin_bit_cast(uint32_t, x.v[i]); });
  }
  PYINIT_OPERATION F32 as_float(U32 x) {
    return each<F32>([&](size_t i) { return __builtin_bit_cast(float, x.v[i]); });
  }
  PYINIT_OPERATION U32 add(U32 a, U32 b) {
    return each<U32>([&](size_t i) { return a.v[i] + b.v[i]; });
  }
  PYINIT_OPERATION U32 sub(U32 a, U32 b) {
    return each<U32>([&](size_t i) { return a.v[i] - b.v[i]; });
  }
  PYINIT_OPERATION U32 bit_and(U32 a, U32 b) {
    return each<U32>([&](size_t i) { return a.v[i] & b.v[i]; });
  }
  PYINIT_OPERATION U32 bit_xor(U32 a, U32 b) {
    return each<U32>([&](size_t i) { return a.v[i] ^ b.v[i]; });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_left(U32 a) {
    return each<U32>([&](size_t i) { return a.v[i] << kCount; });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_right(U32 a) {
    return each<U32>([&](size_t i) { return a.v[i] >> kCount; });
  }
  PYINIT_OPERATION U32 mul(U32 a, U32 b) {
    return each<U32>([&](size_t i) { return a.v[i] * b.v[i]; });
  }
  PYINIT_OPERATION U32 smaller(U32 a, U32 b) {
    return each<U32>([&](size_t i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  PYINIT_OPERATION U32 larger(U32 a, U32 b) {
    return each<U32>([&](size_t i) { return a.v[i] < b.v[i] ? b.v[i] : a.v[i]; });
  }
  PYINIT_OPERATION U32 choose(U32 bits, U32 yes, U32 no) {
    return each<U32>([&](size_t i) { return bits.v[i] >> 31 != 0 ? yes.v[i] : no.v[i]; });
  }
  PYINIT_OPERATION U32 choose(M32 m, U32 yes, U32 no) {
    return each<U32>([&](size_t i) { return m.v[i] ? yes.v[i] : no.v[i]; });
  }
  PYINIT_OPERATION U32 load(const uint32_t* p) {
    return each<U32>([=](size_t i) { return p[i]; });
  }
  PYINIT_OPERATION void store(uint32_t* p, U32 x) { std::memcpy(p, x.v, sizeof(x.v)); }
  PYINIT_OPERATION U32 complement_where(U32 a, M32 m) {
    return each<U32>([&](size_t i) { return m.v[i] ? ~a.v[i] : a.v[i]; });
  }
  PYINIT_OPERATION M32 below(U32 a, U32 b) {
    return each<M32>([&](size_t i) { return a.v[i] < b.v[i]; });
  }
  PYINIT_OPERATION M32 below(F32 a, F32 b) {
    return each<M32>([&](size_t i) { return a.v[i] < b.v[i]; });
  }
  PYINIT_OPERATION M32 has_bit(U32 a, U32 bit) {
    return each<M32>([&](size_t i) { return (a.v[i] & bit.v[i]) != 0; });
  }
  PYINIT_OPERATION M32 invert(M32 m) {
    return each<M32>([&](size_t i) { return !m.v[i]; });
  }
  PYINIT_OPERATION bool every(M32 m) {
    bool result = true;
    for (bool lane : m.v) result &= lane;
    return result;
  }

  // 64 bits

  PYINIT_OPERATION F64 all(double x) {
    return each<F64>([=](size_t) { return x; });
  }
  PYINIT_OPERATION U64 all64(uint64_t x) {
    return each<U64>([=](size_t) { return x; });
  }
  PYINIT_OPERATION F64 load(const double* p) {
    return each<F64>([=](size_t i) { return p[i]; });
  }
  PYINIT_OPERATION void store(double* p, F64 x) { std::memcpy(p, x.v, sizeof(x.v)); }
  PYINIT_OPERATION F64 widen(const float* p) {
    return each<F64>([=](size_t i) { return static_cast<double>(p[i]); });
  }
  // As a signed number of 32 bits: what every machine converts to in one step.
  PYINIT_OPERATION U64 truncate(F64 x) {
    return each<U64>([&](size_t i) { return static_cast<uint64_t>(static_cast<int32_t>(x.v[i])); });
  }
  PYINIT_OPERATION void store(uint64_t* p, U64 x) { std::memcpy(p, x.v, sizeof(x.v)); }
  PYINIT_OPERATION F64 add(F64 a, F64 b) {
    return each<F64>([&](size_t i) { return a.v[i] + b.v[i]; });
  }
  PYINIT_OPERATION F64 mul(F64 a, F64 b) {
    return each<F64>([&](size_t i) { return a.v[i] * b.v[i]; });
  }
  PYINIT_OPERATION F64 div(F64 a, F64 b) {
    return each<F64>([&](size_t i) { return a.v[i] / b.v[i]; });
  }
  PYINIT_OPERATION F64 fma(F64 a, F64 b, F64 c) {
    return each<F64>([&](size_t i) { return __builtin_fma(a.v[i], b.v[i], c.v[i]); });
  }
  PYINIT_OPERATION F64 sqrt(F64 a) {
    return each<F64>([&](size_t i) { return __builtin_sqrt(a.v[i]); });
  }
  PYINIT_OPERATION F64 clamp(F64 x, F64 low, F64 high) {
    return each<F64>([&](size_t i) {
      const double raised = x.v[i] > low.v[i] ? x.v[i] : low.v[i];
      return raised < high.v[i] ? raised : high.v[i];
    });
  }
  PYINIT_OPERATION F64 negate_where(F64 x, U64 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all64(uint64_t{1} << 63))));
  }
  PYINIT_OPERATION F64 negate_where(F64 x, M64 m) {
    return each<F64>([&](size_t i) { return m.v[i] ? -x.v[i] : x.v[i]; });
  }
  PYINIT_OPERATION F64 choose_negated(M64 m, F64 yes, F64 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F64 choose(M64 m, F64 yes, F64 no) {
    return each<F64>([&](size_t i) { return m.v[i] ? yes.v[i] : no.v[i]; });
  }
  PYINIT_OPERATION F64 from_unsigned(U64 x) {
    return each<F64>([&](size_t i) { return static_cast<double>(x.v[i]); });
  }
  PYINIT_OPERATION F64 from_signed(U64 x) {
    return each<F64>([&](size_t i) { return static_cast<double>(static_cast<int64_t>(x.v[i])); });
  }
  PYINIT_OPERATION U64 bits(F64 x) {
    return each<U64>([&](size_t i) { return __builtin_bit_cast(uint64_t, x.v[i]); });
  }
  PYINIT_OPERATION F64 as_float(U64 x) {
    return each<F64>([&](size_t i) { return __builtin_bit_cast(double, x.v[i]); });
  }
  PYINIT_OPERATION U64 add(U64 a, U64 b) {
    return each<U64>([&](size_t i) { return a.v[i] + b.v[i]; });
  }
  PYINIT_OPERATION U64 sub(U64 a, U64 b) {
    return each<U64>([&](size_t i) { return a.v[i] - b.v[i]; });
  }
  PYINIT_OPERATION U64 bit_and(U64 a, U64 b) {
    return each<U64>([&](size_t i) { return a.v[i] & b.v[i]; });
  }
  PYINIT_OPERATION U64 bit_xor(U64 a, U64 b) {
    return each<U64>([&](size_t i) { return a.v[i] ^ b.v[i]; });
  }
  template <int kCount>
  PYINIT_OPERATION U64 shift_left(U64 a) {
    return each<U64>([&](size_t i) { return a.v[i] << kCount; });
  }
  PYINIT_OPERATION U64 complement_where(U64 a, M64 m) {
    return each<U64>([&](size_t i) { return m.v[i] ? ~a.v[i] : a.v[i]; });
  }
  PYINIT_OPERATION M64 below(U64 a, U64 b) {
    return each<M64>([&](size_t i) { return a.v[i] < b.v[i]; });
  }
  PYINIT_OPERATION M64 below(F64 a, F64 b) {
    return each<M64>([&](size_t i) { return a.v[i] < b.v[i]; });
  }
  PYINIT_OPERATION M64 has_bit(U64 a, U64 bit) {
    return each<M64>([&](size_t i) { return (a.v[i] & bit.v[i]) != 0; });
  }
  PYINIT_OPERATION M64 invert(M64 m) {
    return each<M64>([&](size_t i) { return !m.v[i]; });
  }
  PYINIT_OPERATION bool every(M64 m) {
    bool result = true;
    for (bool lane : m.v) result &= lane;
    return result;
  }

  // Narrowing and streaming

  PYINIT_OPERATION void store_bfloat16(void* out, F32 x) {
    const U32 b = bits(x);
    uint16_t halves[16];
    for (size_t i = 0; i < 16; ++i)
      halves[i] = static_cast<uint16_t>((b.v[i] + 0x7FFF + (b.v[i] >> 16 & 1)) >> 16);
    std::memcpy(out, halves, sizeof(halves));
  }
  PYINIT_OPERATION void store_float16(void* out, F32 x) {
    uint16_t halves[16];
    for (size_t i = 0; i < 16; ++i) halves[i] = to_float16(x.v[i]);
    std::memcpy(out, halves, sizeof(halves));
  }
  PYINIT_OPERATION uint16_t to_float16(float x) {
    uint32_t b;
    std::memcpy(&b, &x, sizeof(b));
    const auto sign = static_cast<uint16_t>(b >> 16 & 0x8000);
    const uint32_t magnitude = b & 0x7FFFFFFF;
    if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7C00);
    if (magnitude < 0x38800000) {
      // Adding 1/2 puts the rounding where a float16 subnormal ends, at 2^-24.
      float shifted;
      std::memcpy(&shifted, &magnitude, sizeof(shifted));
      shifted += 0.5F;
      std::memcpy(&b, &shifted, sizeof(b));
      return static_cast<uint16_t>(sign | (b - 0x3F000000));
    }
    const uint32_t rebiased = magnitude - (uint32_t{112} << 23);
    return static_cast<uint16_t>(sign | (rebiased + 0xFFF + (rebiased >> 13 & 1)) >> 13);
  }
  PYINIT_OPERATION void stream_line(void* out, const void* from) { std::memcpy(out, from, 64); }
  PYINIT_OPERATION void stream_fence() {}
};

static_assert(InstructionSet<Scalar>);

}  // namespace pyinit::simd
