// The vector operations kernels are written in, for AVX2 with FMA and F16C: two registers a vector.
// The unsigned and 64-bit conversions that AVX2 lacks are put together from exact halves and one rounding
// add. What each name means is written once, in interface.hpp.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "simd/interface.hpp"
#include "strict_math.hpp"

namespace pyinit::simd {

struct Avx2 {
  static constexpr const char* kName = "avx2";
  // One group of 8 blocks is already two independent chains, and fills the 16 registers.
  static constexpr int kGroups = 1;
  static constexpr int kLanes = 16;
  static constexpr int kBlocks = 8;
  // 12 registers of sums, 2 of a row, 1 of a factor.
  static constexpr int kTileRows = 6;

  struct F32 {
    __m256 v[2];
  };
  struct F64 {
    __m256d v[2];
  };
  struct U32 {
    __m256i v[2];
  };
  struct U64 {
    __m256i v[2];
  };
  struct Word {
    __m256i v[2];
  };
  struct M32 {
    __m256i v[2];
  };
  struct M64 {
    __m256i v[2];
  };

#define PYINIT_BOTH(expression_0, expression_1) \
  {                                             \
    {                                           \
      expression_0, expression_1                \
    }                                           \
  }

  // Philox blocks. Lane order 0 2 1 3 | 4 6 5 7: the 128-bit interleaves below restore element order.

  PYINIT_OPERATION U64 block_counters(uint64_t first) {
    const __m256i base = _mm256_set1_epi64x(static_cast<long long>(first));
    return PYINIT_BOTH(_mm256_add_epi64(base, _mm256_set_epi64x(3, 1, 2, 0)),
                       _mm256_add_epi64(base, _mm256_set_epi64x(7, 5, 6, 4)));
  }
  PYINIT_OPERATION U64 load_counters(const uint64_t* blocks) {
    const auto* p = reinterpret_cast<const __m256i*>(blocks);
    return PYINIT_BOTH(_mm256_permute4x64_epi64(_mm256_loadu_si256(p), 0xD8),
                       _mm256_permute4x64_epi64(_mm256_loadu_si256(p + 1), 0xD8));
  }
  PYINIT_OPERATION Word all_words(uint32_t x) {
    const __m256i v = _mm256_set1_epi64x(x);
    return PYINIT_BOTH(v, v);
  }
  PYINIT_OPERATION U64 multiply_words(Word a, Word b) {
    return PYINIT_BOTH(_mm256_mul_epu32(a.v[0], b.v[0]), _mm256_mul_epu32(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION Word low_word(U64 a) { return PYINIT_BOTH(a.v[0], a.v[1]); }
  PYINIT_OPERATION Word high_word(U64 a) {
    return PYINIT_BOTH(_mm256_srli_epi64(a.v[0], 32), _mm256_srli_epi64(a.v[1], 32));
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b) {
    return PYINIT_BOTH(_mm256_xor_si256(a.v[0], b.v[0]), _mm256_xor_si256(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b, Word c) { return bit_xor(bit_xor(a, b), c); }
  PYINIT_OPERATION U32 pair32(Word even, Word odd) {
    return PYINIT_BOTH(_mm256_blend_epi32(even.v[0], _mm256_slli_epi64(odd.v[0], 32), 0xAA),
                       _mm256_blend_epi32(even.v[1], _mm256_slli_epi64(odd.v[1], 32), 0xAA));
  }
  PYINIT_OPERATION U64 pair64(Word low, Word high) {
    const U32 x = pair32(low, high);
    return PYINIT_BOTH(x.v[0], x.v[1]);
  }
  PYINIT_OPERATION U32 in_order(int k, U32 words01, U32 words23) {
    return PYINIT_BOTH(_mm256_unpacklo_epi64(words01.v[k], words23.v[k]),
                       _mm256_unpackhi_epi64(words01.v[k], words23.v[k]));
  }
  PYINIT_OPERATION void store_alternating(float* out, F32 even, F32 odd) {
    _mm256_storeu_ps(out, _mm256_unpacklo_ps(even.v[0], odd.v[0]));
    _mm256_storeu_ps(out + 8, _mm256_unpackhi_ps(even.v[0], odd.v[0]));
    _mm256_storeu_ps(out + 16, _mm256_unpacklo_ps(even.v[1], odd.v[1]));
    _mm256_storeu_ps(out + 24, _mm256_unpackhi_ps(even.v[1], odd.v[1]));
  }
  PYINIT_OPERATION void store_alternating(double* out, F64 even, F64 odd) {
    _mm256_storeu_pd(out, _mm256_unpacklo_pd(even.v[0], odd.v[0]));
    _mm256_storeu_pd(out + 4, _mm256_unpackhi_pd(even.v[0], odd.v[0]));
    _mm256_storeu_pd(out + 8, _mm256_unpacklo_pd(even.v[1], odd.v[1]));
    _mm256_storeu_pd(out + 12, _mm256_unpackhi_pd(even.v[1], odd.v[1]));
  }

  // 32 bits

  PYINIT_OPERATION F32 all(float x) { return PYINIT_BOTH(_mm256_set1_ps(x), _mm256_set1_ps(x)); }
  PYINIT_OPERATION U32 all(uint32_t x) {
    const __m256i v = _mm256_set1_epi32(static_cast<int>(x));
    return PYINIT_BOTH(v, v);
  }
  PYINIT_OPERATION F32 load(const float* p) {
    return PYINIT_BOTH(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8));
  }
  PYINIT_OPERATION void store(float* p, F32 x) {
    _mm256_storeu_ps(p, x.v[0]);
    _mm256_storeu_ps(p + 8, x.v[1]);
  }
  PYINIT_OPERATION F32 add(F32 a, F32 b) {
    return PYINIT_BOTH(_mm256_add_ps(a.v[0], b.v[0]), _mm256_add_ps(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION F32 sub(F32 a, F32 b) {
    return PYINIT_BOTH(_mm256_sub_ps(a.v[0], b.v[0]), _mm256_sub_ps(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION F32 mul(F32 a, F32 b) {
    return PYINIT_BOTH(_mm256_mul_ps(a.v[0], b.v[0]), _mm256_mul_ps(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION F32 div(F32 a, F32 b) {
    return PYINIT_BOTH(_mm256_div_ps(a.v[0], b.v[0]), _mm256_div_ps(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION F32 fma(F32 a, F32 b, F32 c) {
    return PYINIT_BOTH(_mm256_fmadd_ps(a.v[0], b.v[0], c.v[0]), _mm256_fmadd_ps(a.v[1], b.v[1], c.v[1]));
  }
  PYINIT_OPERATION F32 sqrt(F32 a) { return PYINIT_BOTH(_mm256_sqrt_ps(a.v[0]), _mm256_sqrt_ps(a.v[1])); }
  PYINIT_OPERATION F32 clamp(F32 x, F32 low, F32 high) {
    return PYINIT_BOTH(_mm256_min_ps(_mm256_max_ps(x.v[0], low.v[0]), high.v[0]),
                       _mm256_min_ps(_mm256_max_ps(x.v[1], low.v[1]), high.v[1]));
  }
  // These instructions return their second operand where one is NaN and where both are zero.
  PYINIT_OPERATION F32 at_least(F32 x, F32 low) {
    return PYINIT_BOTH(_mm256_max_ps(low.v[0], x.v[0]), _mm256_max_ps(low.v[1], x.v[1]));
  }
  PYINIT_OPERATION F32 at_most(F32 x, F32 high) {
    return PYINIT_BOTH(_mm256_min_ps(high.v[0], x.v[0]), _mm256_min_ps(high.v[1], x.v[1]));
  }
  PYINIT_OPERATION F32 negate_where(F32 x, U32 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all(0x80000000U))));
  }
  PYINIT_OPERATION F32 negate_where(F32 x, M32 m) { return negate_where(x, U32 PYINIT_BOTH(m.v[0], m.v[1])); }
  PYINIT_OPERATION F32 choose_negated(M32 m, F32 yes, F32 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F32 choose(M32 m, F32 yes, F32 no) {
    return PYINIT_BOTH(_mm256_blendv_ps(no.v[0], yes.v[0], _mm256_castsi256_ps(m.v[0])),
                       _mm256_blendv_ps(no.v[1], yes.v[1], _mm256_castsi256_ps(m.v[1])));
  }
  // high * 2^16 and low are exact as floats; their sum is the one rounding.
  PYINIT_OPERATION __m256 from_unsigned_half(__m256i x) {
    const __m256i low = _mm256_blend_epi16(x, _mm256_set1_epi32(0x4B000000), 0xAA);
    const __m256i high = _mm256_blend_epi16(_mm256_srli_epi32(x, 16), _mm256_set1_epi32(0x53000000), 0xAA);
    const __m256 shifted = _mm256_sub_ps(_mm256_castsi256_ps(high), _mm256_set1_ps(0x1.0001p39F));
    return _mm256_add_ps(_mm256_castsi256_ps(low), shifted);
  }
  PYINIT_OPERATION F32 from_unsigned(U32 x) {
    return PYINIT_BOTH(from_unsigned_half(x.v[0]), from_unsigned_half(x.v[1]));
  }
  PYINIT_OPERATION F32 from_signed(U32 x) {
    return PYINIT_BOTH(_mm256_cvtepi32_ps(x.v[0]), _mm256_cvtepi32_ps(x.v[1]));
  }
  PYINIT_OPERATION U32 bits(F32 x) {
    return PYINIT_BOTH(_mm256_castps_si256(x.v[0]), _mm256_castps_si256(x.v[1]));
  }
  PYINIT_OPERATION F32 as_float(U32 x) {
    return PYINIT_BOTH(_mm256_castsi256_ps(x.v[0]), _mm256_castsi256_ps(x.v[1]));
  }
  PYINIT_OPERATION U32 add(U32 a, U32 b) {
    return PYINIT_BOTH(_mm256_add_epi32(a.v[0], b.v[0]), _mm256_add_epi32(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION U32 sub(U32 a, U32 b) {
    return PYINIT_BOTH(_mm256_sub_epi32(a.v[0], b.v[0]), _mm256_sub_epi32(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION U32 bit_and(U32 a, U32 b) {
    return PYINIT_BOTH(_mm256_and_si256(a.v[0], b.v[0]), _mm256_and_si256(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION U32 bit_xor(U32 a, U32 b) {
    return PYINIT_BOTH(_mm256_xor_si256(a.v[0], b.v[0]), _mm256_xor_si256(a.v[1], b.v[1]));
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_left(U32 a) {
    return PYINIT_BOTH(_mm256_slli_epi32(a.v[0], kCount), _mm256_slli_epi32(a.v[1], kCount));
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_right(U32 a) {
    return PYINIT_BOTH(_mm256_srli_epi32(a.v[0], kCount), _mm256_srli_epi32(a.v[1], kCount));
  }
  PYINIT_OPERATION U32 mul(U32 a, U32 b) {
    return PYINIT_BOTH(_mm256_mullo_epi32(a.v[0], b.v[0]), _mm256_mullo_epi32(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION U32 choose(M32 m, U32 yes, U32 no) {
    return PYINIT_BOTH(_mm256_blendv_epi8(no.v[0], yes.v[0], m.v[0]),
                       _mm256_blendv_epi8(no.v[1], yes.v[1], m.v[1]));
  }
  PYINIT_OPERATION U32 load(const uint32_t* p) {
    const auto* from = reinterpret_cast<const __m256i*>(p);
    return PYINIT_BOTH(_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1));
  }
  PYINIT_OPERATION void store(uint32_t* p, U32 x) {
    auto* to = reinterpret_cast<__m256i*>(p);
    _mm256_storeu_si256(to, x.v[0]);
    _mm256_storeu_si256(to + 1, x.v[1]);
  }
  PYINIT_OPERATION U32 complement_where(U32 a, M32 m) {
    return PYINIT_BOTH(_mm256_xor_si256(a.v[0], m.v[0]), _mm256_xor_si256(a.v[1], m.v[1]));
  }
  PYINIT_OPERATION M32 below(U32 a, U32 b) {
    const __m256i flip = _mm256_set1_epi32(INT32_MIN);
    return PYINIT_BOTH(_mm256_cmpgt_epi32(_mm256_xor_si256(b.v[0], flip), _mm256_xor_si256(a.v[0], flip)),
                       _mm256_cmpgt_epi32(_mm256_xor_si256(b.v[1], flip), _mm256_xor_si256(a.v[1], flip)));
  }
  PYINIT_OPERATION M32 below(F32 a, F32 b) {
    return PYINIT_BOTH(_mm256_castps_si256(_mm256_cmp_ps(a.v[0], b.v[0], _CMP_LT_OQ)),
                       _mm256_castps_si256(_mm256_cmp_ps(a.v[1], b.v[1], _CMP_LT_OQ)));
  }
  PYINIT_OPERATION M32 has_bit(U32 a, U32 bit) {
    return PYINIT_BOTH(_mm256_cmpeq_epi32(_mm256_and_si256(a.v[0], bit.v[0]), bit.v[0]),
                       _mm256_cmpeq_epi32(_mm256_and_si256(a.v[1], bit.v[1]), bit.v[1]));
  }
  PYINIT_OPERATION M32 invert(M32 m) {
    const __m256i ones = _mm256_set1_epi32(-1);
    return PYINIT_BOTH(_mm256_xor_si256(m.v[0], ones), _mm256_xor_si256(m.v[1], ones));
  }
  PYINIT_OPERATION bool every(M32 m) { return _mm256_movemask_epi8(_mm256_and_si256(m.v[0], m.v[1])) == -1; }

  // 64 bits

  PYINIT_OPERATION F64 all(double x) { return PYINIT_BOTH(_mm256_set1_pd(x), _mm256_set1_pd(x)); }
  PYINIT_OPERATION U64 all64(uint64_t x) {
    const __m256i v = _mm256_set1_epi64x(static_cast<long long>(x));
    return PYINIT_BOTH(v, v);
  }
  PYINIT_OPERATION F64 load(const double* p) {
    return PYINIT_BOTH(_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4));
  }
  PYINIT_OPERATION void store(double* p, F64 x) {
    _mm256_storeu_pd(p, x.v[0]);
    _mm256_storeu_pd(p + 4, x.v[1]);
  }
  PYINIT_OPERATION F64 widen_low(F32 x) { return widen(x.v[0]); }
  PYINIT_OPERATION F64 widen_high(F32 x) { return widen(x.v[1]); }
  PYINIT_OPERATION F64 widen(__m256 x) {
    return PYINIT_BOTH(_mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                       _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)));
  }
  PYINIT_OPERATION F64 add(F64 a, F64 b) {
    return PYINIT_BOTH(_mm256_add_pd(a.v[0], b.v[0]), _mm256_add_pd(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION F64 mul(F64 a, F64 b) {
    return PYINIT_BOTH(_mm256_mul_pd(a.v[0], b.v[0]), _mm256_mul_pd(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION F64 div(F64 a, F64 b) {
    return PYINIT_BOTH(_mm256_div_pd(a.v[0], b.v[0]), _mm256_div_pd(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION F64 fma(F64 a, F64 b, F64 c) {
    return PYINIT_BOTH(_mm256_fmadd_pd(a.v[0], b.v[0], c.v[0]), _mm256_fmadd_pd(a.v[1], b.v[1], c.v[1]));
  }
  PYINIT_OPERATION F64 sqrt(F64 a) { return PYINIT_BOTH(_mm256_sqrt_pd(a.v[0]), _mm256_sqrt_pd(a.v[1])); }
  PYINIT_OPERATION F64 clamp(F64 x, F64 low, F64 high) {
    return PYINIT_BOTH(_mm256_min_pd(_mm256_max_pd(x.v[0], low.v[0]), high.v[0]),
                       _mm256_min_pd(_mm256_max_pd(x.v[1], low.v[1]), high.v[1]));
  }
  PYINIT_OPERATION F64 negate_where(F64 x, U64 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all64(uint64_t{1} << 63))));
  }
  PYINIT_OPERATION F64 negate_where(F64 x, M64 m) { return negate_where(x, U64 PYINIT_BOTH(m.v[0], m.v[1])); }
  PYINIT_OPERATION F64 choose_negated(M64 m, F64 yes, F64 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F64 choose(M64 m, F64 yes, F64 no) {
    return PYINIT_BOTH(_mm256_blendv_pd(no.v[0], yes.v[0], _mm256_castsi256_pd(m.v[0])),
                       _mm256_blendv_pd(no.v[1], yes.v[1], _mm256_castsi256_pd(m.v[1])));
  }
  // high * 2^32 and low are exact as doubles; their sum is the one rounding.
  PYINIT_OPERATION __m256d from_unsigned_wide(__m256i x) {
    const __m256i low = _mm256_blend_epi32(x, _mm256_set1_epi64x(0x4330000000000000), 0xAA);
    const __m256i high = _mm256_or_si256(_mm256_srli_epi64(x, 32), _mm256_set1_epi64x(0x4530000000000000));
    const __m256d shifted = _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1.00000001p84));
    return _mm256_add_pd(_mm256_castsi256_pd(low), shifted);
  }
  PYINIT_OPERATION F64 from_unsigned(U64 x) {
    return PYINIT_BOTH(from_unsigned_wide(x.v[0]), from_unsigned_wide(x.v[1]));
  }
  PYINIT_OPERATION __m256d from_signed_half(__m256i x) {
    const __m256i low = _mm256_blend_epi32(x, _mm256_set1_epi64x(0x4330000000000000), 0xAA);
    const __m256i high = _mm256_xor_si256(_mm256_srli_epi64(x, 32), _mm256_set1_epi64x(0x4530000080000000));
    const __m256d shifted =
        _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1.00000001p84 + 0x1p63));
    return _mm256_add_pd(_mm256_castsi256_pd(low), shifted);
  }
  PYINIT_OPERATION F64 from_signed(U64 x) {
    return PYINIT_BOTH(from_signed_half(x.v[0]), from_signed_half(x.v[1]));
  }
  PYINIT_OPERATION U64 bits(F64 x) {
    return PYINIT_BOTH(_mm256_castpd_si256(x.v[0]), _mm256_castpd_si256(x.v[1]));
  }
  PYINIT_OPERATION F64 as_float(U64 x) {
    return PYINIT_BOTH(_mm256_castsi256_pd(x.v[0]), _mm256_castsi256_pd(x.v[1]));
  }
  PYINIT_OPERATION U64 add(U64 a, U64 b) {
    return PYINIT_BOTH(_mm256_add_epi64(a.v[0], b.v[0]), _mm256_add_epi64(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION U64 sub(U64 a, U64 b) {
    return PYINIT_BOTH(_mm256_sub_epi64(a.v[0], b.v[0]), _mm256_sub_epi64(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION U64 bit_and(U64 a, U64 b) {
    return PYINIT_BOTH(_mm256_and_si256(a.v[0], b.v[0]), _mm256_and_si256(a.v[1], b.v[1]));
  }
  PYINIT_OPERATION U64 bit_xor(U64 a, U64 b) {
    return PYINIT_BOTH(_mm256_xor_si256(a.v[0], b.v[0]), _mm256_xor_si256(a.v[1], b.v[1]));
  }
  template <int kCount>
  PYINIT_OPERATION U64 shift_left(U64 a) {
    return PYINIT_BOTH(_mm256_slli_epi64(a.v[0], kCount), _mm256_slli_epi64(a.v[1], kCount));
  }
  PYINIT_OPERATION U64 complement_where(U64 a, M64 m) {
    return PYINIT_BOTH(_mm256_xor_si256(a.v[0], m.v[0]), _mm256_xor_si256(a.v[1], m.v[1]));
  }
  PYINIT_OPERATION M64 below(U64 a, U64 b) {
    const __m256i flip = _mm256_set1_epi64x(INT64_MIN);
    return PYINIT_BOTH(_mm256_cmpgt_epi64(_mm256_xor_si256(b.v[0], flip), _mm256_xor_si256(a.v[0], flip)),
                       _mm256_cmpgt_epi64(_mm256_xor_si256(b.v[1], flip), _mm256_xor_si256(a.v[1], flip)));
  }
  PYINIT_OPERATION M64 below(F64 a, F64 b) {
    return PYINIT_BOTH(_mm256_castpd_si256(_mm256_cmp_pd(a.v[0], b.v[0], _CMP_LT_OQ)),
                       _mm256_castpd_si256(_mm256_cmp_pd(a.v[1], b.v[1], _CMP_LT_OQ)));
  }
  PYINIT_OPERATION M64 has_bit(U64 a, U64 bit) {
    return PYINIT_BOTH(_mm256_cmpeq_epi64(_mm256_and_si256(a.v[0], bit.v[0]), bit.v[0]),
                       _mm256_cmpeq_epi64(_mm256_and_si256(a.v[1], bit.v[1]), bit.v[1]));
  }
  PYINIT_OPERATION M64 invert(M64 m) {
    const __m256i ones = _mm256_set1_epi32(-1);
    return PYINIT_BOTH(_mm256_xor_si256(m.v[0], ones), _mm256_xor_si256(m.v[1], ones));
  }
  PYINIT_OPERATION bool every(M64 m) { return _mm256_movemask_epi8(_mm256_and_si256(m.v[0], m.v[1])) == -1; }

  // Narrowing and streaming

  PYINIT_OPERATION __m256i bfloat16_half(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
  }
  PYINIT_OPERATION void store_bfloat16(void* out, F32 x) {
    const __m256i packed = _mm256_packus_epi32(bfloat16_half(x.v[0]), bfloat16_half(x.v[1]));
    _mm256_storeu_si256(static_cast<__m256i*>(out), _mm256_permute4x64_epi64(packed, 0xD8));
  }
  PYINIT_OPERATION void store_float16(void* out, F32 x) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    auto* p = static_cast<__m128i*>(out);
    _mm_storeu_si128(p, _mm256_cvtps_ph(x.v[0], kNearest));
    _mm_storeu_si128(p + 1, _mm256_cvtps_ph(x.v[1], kNearest));
  }
  PYINIT_OPERATION void stream_line(void* out, const void* from) {
    auto* to = static_cast<__m256i*>(out);
    const auto* p = static_cast<const __m256i*>(from);
    _mm256_stream_si256(to, _mm256_loadu_si256(p));
    _mm256_stream_si256(to + 1, _mm256_loadu_si256(p + 1));
  }
  PYINIT_OPERATION void stream_fence() { _mm_sfence(); }

#undef PYINIT_BOTH
};

static_assert(InstructionSet<Avx2>);

}  // namespace pyinit::simd
