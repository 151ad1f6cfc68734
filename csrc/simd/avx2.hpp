// The vector operations kernels are written in, for AVX2 with FMA and F16C: some registers a vector.
// Why not one number of registers: as many independent chains as a step needs to keep the ports busy, and no
// more than the 16 registers hold, differ from step to step (fill/staged.hpp). Avx2 has two.
// The unsigned and 64-bit conversions that AVX2 lacks are put together from exact halves and one rounding
// add. What each name means is written once, in interface.hpp.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "simd/interface.hpp"
#include "strict_math.hpp"

namespace pyinit::simd {

template <int kRegisters>
struct Avx2Of {
  static constexpr const char* kName = "avx2";
  // Three chains of Philox, one register each, just fit into the 16 registers. Values need some of these,
  // too: a group of two registers is drawn alone.
  static constexpr int kGroups = kRegisters == 1 ? 3 : 1;
  static constexpr int kLanes = 8 * kRegisters;
  static constexpr int kBlocks = 4 * kRegisters;
  // 12 registers of sums, 2 of a row, 1 of a factor.
  static constexpr int kTileRows = 6;
  // A loop of nothing but polynomials has room for four chains.
  using Words = Avx2Of<1>;
  using Chains = Avx2Of<4>;

  struct F32 {
    __m256 v[kRegisters];
  };
  struct F64 {
    __m256d v[kRegisters];
  };
  struct U32 {
    __m256i v[kRegisters];
  };
  struct U64 {
    __m256i v[kRegisters];
  };
  struct Word {
    __m256i v[kRegisters];
  };
  struct M32 {
    __m256i v[kRegisters];
  };
  struct M64 {
    __m256i v[kRegisters];
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

  // Philox blocks. Lane order 0 2 1 3 in each register: the 128-bit interleaves below restore element
  // order.

  PYINIT_OPERATION U64 block_counters(uint64_t first) {
    const __m256i base = _mm256_set1_epi64x(static_cast<long long>(first));
    return each<U64>([=](int i) {
      const long long k = 4 * i;
      return _mm256_add_epi64(base, _mm256_set_epi64x(k + 3, k + 1, k + 2, k));
    });
  }
  PYINIT_OPERATION U64 load_counters(const uint64_t* blocks) {
    const auto* p = reinterpret_cast<const __m256i*>(blocks);
    return each<U64>([=](int i) { return _mm256_permute4x64_epi64(_mm256_loadu_si256(p + i), 0xD8); });
  }
  PYINIT_OPERATION Word all_words(uint32_t x) {
    const __m256i v = _mm256_set1_epi64x(x);
    return each<Word>([=](int) { return v; });
  }
  PYINIT_OPERATION U64 multiply_words(Word a, Word b) {
    return each<U64>([&](int i) { return _mm256_mul_epu32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION Word low_word(U64 a) {
    return each<Word>([&](int i) { return a.v[i]; });
  }
  PYINIT_OPERATION Word high_word(U64 a) {
    return each<Word>([&](int i) { return _mm256_srli_epi64(a.v[i], 32); });
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b) {
    return each<Word>([&](int i) { return _mm256_xor_si256(a.v[i], b.v[i]); });
  }
  // b ^ c first: in a round of Philox they are known long before a, which the next round waits for. GCC would
  // put a first, and put off the second xor for so long that it runs out of registers; it moves nothing
  // past an asm that uses it.
  PYINIT_OPERATION Word bit_xor(Word a, Word b, Word c) {
    return each<Word>([&](int i) {
      __m256i known = _mm256_xor_si256(b.v[i], c.v[i]);
      asm("" : "+x"(known));
      __m256i result = _mm256_xor_si256(a.v[i], known);
      asm("" : "+x"(result));
      return result;
    });
  }
  PYINIT_OPERATION U32 pair32(Word even, Word odd) {
    return each<U32>(
        [&](int i) { return _mm256_blend_epi32(even.v[i], _mm256_slli_epi64(odd.v[i], 32), 0xAA); });
  }
  PYINIT_OPERATION U64 pair64(Word low, Word high) {
    const U32 x = pair32(low, high);
    return each<U64>([&](int i) { return x.v[i]; });
  }
  PYINIT_OPERATION U32 in_order(int k, U32 words01, U32 words23) {
    return each<U32>([&](int i) {
      const int from = (k * kRegisters + i) / 2;
      return (k * kRegisters + i) % 2 == 0 ? _mm256_unpacklo_epi64(words01.v[from], words23.v[from])
                                           : _mm256_unpackhi_epi64(words01.v[from], words23.v[from]);
    });
  }
  PYINIT_OPERATION void store_alternating(float* out, F32 even, F32 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      _mm256_storeu_ps(out + 16 * i, _mm256_unpacklo_ps(even.v[i], odd.v[i]));
      _mm256_storeu_ps(out + 16 * i + 8, _mm256_unpackhi_ps(even.v[i], odd.v[i]));
    }
  }
  PYINIT_OPERATION void store_alternating(double* out, F64 even, F64 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      _mm256_storeu_pd(out + 8 * i, _mm256_unpacklo_pd(even.v[i], odd.v[i]));
      _mm256_storeu_pd(out + 8 * i + 4, _mm256_unpackhi_pd(even.v[i], odd.v[i]));
    }
  }

  // 32 bits

  PYINIT_OPERATION F32 all(float x) {
    return each<F32>([=](int) { return _mm256_set1_ps(x); });
  }
  PYINIT_OPERATION U32 all(uint32_t x) {
    const __m256i v = _mm256_set1_epi32(static_cast<int>(x));
    return each<U32>([=](int) { return v; });
  }
  PYINIT_OPERATION F32 load(const float* p) {
    return each<F32>([=](int i) { return _mm256_loadu_ps(p + 8 * i); });
  }
  PYINIT_OPERATION void store(float* p, F32 x) {
    for (int i = 0; i < kRegisters; ++i) _mm256_storeu_ps(p + 8 * i, x.v[i]);
  }
  PYINIT_OPERATION F32 add(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm256_add_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 sub(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm256_sub_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 mul(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm256_mul_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 div(F32 a, F32 b) {
    return each<F32>([&](int i) { return _mm256_div_ps(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 fma(F32 a, F32 b, F32 c) {
    return each<F32>([&](int i) { return _mm256_fmadd_ps(a.v[i], b.v[i], c.v[i]); });
  }
  PYINIT_OPERATION F32 sqrt(F32 a) {
    return each<F32>([&](int i) { return _mm256_sqrt_ps(a.v[i]); });
  }
  PYINIT_OPERATION F32 clamp(F32 x, F32 low, F32 high) {
    return each<F32>([&](int i) { return _mm256_min_ps(_mm256_max_ps(x.v[i], low.v[i]), high.v[i]); });
  }
  // These instructions return their second operand where one is NaN and where both are zero.
  PYINIT_OPERATION F32 at_least(F32 x, F32 low) {
    return each<F32>([&](int i) { return _mm256_max_ps(low.v[i], x.v[i]); });
  }
  PYINIT_OPERATION F32 at_most(F32 x, F32 high) {
    return each<F32>([&](int i) { return _mm256_min_ps(high.v[i], x.v[i]); });
  }
  PYINIT_OPERATION F32 negate_where(F32 x, U32 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all(0x80000000U))));
  }
  PYINIT_OPERATION F32 negate_where(F32 x, M32 m) {
    return negate_where(x, each<U32>([&](int i) { return m.v[i]; }));
  }
  PYINIT_OPERATION F32 choose_negated(M32 m, F32 yes, F32 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F32 choose(M32 m, F32 yes, F32 no) {
    return each<F32>([&](int i) { return _mm256_blendv_ps(no.v[i], yes.v[i], _mm256_castsi256_ps(m.v[i])); });
  }
  // high * 2^16 and low are exact as floats; their sum is the one rounding.
  PYINIT_OPERATION __m256 from_unsigned_half(__m256i x) {
    const __m256i low = _mm256_blend_epi16(x, _mm256_set1_epi32(0x4B000000), 0xAA);
    const __m256i high = _mm256_blend_epi16(_mm256_srli_epi32(x, 16), _mm256_set1_epi32(0x53000000), 0xAA);
    const __m256 shifted = _mm256_sub_ps(_mm256_castsi256_ps(high), _mm256_set1_ps(0x1.0001p39F));
    return _mm256_add_ps(_mm256_castsi256_ps(low), shifted);
  }
  PYINIT_OPERATION F32 from_unsigned(U32 x) {
    return each<F32>([&](int i) { return from_unsigned_half(x.v[i]); });
  }
  PYINIT_OPERATION F32 from_signed(U32 x) {
    return each<F32>([&](int i) { return _mm256_cvtepi32_ps(x.v[i]); });
  }
  PYINIT_OPERATION U32 bits(F32 x) {
    return each<U32>([&](int i) { return _mm256_castps_si256(x.v[i]); });
  }
  PYINIT_OPERATION F32 as_float(U32 x) {
    return each<F32>([&](int i) { return _mm256_castsi256_ps(x.v[i]); });
  }
  PYINIT_OPERATION U32 add(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm256_add_epi32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 sub(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm256_sub_epi32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 bit_and(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm256_and_si256(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 bit_xor(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm256_xor_si256(a.v[i], b.v[i]); });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_left(U32 a) {
    return each<U32>([&](int i) { return _mm256_slli_epi32(a.v[i], kCount); });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_right(U32 a) {
    return each<U32>([&](int i) { return _mm256_srli_epi32(a.v[i], kCount); });
  }
  PYINIT_OPERATION U32 mul(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm256_mullo_epi32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 smaller(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm256_min_epu32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 larger(U32 a, U32 b) {
    return each<U32>([&](int i) { return _mm256_max_epu32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 choose(U32 bits, U32 yes, U32 no) {
    return each<U32>([&](int i) {
      return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(no.v[i]), _mm256_castsi256_ps(yes.v[i]),
                                                  _mm256_castsi256_ps(bits.v[i])));
    });
  }
  PYINIT_OPERATION U32 choose(M32 m, U32 yes, U32 no) {
    return each<U32>([&](int i) { return _mm256_blendv_epi8(no.v[i], yes.v[i], m.v[i]); });
  }
  PYINIT_OPERATION U32 load(const uint32_t* p) {
    const auto* from = reinterpret_cast<const __m256i*>(p);
    return each<U32>([=](int i) { return _mm256_loadu_si256(from + i); });
  }
  PYINIT_OPERATION void store(uint32_t* p, U32 x) {
    auto* to = reinterpret_cast<__m256i*>(p);
    for (int i = 0; i < kRegisters; ++i) _mm256_storeu_si256(to + i, x.v[i]);
  }
  PYINIT_OPERATION U32 complement_where(U32 a, M32 m) {
    return each<U32>([&](int i) { return _mm256_xor_si256(a.v[i], m.v[i]); });
  }
  PYINIT_OPERATION M32 below(U32 a, U32 b) {
    const __m256i flip = _mm256_set1_epi32(INT32_MIN);
    return each<M32>([&](int i) {
      return _mm256_cmpgt_epi32(_mm256_xor_si256(b.v[i], flip), _mm256_xor_si256(a.v[i], flip));
    });
  }
  PYINIT_OPERATION M32 below(F32 a, F32 b) {
    return each<M32>([&](int i) { return _mm256_castps_si256(_mm256_cmp_ps(a.v[i], b.v[i], _CMP_LT_OQ)); });
  }
  PYINIT_OPERATION M32 has_bit(U32 a, U32 bit) {
    return each<M32>([&](int i) { return _mm256_cmpeq_epi32(_mm256_and_si256(a.v[i], bit.v[i]), bit.v[i]); });
  }
  PYINIT_OPERATION M32 invert(M32 m) {
    const __m256i ones = _mm256_set1_epi32(-1);
    return each<M32>([&](int i) { return _mm256_xor_si256(m.v[i], ones); });
  }
  PYINIT_OPERATION bool every(M32 m) {
    __m256i all_of = m.v[0];
    for (int i = 1; i < kRegisters; ++i) all_of = _mm256_and_si256(all_of, m.v[i]);
    return _mm256_movemask_epi8(all_of) == -1;
  }

  // 64 bits

  PYINIT_OPERATION F64 all(double x) {
    return each<F64>([=](int) { return _mm256_set1_pd(x); });
  }
  PYINIT_OPERATION U64 all64(uint64_t x) {
    const __m256i v = _mm256_set1_epi64x(static_cast<long long>(x));
    return each<U64>([=](int) { return v; });
  }
  PYINIT_OPERATION F64 load(const double* p) {
    return each<F64>([=](int i) { return _mm256_loadu_pd(p + 4 * i); });
  }
  PYINIT_OPERATION void store(double* p, F64 x) {
    for (int i = 0; i < kRegisters; ++i) _mm256_storeu_pd(p + 4 * i, x.v[i]);
  }
  PYINIT_OPERATION F64 widen(const float* p) {
    return each<F64>([=](int i) { return _mm256_cvtps_pd(_mm_loadu_ps(p + 4 * i)); });
  }
  // Between 2^52 and 2^53 the low bits of a double are the integer that it is beyond 2^52.
  PYINIT_OPERATION U64 truncate(F64 x) {
    const __m256d beyond = _mm256_set1_pd(0x1p52);
    return each<U64>([&](int i) {
      const __m256d whole = _mm256_round_pd(x.v[i], _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
      return _mm256_castpd_si256(_mm256_xor_pd(_mm256_add_pd(whole, beyond), beyond));
    });
  }
  PYINIT_OPERATION void store(uint64_t* p, U64 x) {
    auto* to = reinterpret_cast<__m256i*>(p);
    for (int i = 0; i < kRegisters; ++i) _mm256_storeu_si256(to + i, x.v[i]);
  }
  PYINIT_OPERATION F64 add(F64 a, F64 b) {
    return each<F64>([&](int i) { return _mm256_add_pd(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 mul(F64 a, F64 b) {
    return each<F64>([&](int i) { return _mm256_mul_pd(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 div(F64 a, F64 b) {
    return each<F64>([&](int i) { return _mm256_div_pd(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 fma(F64 a, F64 b, F64 c) {
    return each<F64>([&](int i) { return _mm256_fmadd_pd(a.v[i], b.v[i], c.v[i]); });
  }
  PYINIT_OPERATION F64 sqrt(F64 a) {
    return each<F64>([&](int i) { return _mm256_sqrt_pd(a.v[i]); });
  }
  PYINIT_OPERATION F64 clamp(F64 x, F64 low, F64 high) {
    return each<F64>([&](int i) { return _mm256_min_pd(_mm256_max_pd(x.v[i], low.v[i]), high.v[i]); });
  }
  PYINIT_OPERATION F64 negate_where(F64 x, U64 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all64(uint64_t{1} << 63))));
  }
  PYINIT_OPERATION F64 negate_where(F64 x, M64 m) {
    return negate_where(x, each<U64>([&](int i) { return m.v[i]; }));
  }
  PYINIT_OPERATION F64 choose_negated(M64 m, F64 yes, F64 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F64 choose(M64 m, F64 yes, F64 no) {
    return each<F64>([&](int i) { return _mm256_blendv_pd(no.v[i], yes.v[i], _mm256_castsi256_pd(m.v[i])); });
  }
  // high * 2^32 and low are exact as doubles; their sum is the one rounding.
  PYINIT_OPERATION __m256d from_unsigned_wide(__m256i x) {
    const __m256i low = _mm256_blend_epi32(x, _mm256_set1_epi64x(0x4330000000000000), 0xAA);
    const __m256i high = _mm256_or_si256(_mm256_srli_epi64(x, 32), _mm256_set1_epi64x(0x4530000000000000));
    const __m256d shifted = _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1.00000001p84));
    return _mm256_add_pd(_mm256_castsi256_pd(low), shifted);
  }
  PYINIT_OPERATION F64 from_unsigned(U64 x) {
    return each<F64>([&](int i) { return from_unsigned_wide(x.v[i]); });
  }
  PYINIT_OPERATION __m256d from_signed_half(__m256i x) {
    const __m256i low = _mm256_blend_epi32(x, _mm256_set1_epi64x(0x4330000000000000), 0xAA);
    const __m256i high = _mm256_xor_si256(_mm256_srli_epi64(x, 32), _mm256_set1_epi64x(0x4530000080000000));
    const __m256d shifted =
        _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1.00000001p84 + 0x1p63));
    return _mm256_add_pd(_mm256_castsi256_pd(low), shifted);
  }
  PYINIT_OPERATION F64 from_signed(U64 x) {
    return each<F64>([&](int i) { return from_signed_half(x.v[i]); });
  }
  PYINIT_OPERATION U64 bits(F64 x) {
    return each<U64>([&](int i) { return _mm256_castpd_si256(x.v[i]); });
  }
  PYINIT_OPERATION F64 as_float(U64 x) {
    return each<F64>([&](int i) { return _mm256_castsi256_pd(x.v[i]); });
  }
  PYINIT_OPERATION U64 add(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm256_add_epi64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 sub(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm256_sub_epi64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 bit_and(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm256_and_si256(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 bit_xor(U64 a, U64 b) {
    return each<U64>([&](int i) { return _mm256_xor_si256(a.v[i], b.v[i]); });
  }
  template <int kCount>
  PYINIT_OPERATION U64 shift_left(U64 a) {
    return each<U64>([&](int i) { return _mm256_slli_epi64(a.v[i], kCount); });
  }
  PYINIT_OPERATION U64 complement_where(U64 a, M64 m) {
    return each<U64>([&](int i) { return _mm256_xor_si256(a.v[i], m.v[i]); });
  }
  PYINIT_OPERATION M64 below(U64 a, U64 b) {
    const __m256i flip = _mm256_set1_epi64x(INT64_MIN);
    return each<M64>([&](int i) {
      return _mm256_cmpgt_epi64(_mm256_xor_si256(b.v[i], flip), _mm256_xor_si256(a.v[i], flip));
    });
  }
  PYINIT_OPERATION M64 below(F64 a, F64 b) {
    return each<M64>([&](int i) { return _mm256_castpd_si256(_mm256_cmp_pd(a.v[i], b.v[i], _CMP_LT_OQ)); });
  }
  PYINIT_OPERATION M64 has_bit(U64 a, U64 bit) {
    return each<M64>([&](int i) { return _mm256_cmpeq_epi64(_mm256_and_si256(a.v[i], bit.v[i]), bit.v[i]); });
  }
  PYINIT_OPERATION M64 invert(M64 m) {
    const __m256i ones = _mm256_set1_epi32(-1);
    return each<M64>([&](int i) { return _mm256_xor_si256(m.v[i], ones); });
  }
  PYINIT_OPERATION bool every(M64 m) {
    __m256i all_of = m.v[0];
    for (int i = 1; i < kRegisters; ++i) all_of = _mm256_and_si256(all_of, m.v[i]);
    return _mm256_movemask_epi8(all_of) == -1;
  }

  // Narrowing and streaming

  PYINIT_OPERATION __m256i bfloat16_half(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
  }
  PYINIT_OPERATION void store_bfloat16(void* out, F32 x)
    requires(kRegisters % 2 == 0)
  {
    for (int i = 0; i < kRegisters; i += 2) {
      const __m256i packed = _mm256_packus_epi32(bfloat16_half(x.v[i]), bfloat16_half(x.v[i + 1]));
      _mm256_storeu_si256(static_cast<__m256i*>(out) + i / 2, _mm256_permute4x64_epi64(packed, 0xD8));
    }
  }
  PYINIT_OPERATION void store_float16(void* out, F32 x) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    for (int i = 0; i < kRegisters; ++i)
      _mm_storeu_si128(static_cast<__m128i*>(out) + i, _mm256_cvtps_ph(x.v[i], kNearest));
  }
  PYINIT_OPERATION void stream_line(void* out, const void* from) {
    auto* to = static_cast<__m256i*>(out);
    const auto* p = static_cast<const __m256i*>(from);
    _mm256_stream_si256(to, _mm256_loadu_si256(p));
    _mm256_stream_si256(to + 1, _mm256_loadu_si256(p + 1));
  }
  PYINIT_OPERATION void store(PastCache<float> p, F32 x) {
    for (int i = 0; i < kRegisters; ++i) _mm256_stream_ps(p.memory + 8 * i, x.v[i]);
  }
  PYINIT_OPERATION void store(PastCache<double> p, F64 x) {
    for (int i = 0; i < kRegisters; ++i) _mm256_stream_pd(p.memory + 4 * i, x.v[i]);
  }
  PYINIT_OPERATION void store(PastCache<uint32_t> p, U32 x) {
    for (int i = 0; i < kRegisters; ++i)
      _mm256_stream_si256(reinterpret_cast<__m256i*>(p.memory + 8 * i), x.v[i]);
  }
  PYINIT_OPERATION void store_alternating(PastCache<float> out, F32 even, F32 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      _mm256_stream_ps(out.memory + 16 * i, _mm256_unpacklo_ps(even.v[i], odd.v[i]));
      _mm256_stream_ps(out.memory + 16 * i + 8, _mm256_unpackhi_ps(even.v[i], odd.v[i]));
    }
  }
  PYINIT_OPERATION void store_alternating(PastCache<double> out, F64 even, F64 odd) {
    for (int i = 0; i < kRegisters; ++i) {
      _mm256_stream_pd(out.memory + 8 * i, _mm256_unpacklo_pd(even.v[i], odd.v[i]));
      _mm256_stream_pd(out.memory + 8 * i + 4, _mm256_unpackhi_pd(even.v[i], odd.v[i]));
    }
  }
  PYINIT_OPERATION void stream_fence() { _mm_sfence(); }
};

using Avx2 = Avx2Of<2>;

static_assert(InstructionSet<Avx2>);
static_assert(StagedSet<Avx2>);

}  // namespace pyinit::simd
