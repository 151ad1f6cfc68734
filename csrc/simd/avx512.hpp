// The vector operations kernels are written in, for AVX-512 (F, DQ, BW, VL): some registers a vector. Avx512
// has two.
// Why two: the polynomials are chains of fma, and the scheduler sees about a hundred operations ahead; two
// chains side by side keep both vector ports busy (1.2 times the rate of one). What each name means is
// written once, in interface.hpp.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "simd/interface.hpp"
#include "strict_math.hpp"

namespace pyinit::simd {

template <int kRegisters>
struct Avx512Of {
  static constexpr const char* kName = "avx512";
  static constexpr int kLanes = 16 * kRegisters;
  static constexpr int kBlocks = 8 * kRegisters;
  // 24 registers of sums, 2 of a row, 1 of a factor.
  static constexpr int kTileRows = 12;
  // Two groups of 16 blocks are the four chains of Philox that measured best.
  static constexpr int kGroups = 2;
  // A logarithm and the quantile after it are a chain of 130 cycles: four of them side by side.
  using Words = Avx512Of<2>;
  using Chains = Avx512Of<4>;

  struct F32 {
    __m512 v[kRegisters];
  };
  struct F64 {
    __m512d v[kRegisters];
  };
  struct U32 {
    __m512i v[kRegisters];
  };
  struct U64 {
    __m512i v[kRegisters];
  };
  struct Word {
    __m512i v[kRegisters];
  };
  struct M32 {
    __mmask16 v[kRegisters];
  };
  struct M64 {
    __mmask8 v[kRegisters];
  };

  template <class R, class Function, int... kIndex>
  PYINIT_OPERATION R each_of(Function function, std::integer_sequence<int, kIndex...>) {
    return {{function(kIndex)...}};
  }
  // One register after the other.
  template <class R, class Function>
  PYINIT_OPERATION R each(Function function) {
    return each_of<R>(function, std::make_integer_sequence<int, kRegisters>{});
  }

  // Philox blocks. Lane order 0 4 1 5 2 6 3 7 in each register: the 128-bit interleaves below restore element
  // order.

  PYINIT_OPERATION U64 block_counters(uint64_t first) {
    const __m512i base = _mm512_set1_epi64(static_cast<long long>(first));
    return each<U64>([=](int i) {
      const long long k = 8 * i;
      return _mm512_add_epi64(base, _mm512_set_epi64(k + 7, k + 3, k + 6, k + 2, k + 5, k + 1, k + 4, k));
    });
  }
  PYINIT_OPERATION U64 load_counters(const uint64_t* blocks) {
    const __m512i order = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
    return each<U64>(
        [=](int i) { return _mm512_permutexvar_epi64(order, _mm512_loadu_si512(blocks + 8 * i)); });
  }
  PYINIT_OPERATION Word all_words(uint32_t x) {
    return each<Word>([=](int) { return _mm512_set1_epi64(x); });
  }
  PYINIT_OPERATION U64 multiply_words(Word a, Word b) {
    return each<U64>([&](int i) { return _mm512_mul_epu32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION Word low_word(U64 a) {
    return each<Word>([&](int i) { return a.v[i]; });
  }
  PYINIT_OPERATION Word high_word(U64 a) {
    return each<Word>([&](int i) { return _mm512_srli_epi64(a.v[i], 32); });
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b) {
    return each<Word>([&](int i) { return _mm512_xor_si512(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b, Word c) {
    return each<Word>([&](int i) { return _mm512_ternarylogic_epi64(a.v[i], b.v[i], c.v[i], 0x96); });
  }
  PYINIT_OPERATION U32 pair32(Word even, Word odd) {
    // One masked shuffle instead of a shift and a blend: dwords 0 0 2 2 of `odd`, kept in the odd places.
    return each<U32>(
        [&](int i) { return _mm512_mask_shuffle_epi32(even.v[i], 0xAAAA, odd.v[i], _MM_PERM_CCAA); });
  }
  PYINIT_OPERATION U64 pair64(Word low, Word high) {
    const U32 paired = pair32(low, high);
    return each<U64>([&](int i) { return paired.v[i]; });
  }
  PYINIT_OPERATION U32 in_order(int k, U32 words01, U32 words23) {
    return each<U32>([&](int i) {
      const int from = (k * kRegisters + i) / 2;
      return (k * kRegisters + i) % 2 == 0 ? _mm512_unpacklo_epi64(words01.v[from], words23.v[from])
                                           : _mm512_unpackhi_epi64(words01.v[from], words23.v[from]);
    });
  }
  PYINIT_OPERATION void store_alternating(float* out, F32 even, F32 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      _mm512_storeu_ps(out + 32 * i, _mm512_unpacklo_ps(even.v[i], odd.v[i]));
      _mm512_storeu_ps(out + 32 * i + 16, _mm512_unpackhi_ps(even.v[i], odd.v[i]));
    }
  }
  PYINIT_OPERATION void store_alternating(double* out, F64 even, F64 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      _mm512_storeu_pd(out + 16 * i, _mm512_unpacklo_pd(even.v[i], odd.v[i]));
      _mm512_storeu_pd(out + 16 * i + 8, _mm512_unpackhi_pd(even.v[i], odd.v[i]));
    }
  }

  // 32 bits

  PYINIT_OPERATION F32 all(float x) {
    return each<F32>([=](int) { return _mm512_set1_ps(x); });
  }
  PYINIT_OPERATION U32 all(uint32_t x) {
    return each<U32>([=](int) { return _mm512_set1_epi32(static_cast<int>(x)); });
  }
  PYINIT_OPERATION F32 load(const float* p) {
    return each<F32>([=](int i) { return _mm512_loadu_ps(p + 16 * i); });
  }
  PYINIT_OPERATION void store(float* p, F32 x) {
    for (int i = 0; i < kRegisters; ++i) _mm512_storeu_ps(p + 16 * i, x.v[i]);
  }
  PYINIT_OPERATION F32 add(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm512_add_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 sub(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm512_sub_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 mul(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm512_mul_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 div(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm512_div_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 fma(F32 a, F32 b, F32 c) {
    return each<F32>([&](int i) { return _mm512_fmadd_ps(a.v[i], b.v[i], c.v[i]); });
  }
  PYINIT_OPERATION F32 sqrt(F32 a) {
    return each<F32>([&](int i) { return _mm512_sqrt_ps(a.v[i]); });
  }
  PYINIT_OPERATION F32 clamp(F32 x, F32 low, F32 high) {
    return each<F32>([&](int i) { return _mm512_min_ps(_mm512_max_ps(x.v[i], low.v[i]), high.v[i]); });
  }
  // These instructions return their second operand where one is NaN and where both are zero.
  PYINIT_OPERATION F32 at_least(F32 x, F32 low) {
    return each<F32>([&](int i) { return _mm512_max_ps(low.v[i], x.v[i]); });
  }
  PYINIT_OPERATION F32 at_most(F32 x, F32 high) {
    return each<F32>([&](int i) { return _mm512_min_ps(high.v[i], x.v[i]); });
  }
  PYINIT_OPERATION F32 negate_where(F32 x, U32 sign) {
    return each<F32>([&](int i) {
      return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(x.v[i]), sign.v[i],
                                                           _mm512_set1_epi32(INT32_MIN), 0x78));
    });
  }
  PYINIT_OPERATION F32 negate_where(F32 x, M32 m) {
    return each<F32>([&](int i) {
      const __m512i bits = _mm512_castps_si512(x.v[i]);
      return _mm512_castsi512_ps(_mm512_mask_xor_epi32(bits, m.v[i], bits, _mm512_set1_epi32(INT32_MIN)));
    });
  }
  PYINIT_OPERATION F32 choose_negated(M32 m, F32 yes, F32 no) {
    return each<F32>(
        [&](int i) { return _mm512_mask_sub_ps(no.v[i], m.v[i], _mm512_setzero_ps(), yes.v[i]); });
  }
  PYINIT_OPERATION F32 choose(M32 m, F32 yes, F32 no) {
    return each<F32>([&](int i) { return _mm512_mask_blend_ps(m.v[i], no.v[i], yes.v[i]); });
  }
  PYINIT_OPERATION F32 from_unsigned(U32 x) {
    return each<F32>([&](int i) { return _mm512_cvtepu32_ps(x.v[i]); });
  }
  PYINIT_OPERATION F32 from_signed(U32 x) {
    return each<F32>([&](int i) { return _mm512_cvtepi32_ps(x.v[i]); });
  }
  PYINIT_OPERATION U32 bits(F32 x) {
    return each<U32>([&](int i) { return _mm512_castps_si512(x.v[i]); });
  }
  PYINIT_OPERATION F32 as_float(U32 x) {
    return each<F32>([&](int i) { return _mm512_castsi512_ps(x.v[i]); });
  }
  PYINIT_OPERATION U32 add(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm512_add_epi32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 sub(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm512_sub_epi32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 bit_and(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm512_and_si512(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 bit_xor(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm512_xor_si512(a.v[i], b.v[i]); });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_left(U32 a) {
    return each<U32>([&](int i) { return _mm512_slli_epi32(a.v[i], kCount); });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_right(U32 a) {
    return each<U32>([&](int i) { return _mm512_srli_epi32(a.v[i], kCount); });
  }
  PYINIT_OPERATION U32 mul(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm512_mullo_epi32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 smaller(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm512_min_epu32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 larger(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm512_max_epu32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 choose(U32 bits, U32 yes, U32 no) {
    return each<U32>(
        [&](int i) { return _mm512_mask_blend_epi32(_mm512_movepi32_mask(bits.v[i]), no.v[i], yes.v[i]); });
  }
  PYINIT_OPERATION U32 choose(M32 m, U32 yes, U32 no) {
    return each<U32>([&](int i) { return _mm512_mask_blend_epi32(m.v[i], no.v[i], yes.v[i]); });
  }
  PYINIT_OPERATION U32 load(const uint32_t* p) {
    return each<U32>([=](int i) { return _mm512_loadu_si512(p + 16 * i); });
  }
  PYINIT_OPERATION void store(uint32_t* p, U32 x) {
    for (int i = 0; i < kRegisters; ++i) _mm512_storeu_si512(p + 16 * i, x.v[i]);
  }
  PYINIT_OPERATION U32 complement_where(U32 a, M32 m) {
    return each<U32>(
        [&](int i) { return _mm512_mask_xor_epi32(a.v[i], m.v[i], a.v[i], _mm512_set1_epi32(-1)); });
  }
  PYINIT_OPERATION M32 below(U32 a, U32 b) {
    return each<M32>([&](int i) { return _mm512_cmplt_epu32_mask(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION M32 below(F32 a, F32 b) {
    return each<M32>([&](int i) { return _mm512_cmp_ps_mask(a.v[i], b.v[i], _CMP_LT_OQ); });
  }
  PYINIT_OPERATION M32 has_bit(U32 a, U32 bit) {
    return each<M32>([&](int i) { return _mm512_test_epi32_mask(a.v[i], bit.v[i]); });
  }
  PYINIT_OPERATION M32 invert(M32 m) {
    return each<M32>([&](int i) { return static_cast<__mmask16>(~m.v[i]); });
  }
  PYINIT_OPERATION bool every(M32 m) {
    bool result = true;
    for (__mmask16 lanes : m.v) result &= lanes == 0xFFFF;
    return result;
  }

  // 64 bits

  PYINIT_OPERATION F64 all(double x) {
    return each<F64>([=](int) { return _mm512_set1_pd(x); });
  }
  PYINIT_OPERATION U64 all64(uint64_t x) {
    return each<U64>([=](int) { return _mm512_set1_epi64(static_cast<long long>(x)); });
  }
  PYINIT_OPERATION F64 load(const double* p) {
    return each<F64>([=](int i) { return _mm512_loadu_pd(p + 8 * i); });
  }
  PYINIT_OPERATION void store(double* p, F64 x) {
    for (int i = 0; i < kRegisters; ++i) _mm512_storeu_pd(p + 8 * i, x.v[i]);
  }
  PYINIT_OPERATION F64 widen(const float* p) {
    return each<F64>([=](int i) { return _mm512_cvtps_pd(_mm256_loadu_ps(p + 8 * i)); });
  }
  PYINIT_OPERATION U64 truncate(F64 x) {
    return each<U64>([&](int i) { return _mm512_cvttpd_epi64(x.v[i]); });
  }
  PYINIT_OPERATION void store(uint64_t* p, U64 x) {
    for (int i = 0; i < kRegisters; ++i) _mm512_storeu_si512(p + 8 * i, x.v[i]);
  }
  PYINIT_OPERATION F64 add(F64 a, F64 b) {
    return each<F64>([&](int i) { return _mm512_add_pd(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 mul(F64 a, F64 b) {
    return each<F64>([&](int i) { return _mm512_mul_pd(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 div(F64 a, F64 b) {
    return each<F64>([&](int i) { return _mm512_div_pd(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 fma(F64 a, F64 b, F64 c) {
    return each<F64>([&](int i) { return _mm512_fmadd_pd(a.v[i], b.v[i], c.v[i]); });
  }
  PYINIT_OPERATION F64 sqrt(F64 a) {
    return each<F64>([&](int i) { return _mm512_sqrt_pd(a.v[i]); });
  }
  PYINIT_OPERATION F64 clamp(F64 x, F64 low, F64 high) {
    return each<F64>([&](int i) { return _mm512_min_pd(_mm512_max_pd(x.v[i], low.v[i]), high.v[i]); });
  }
  PYINIT_OPERATION F64 negate_where(F64 x, U64 sign) {
    return each<F64>([&](int i) {
      return _mm512_castsi512_pd(_mm512_ternarylogic_epi64(_mm512_castpd_si512(x.v[i]), sign.v[i],
                                                           _mm512_set1_epi64(INT64_MIN), 0x78));
    });
  }
  PYINIT_OPERATION F64 negate_where(F64 x, M64 m) {
    return each<F64>([&](int i) {
      const __m512i bits = _mm512_castpd_si512(x.v[i]);
      return _mm512_castsi512_pd(_mm512_mask_xor_epi64(bits, m.v[i], bits, _mm512_set1_epi64(INT64_MIN)));
    });
  }
  PYINIT_OPERATION F64 choose_negated(M64 m, F64 yes, F64 no) {
    return each<F64>(
        [&](int i) { return _mm512_mask_sub_pd(no.v[i], m.v[i], _mm512_setzero_pd(), yes.v[i]); });
  }
  PYINIT_OPERATION F64 choose(M64 m, F64 yes, F64 no) {
    return each<F64>([&](int i) { return _mm512_mask_blend_pd(m.v[i], no.v[i], yes.v[i]); });
  }
  PYINIT_OPERATION F64 from_unsigned(U64 x) {
    return each<F64>([&](int i) { return _mm512_cvtepu64_pd(x.v[i]); });
  }
  PYINIT_OPERATION F64 from_signed(U64 x) {
    return each<F64>([&](int i) { return _mm512_cvtepi64_pd(x.v[i]); });
  }
  PYINIT_OPERATION U64 bits(F64 x) {
    return each<U64>([&](int i) { return _mm512_castpd_si512(x.v[i]); });
  }
  PYINIT_OPERATION F64 as_float(U64 x) {
    return each<F64>([&](int i) { return _mm512_castsi512_pd(x.v[i]); });
  }
  PYINIT_OPERATION U64 add(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm512_add_epi64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 sub(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm512_sub_epi64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 bit_and(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm512_and_si512(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 bit_xor(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm512_xor_si512(a.v[i], b.v[i]); });
  }
  template <int kCount>
  PYINIT_OPERATION U64 shift_left(U64 a) {
    return each<U64>([&](int i) { return _mm512_slli_epi64(a.v[i], kCount); });
  }
  PYINIT_OPERATION U64 complement_where(U64 a, M64 m) {
    return each<U64>(
        [&](int i) { return _mm512_mask_xor_epi64(a.v[i], m.v[i], a.v[i], _mm512_set1_epi64(-1)); });
  }
  PYINIT_OPERATION M64 below(U64 a, U64 b) {
    return each<M64>([&](int i) { return _mm512_cmplt_epu64_mask(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION M64 below(F64 a, F64 b) {
    return each<M64>([&](int i) { return _mm512_cmp_pd_mask(a.v[i], b.v[i], _CMP_LT_OQ); });
  }
  PYINIT_OPERATION M64 has_bit(U64 a, U64 bit) {
    return each<M64>([&](int i) { return _mm512_test_epi64_mask(a.v[i], bit.v[i]); });
  }
  PYINIT_OPERATION M64 invert(M64 m) {
    return each<M64>([&](int i) { return static_cast<__mmask8>(~m.v[i]); });
  }
  PYINIT_OPERATION bool every(M64 m) {
    bool result = true;
    for (__mmask8 lanes : m.v) result &= lanes == 0xFF;
    return result;
  }

  // Narrowing and streaming

  // Not vcvtneps2bf16: it flushes subnormals.
  PYINIT_OPERATION void store_bfloat16(void* out, F32 x) {
    for (int i = 0; i < kRegisters; ++i) {
      const __m512i bits = _mm512_castps_si512(x.v[i]);
      const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
      const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
      _mm256_storeu_si256(static_cast<__m256i*>(out) + i,
                          _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
    }
  }
  PYINIT_OPERATION void store_float16(void* out, F32 x) {
    for (int i = 0; i < kRegisters; ++i) {
      _mm256_storeu_si256(static_cast<__m256i*>(out) + i,
                          _mm512_cvtps_ph(x.v[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
  }
  PYINIT_OPERATION void stream_register(void* out, __m512i x) {
    _mm512_stream_si512(static_cast<__m512i*>(out), x);
  }
  PYINIT_OPERATION void stream_line(void* out, const void* from) {
    stream_register(out, _mm512_loadu_si512(from));
  }
  PYINIT_OPERATION void store(PastCache<float> p, F32 x) {
    for (int i = 0; i < kRegisters; ++i) stream_register(p.memory + 16 * i, _mm512_castps_si512(x.v[i]));
  }
  PYINIT_OPERATION void store(PastCache<double> p, F64 x) {
    for (int i = 0; i < kRegisters; ++i) stream_register(p.memory + 8 * i, _mm512_castpd_si512(x.v[i]));
  }
  PYINIT_OPERATION void store(PastCache<uint32_t> p, U32 x) {
    for (int i = 0; i < kRegisters; ++i) stream_register(p.memory + 16 * i, x.v[i]);
  }
  PYINIT_OPERATION void store_alternating(PastCache<float> out, F32 even, F32 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      const __m512i x = _mm512_castps_si512(even.v[i]), y = _mm512_castps_si512(odd.v[i]);
      stream_register(out.memory + 32 * i, _mm512_unpacklo_epi32(x, y));
      stream_register(out.memory + 32 * i + 16, _mm512_unpackhi_epi32(x, y));
    }
  }
  PYINIT_OPERATION void store_alternating(PastCache<double> out, F64 even, F64 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      const __m512i x = _mm512_castpd_si512(even.v[i]), y = _mm512_castpd_si512(odd.v[i]);
      stream_register(out.memory + 16 * i, _mm512_unpacklo_epi64(x, y));
      stream_register(out.memory + 16 * i + 8, _mm512_unpackhi_epi64(x, y));
    }
  }
  PYINIT_OPERATION void stream_fence() { _mm_sfence(); }
};

using Avx512 = Avx512Of<2>;

static_assert(InstructionSet<Avx512>);
static_assert(StagedSet<Avx512>);

}  // namespace pyinit::simd
