// One thread of a GPU: one lane of 64 bits, one Philox block. What each name means is written in interface.hpp.
// Why the intrinsics: each is one IEEE operation, rounded to the nearest, ties to even, that no compiler
// contracts or replaces, whatever flags say. Why no more lanes: a thread's registers are its own, and a
// warp's neighbours are neighbouring blocks already.
// It is a DrawingSet and no InstructionSet: what fill/ and dense/ do on a CPU, cuda/ does on a device.
// Compiled by NVRTC, and by C++ compilers over csrc/tests/emulated/cuda.hpp. Checked by csrc/tests/cuda.cpp and
// tests/cuda/test_compiled.py.
#pragma once

#include <cstddef>
#include <cstdint>

#include "half.hpp"
#include "simd/interface.hpp"

namespace pyinit::simd {

struct Cuda {
  static constexpr int kLanes = 2;
  static constexpr int kBlocks = 1;

  struct F32 {
    float v[2];
  };
  struct U32 {
    uint32_t v[2];
  };
  struct M32 {
    bool v[2];
  };
  struct F64 {
    double v;
  };
  struct U64 {
    uint64_t v;
  };
  struct M64 {
    bool v;
  };
  struct Word {
    uint32_t v;
  };

  // Philox blocks

  PYINIT_OPERATION U64 block_counters(uint64_t first) { return {first}; }
  PYINIT_OPERATION U64 load_counters(const uint64_t* blocks) { return {*blocks}; }
  PYINIT_OPERATION Word all_words(uint32_t x) { return {x}; }
  PYINIT_OPERATION Word low_word(U64 a) { return {static_cast<uint32_t>(a.v)}; }
  PYINIT_OPERATION Word high_word(U64 a) { return {static_cast<uint32_t>(a.v >> 32)}; }
  PYINIT_OPERATION U64 multiply_words(Word a, Word b) {
#if defined(__CUDACC__)
    // Written out, as the compiler would go on with words in 64 bits, which a device has no instructions for.
    uint32_t low, high;
    asm("{ .reg .u64 product; mul.wide.u32 product, %2, %3; mov.b64 {%0, %1}, product; }"
        : "=r"(low), "=r"(high)
        : "r"(a.v), "r"(b.v));
    return {uint64_t{high} << 32 | low};
#else
    return {uint64_t{a.v} * b.v};
#endif
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b) { return {a.v ^ b.v}; }
  PYINIT_OPERATION Word bit_xor(Word a, Word b, Word c) { return {a.v ^ b.v ^ c.v}; }
  PYINIT_OPERATION U32 pair32(Word even, Word odd) { return {{even.v, odd.v}}; }
  PYINIT_OPERATION U64 pair64(Word low, Word high) { return {uint64_t{high.v} << 32 | low.v}; }
  PYINIT_OPERATION U32 in_order(int k, U32 words01, U32 words23) { return k == 0 ? words01 : words23; }
  PYINIT_OPERATION void store_alternating(float* out, F32 even, F32 odd) {
    out[0] = even.v[0], out[1] = odd.v[0], out[2] = even.v[1], out[3] = odd.v[1];
  }
  PYINIT_OPERATION void store_alternating(double* out, F64 even, F64 odd) { out[0] = even.v, out[1] = odd.v; }

  // 32 bits

  PYINIT_OPERATION F32 all(float x) { return {{x, x}}; }
  PYINIT_OPERATION U32 all(uint32_t x) { return {{x, x}}; }
  PYINIT_OPERATION F32 load(const float* p) { return {{p[0], p[1]}}; }
  PYINIT_OPERATION U32 load(const uint32_t* p) { return {{p[0], p[1]}}; }
  PYINIT_OPERATION void store(float* p, F32 x) { p[0] = x.v[0], p[1] = x.v[1]; }
  PYINIT_OPERATION void store(uint32_t* p, U32 x) { p[0] = x.v[0], p[1] = x.v[1]; }
  PYINIT_OPERATION F32 add(F32 a, F32 b) { return {{__fadd_rn(a.v[0], b.v[0]), __fadd_rn(a.v[1], b.v[1])}}; }
  PYINIT_OPERATION F32 mul(F32 a, F32 b) { return {{__fmul_rn(a.v[0], b.v[0]), __fmul_rn(a.v[1], b.v[1])}}; }
  PYINIT_OPERATION F32 div(F32 a, F32 b) { return {{__fdiv_rn(a.v[0], b.v[0]), __fdiv_rn(a.v[1], b.v[1])}}; }
  PYINIT_OPERATION F32 fma(F32 a, F32 b, F32 c) {
    return {{__fmaf_rn(a.v[0], b.v[0], c.v[0]), __fmaf_rn(a.v[1], b.v[1], c.v[1])}};
  }
  PYINIT_OPERATION F32 sqrt(F32 a) { return {{__fsqrt_rn(a.v[0]), __fsqrt_rn(a.v[1])}}; }
  template <class Value>
  PYINIT_OPERATION Value between(Value x, Value low, Value high) {
    const Value raised = x > low ? x : low;
    return raised < high ? raised : high;
  }
  PYINIT_OPERATION F32 clamp(F32 x, F32 low, F32 high) {
    return {{between(x.v[0], low.v[0], high.v[0]), between(x.v[1], low.v[1], high.v[1])}};
  }
  PYINIT_OPERATION F32 negate_where(F32 x, U32 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all(0x80000000U))));
  }
  PYINIT_OPERATION F32 negate_where(F32 x, M32 m) {
    return {{m.v[0] ? -x.v[0] : x.v[0], m.v[1] ? -x.v[1] : x.v[1]}};
  }
  PYINIT_OPERATION F32 choose_negated(M32 m, F32 yes, F32 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F32 choose(M32 m, F32 yes, F32 no) {
    return {{m.v[0] ? yes.v[0] : no.v[0], m.v[1] ? yes.v[1] : no.v[1]}};
  }
  PYINIT_OPERATION uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }
  PYINIT_OPERATION uint32_t larger(uint32_t a, uint32_t b) { return a < b ? b : a; }
  PYINIT_OPERATION U32 smaller(U32 a, U32 b) { return {{smaller(a.v[0], b.v[0]), smaller(a.v[1], b.v[1])}}; }
  PYINIT_OPERATION U32 larger(U32 a, U32 b) { return {{larger(a.v[0], b.v[0]), larger(a.v[1], b.v[1])}}; }
  PYINIT_OPERATION U32 choose(U32 bits, U32 yes, U32 no) {
    return {{bits.v[0] >> 31 != 0 ? yes.v[0] : no.v[0], bits.v[1] >> 31 != 0 ? yes.v[1] : no.v[1]}};
  }
  PYINIT_OPERATION U32 choose(M32 m, U32 yes, U32 no) {
    return {{m.v[0] ? yes.v[0] : no.v[0], m.v[1] ? yes.v[1] : no.v[1]}};
  }
  PYINIT_OPERATION F32 from_unsigned(U32 x) { return {{__uint2float_rn(x.v[0]), __uint2float_rn(x.v[1])}}; }
  PYINIT_OPERATION F32 from_signed(U32 x) {
    return {{__int2float_rn(static_cast<int32_t>(x.v[0])), __int2float_rn(static_cast<int32_t>(x.v[1]))}};
  }
  PYINIT_OPERATION U32 bits(F32 x) { return {{__float_as_uint(x.v[0]), __float_as_uint(x.v[1])}}; }
  PYINIT_OPERATION F32 as_float(U32 x) { return {{__uint_as_float(x.v[0]), __uint_as_float(x.v[1])}}; }
  PYINIT_OPERATION U32 add(U32 a, U32 b) { return {{a.v[0] + b.v[0], a.v[1] + b.v[1]}}; }
  PYINIT_OPERATION U32 sub(U32 a, U32 b) { return {{a.v[0] - b.v[0], a.v[1] - b.v[1]}}; }
  PYINIT_OPERATION U32 mul(U32 a, U32 b) { return {{a.v[0] * b.v[0], a.v[1] * b.v[1]}}; }
  PYINIT_OPERATION U32 bit_and(U32 a, U32 b) { return {{a.v[0] & b.v[0], a.v[1] & b.v[1]}}; }
  PYINIT_OPERATION U32 bit_xor(U32 a, U32 b) { return {{a.v[0] ^ b.v[0], a.v[1] ^ b.v[1]}}; }
  template <int kCount>
  PYINIT_OPERATION U32 shift_left(U32 a) {
    return {{a.v[0] << kCount, a.v[1] << kCount}};
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_right(U32 a) {
    return {{a.v[0] >> kCount, a.v[1] >> kCount}};
  }
  PYINIT_OPERATION U32 complement_where(U32 a, M32 m) {
    return {{m.v[0] ? ~a.v[0] : a.v[0], m.v[1] ? ~a.v[1] : a.v[1]}};
  }
  PYINIT_OPERATION M32 below(U32 a, U32 b) { return {{a.v[0] < b.v[0], a.v[1] < b.v[1]}}; }
  PYINIT_OPERATION M32 below(F32 a, F32 b) { return {{a.v[0] < b.v[0], a.v[1] < b.v[1]}}; }
  PYINIT_OPERATION M32 has_bit(U32 a, U32 bit) {
    return {{(a.v[0] & bit.v[0]) != 0, (a.v[1] & bit.v[1]) != 0}};
  }
  PYINIT_OPERATION M32 invert(M32 m) { return {{!m.v[0], !m.v[1]}}; }
  PYINIT_OPERATION bool every(M32 m) { return m.v[0] && m.v[1]; }

  // 64 bits

  PYINIT_OPERATION F64 all(double x) { return {x}; }
  PYINIT_OPERATION U64 all64(uint64_t x) { return {x}; }
  PYINIT_OPERATION F64 load(const double* p) { return {*p}; }
  PYINIT_OPERATION void store(double* p, F64 x) { *p = x.v; }
  PYINIT_OPERATION F64 add(F64 a, F64 b) { return {__dadd_rn(a.v, b.v)}; }
  PYINIT_OPERATION F64 mul(F64 a, F64 b) { return {__dmul_rn(a.v, b.v)}; }
  PYINIT_OPERATION F64 div(F64 a, F64 b) { return {__ddiv_rn(a.v, b.v)}; }
  PYINIT_OPERATION F64 fma(F64 a, F64 b, F64 c) { return {__fma_rn(a.v, b.v, c.v)}; }
  PYINIT_OPERATION F64 sqrt(F64 a) { return {__dsqrt_rn(a.v)}; }
  PYINIT_OPERATION F64 clamp(F64 x, F64 low, F64 high) { return {between(x.v, low.v, high.v)}; }
  PYINIT_OPERATION F64 negate_where(F64 x, U64 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all64(uint64_t{1} << 63))));
  }
  PYINIT_OPERATION F64 negate_where(F64 x, M64 m) { return {m.v ? -x.v : x.v}; }
  PYINIT_OPERATION F64 choose_negated(M64 m, F64 yes, F64 no) { return {m.v ? -yes.v : no.v}; }
  PYINIT_OPERATION F64 choose(M64 m, F64 yes, F64 no) { return m.v ? yes : no; }
  PYINIT_OPERATION F64 from_unsigned(U64 x) { return {__ull2double_rn(x.v)}; }
  PYINIT_OPERATION F64 from_signed(U64 x) { return {__ll2double_rn(static_cast<int64_t>(x.v))}; }
  PYINIT_OPERATION U64 bits(F64 x) { return {static_cast<uint64_t>(__double_as_longlong(x.v))}; }
  PYINIT_OPERATION F64 as_float(U64 x) { return {__longlong_as_double(static_cast<int64_t>(x.v))}; }
  PYINIT_OPERATION U64 add(U64 a, U64 b) { return {a.v + b.v}; }
  PYINIT_OPERATION U64 sub(U64 a, U64 b) { return {a.v - b.v}; }
  PYINIT_OPERATION U64 bit_and(U64 a, U64 b) { return {a.v & b.v}; }
  PYINIT_OPERATION U64 bit_xor(U64 a, U64 b) { return {a.v ^ b.v}; }
  template <int kCount>
  PYINIT_OPERATION U64 shift_left(U64 a) {
    return {a.v << kCount};
  }
  PYINIT_OPERATION U64 complement_where(U64 a, M64 m) { return {m.v ? ~a.v : a.v}; }
  PYINIT_OPERATION M64 below(U64 a, U64 b) { return {a.v < b.v}; }
  PYINIT_OPERATION M64 below(F64 a, F64 b) { return {a.v < b.v}; }
  PYINIT_OPERATION M64 has_bit(U64 a, U64 bit) { return {(a.v & bit.v) != 0}; }
  PYINIT_OPERATION M64 invert(M64 m) { return {!m.v}; }
  PYINIT_OPERATION bool every(M64 m) { return m.v; }

  // Two numbers rounded to a half type, the first one in the low half: one instruction from compute
  // capability 8.0 on. Subnormals are kept; from 65520 on a float16 is infinity. None is NaN.

  PYINIT_OPERATION uint32_t rounded_pair(Bfloat16, float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
#else
    return bfloat16_bits(low) | bfloat16_bits(high) << 16;
#endif
  }
  PYINIT_OPERATION uint32_t rounded_pair(Float16, float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t pair;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
#else
    return float16_bits(low) | float16_bits(high) << 16;
#endif
  }

  // One number, in 16 bits.

  PYINIT_OPERATION uint32_t bfloat16_bits(float x) {
    const uint32_t pattern = __float_as_uint(x);
    return (pattern + 0x7FFF + (pattern >> 16 & 1)) >> 16;
  }
  PYINIT_OPERATION uint32_t float16_bits(float x) {
    const uint32_t sign = __float_as_uint(x) >> 16 & 0x8000;
    const uint32_t magnitude = __float_as_uint(x) & 0x7FFFFFFF;
    if (magnitude >= 0x47800000) return sign | 0x7C00;
    if (magnitude < 0x38800000) {
      // Adding 1/2 puts the rounding where a float16 subnormal ends, at 2^-24.
      const float shifted = __fadd_rn(__uint_as_float(magnitude), 0.5F);
      return sign | (__float_as_uint(shifted) - 0x3F000000);
    }
    const uint32_t rebiased = magnitude - (uint32_t{112} << 23);
    return sign | (rebiased + 0xFFF + (rebiased >> 13 & 1)) >> 13;
  }
};

static_assert(DrawingSet<Cuda>);

}  // namespace pyinit::simd
