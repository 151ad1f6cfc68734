// The vector operations kernels are written in, for NEON (AArch64): four registers a vector.
// What each name means is written once, in interface.hpp.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "simd/interface.hpp"
#include "strict_math.hpp"

namespace pyinit::simd {

struct Neon {
  static constexpr const char* kName = "neon";
  // One group of 8 blocks is already four independent chains.
  static constexpr int kGroups = 1;
  static constexpr int kLanes = 16;
  static constexpr int kBlocks = 8;
  // 24 registers of sums, 4 of a row, 1 of a factor.
  static constexpr int kTileRows = 6;

  struct F32 {
    float32x4_t v[4];
  };
  struct F64 {
    float64x2_t v[4];
  };
  struct U32 {
    uint32x4_t v[4];
  };
  struct U64 {
    uint64x2_t v[4];
  };
  struct Word {
    uint64x2_t v[4];
  };
  struct M32 {
    uint32x4_t v[4];
  };
  struct M64 {
    uint64x2_t v[4];
  };

  template <class R, class Function>
  PYINIT_OPERATION R each(Function function) {
    return {{function(0), function(1), function(2), function(3)}};
  }

  // Philox blocks. Lanes hold the blocks in order: the interleaves below are whole-register.

  PYINIT_OPERATION U64 block_counters(uint64_t first) {
    const uint64_t steps[2] = {0, 1};
    const uint64x2_t pair = vld1q_u64(steps);
    return each<U64>(
        [=](int i) { return vaddq_u64(vdupq_n_u64(first + 2 * static_cast<uint64_t>(i)), pair); });
  }
  PYINIT_OPERATION U64 load_counters(const uint64_t* blocks) {
    return each<U64>([=](int i) { return vld1q_u64(blocks + 2 * i); });
  }
  PYINIT_OPERATION Word all_words(uint32_t x) {
    return each<Word>([=](int) { return vdupq_n_u64(x); });
  }
  PYINIT_OPERATION U64 multiply_words(Word a, Word b) {
    return each<U64>([&](int i) { return vmull_u32(vmovn_u64(a.v[i]), vmovn_u64(b.v[i])); });
  }
  PYINIT_OPERATION Word low_word(U64 a) {
    return each<Word>([&](int i) { return a.v[i]; });
  }
  PYINIT_OPERATION Word high_word(U64 a) {
    return each<Word>([&](int i) { return vshrq_n_u64(a.v[i], 32); });
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b) {
    return each<Word>([&](int i) { return veorq_u64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION Word bit_xor(Word a, Word b, Word c) { return bit_xor(bit_xor(a, b), c); }
  PYINIT_OPERATION U32 pair32(Word even, Word odd) {
    return each<U32>(
        [&](int i) { return vtrn1q_u32(vreinterpretq_u32_u64(even.v[i]), vreinterpretq_u32_u64(odd.v[i])); });
  }
  PYINIT_OPERATION U64 pair64(Word low, Word high) {
    return each<U64>([&](int i) {
      return vreinterpretq_u64_u32(
          vtrn1q_u32(vreinterpretq_u32_u64(low.v[i]), vreinterpretq_u32_u64(high.v[i])));
    });
  }
  PYINIT_OPERATION uint32x4_t zip_low64(uint32x4_t a, uint32x4_t b) {
    return vreinterpretq_u32_u64(vzip1q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b)));
  }
  PYINIT_OPERATION uint32x4_t zip_high64(uint32x4_t a, uint32x4_t b) {
    return vreinterpretq_u32_u64(vzip2q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b)));
  }
  PYINIT_OPERATION U32 in_order(int k, U32 words01, U32 words23) {
    return each<U32>([&](int i) {
      const int from = 2 * k + i / 2;
      return i % 2 == 0 ? zip_low64(words01.v[from], words23.v[from])
                        : zip_high64(words01.v[from], words23.v[from]);
    });
  }
  PYINIT_OPERATION void store_alternating(float* out, F32 even, F32 odd) {
    for (int i = 0; i < 4; ++i) {
      vst1q_f32(out + 8 * i, vzip1q_f32(even.v[i], odd.v[i]));
      vst1q_f32(out + 8 * i + 4, vzip2q_f32(even.v[i], odd.v[i]));
    }
  }
  PYINIT_OPERATION void store_alternating(double* out, F64 even, F64 odd) {
    for (int i = 0; i < 4; ++i) {
      vst1q_f64(out + 4 * i, vzip1q_f64(even.v[i], odd.v[i]));
      vst1q_f64(out + 4 * i + 2, vzip2q_f64(even.v[i], odd.v[i]));
    }
  }

  // 32 bits

  PYINIT_OPERATION F32 all(float x) {
    return each<F32>([=](int) { return vdupq_n_f32(x); });
  }
  PYINIT_OPERATION U32 all(uint32_t x) {
    return each<U32>([=](int) { return vdupq_n_u32(x); });
  }
  PYINIT_OPERATION F32 load(const float* p) {
    return each<F32>([=](int i) { return vld1q_f32(p + 4 * i); });
  }
  PYINIT_OPERATION void store(float* p, F32 x) {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.v[i]);
  }
  PYINIT_OPERATION F32 add(F32 a, F32 b) {
    return each<F32>([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 sub(F32 a, F32 b) {
    return each<F32>([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 mul(F32 a, F32 b) {
    return each<F32>([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 div(F32 a, F32 b) {
    return each<F32>([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 fma(F32 a, F32 b, F32 c) {
    return each<F32>([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F32 sqrt(F32 a) {
    return each<F32>([&](int i) { return vsqrtq_f32(a.v[i]); });
  }
  // Compare and select, not vminq: it orders the two zeros, which x86 does not.
  PYINIT_OPERATION F32 clamp(F32 x, F32 low, F32 high) {
    return each<F32>([&](int i) {
      const auto raised = vbslq_f32(vcgtq_f32(x.v[i], low.v[i]), x.v[i], low.v[i]);
      return vbslq_f32(vcltq_f32(raised, high.v[i]), raised, high.v[i]);
    });
  }
  PYINIT_OPERATION F32 at_least(F32 x, F32 low) {
    return each<F32>([&](int i) { return vbslq_f32(vcgtq_f32(low.v[i], x.v[i]), low.v[i], x.v[i]); });
  }
  PYINIT_OPERATION F32 at_most(F32 x, F32 high) {
    return each<F32>([&](int i) { return vbslq_f32(vcltq_f32(high.v[i], x.v[i]), high.v[i], x.v[i]); });
  }
  PYINIT_OPERATION F32 negate_where(F32 x, U32 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all(0x80000000U))));
  }
  PYINIT_OPERATION F32 negate_where(F32 x, M32 m) {
    return negate_where(x, U32{{m.v[0], m.v[1], m.v[2], m.v[3]}});
  }
  PYINIT_OPERATION F32 choose_negated(M32 m, F32 yes, F32 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F32 choose(M32 m, F32 yes, F32 no) {
    return each<F32>([&](int i) { return vbslq_f32(m.v[i], yes.v[i], no.v[i]); });
  }
  PYINIT_OPERATION F32 from_unsigned(U32 x) {
    return each<F32>([&](int i) { return vcvtq_f32_u32(x.v[i]); });
  }
  PYINIT_OPERATION F32 from_signed(U32 x) {
    return each<F32>([&](int i) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x.v[i])); });
  }
  PYINIT_OPERATION U32 bits(F32 x) {
    return each<U32>([&](int i) { return vreinterpretq_u32_f32(x.v[i]); });
  }
  PYINIT_OPERATION F32 as_float(U32 x) {
    return each<F32>([&](int i) { return vreinterpretq_f32_u32(x.v[i]); });
  }
  PYINIT_OPERATION U32 add(U32 a, U32 b) {
    return each<U32>([&](int i) { return vaddq_u32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 sub(U32 a, U32 b) {
    return each<U32>([&](int i) { return vsubq_u32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 bit_and(U32 a, U32 b) {
    return each<U32>([&](int i) { return vandq_u32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 bit_xor(U32 a, U32 b) {
    return each<U32>([&](int i) { return veorq_u32(a.v[i], b.v[i]); });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_left(U32 a) {
    return each<U32>([&](int i) { return vshlq_n_u32(a.v[i], kCount); });
  }
  template <int kCount>
  PYINIT_OPERATION U32 shift_right(U32 a) {
    return each<U32>([&](int i) { return vshrq_n_u32(a.v[i], kCount); });
  }
  PYINIT_OPERATION U32 mul(U32 a, U32 b) {
    return each<U32>([&](int i) { return vmulq_u32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 smaller(U32 a, U32 b) {
    return each<U32>([&](int i) { return vminq_u32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 larger(U32 a, U32 b) {
    return each<U32>([&](int i) { return vmaxq_u32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U32 choose(U32 bits, U32 yes, U32 no) {
    return each<U32>([&](int i) {
      const auto mask = vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(bits.v[i]), 31));
      return vbslq_u32(mask, yes.v[i], no.v[i]);
    });
  }
  PYINIT_OPERATION U32 choose(M32 m, U32 yes, U32 no) {
    return each<U32>([&](int i) { return vbslq_u32(m.v[i], yes.v[i], no.v[i]); });
  }
  PYINIT_OPERATION U32 load(const uint32_t* p) {
    return each<U32>([=](int i) { return vld1q_u32(p + 4 * i); });
  }
  PYINIT_OPERATION void store(uint32_t* p, U32 x) {
    for (int i = 0; i < 4; ++i) vst1q_u32(p + 4 * i, x.v[i]);
  }
  PYINIT_OPERATION U32 complement_where(U32 a, M32 m) {
    return each<U32>([&](int i) { return veorq_u32(a.v[i], m.v[i]); });
  }
  PYINIT_OPERATION M32 below(U32 a, U32 b) {
    return each<M32>([&](int i) { return vcltq_u32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION M32 below(F32 a, F32 b) {
    return each<M32>([&](int i) { return vcltq_f32(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION M32 has_bit(U32 a, U32 bit) {
    return each<M32>([&](int i) { return vtstq_u32(a.v[i], bit.v[i]); });
  }
  PYINIT_OPERATION M32 invert(M32 m) {
    return each<M32>([&](int i) { return vmvnq_u32(m.v[i]); });
  }
  PYINIT_OPERATION bool every(M32 m) {
    return vminvq_u32(vandq_u32(vandq_u32(m.v[0], m.v[1]), vandq_u32(m.v[2], m.v[3]))) == 0xFFFFFFFF;
  }

  // 64 bits

  PYINIT_OPERATION F64 all(double x) {
    return each<F64>([=](int) { return vdupq_n_f64(x); });
  }
  PYINIT_OPERATION U64 all64(uint64_t x) {
    return each<U64>([=](int) { return vdupq_n_u64(x); });
  }
  PYINIT_OPERATION F64 load(const double* p) {
    return each<F64>([=](int i) { return vld1q_f64(p + 2 * i); });
  }
  PYINIT_OPERATION void store(double* p, F64 x) {
    for (int i = 0; i < 4; ++i) vst1q_f64(p + 2 * i, x.v[i]);
  }
  PYINIT_OPERATION F64 widen(const float* p) {
    return each<F64>([=](int i) { return vcvt_f64_f32(vld1_f32(p + 2 * i)); });
  }
  PYINIT_OPERATION U64 truncate(F64 x) {
    return each<U64>([&](int i) { return vcvtq_u64_f64(x.v[i]); });
  }
  PYINIT_OPERATION void store(uint64_t* p, U64 x) {
    for (int i = 0; i < 4; ++i) vst1q_u64(p + 2 * i, x.v[i]);
  }
  PYINIT_OPERATION F64 add(F64 a, F64 b) {
    return each<F64>([&](int i) { return vaddq_f64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 mul(F64 a, F64 b) {
    return each<F64>([&](int i) { return vmulq_f64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 div(F64 a, F64 b) {
    return each<F64>([&](int i) { return vdivq_f64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 fma(F64 a, F64 b, F64 c) {
    return each<F64>([&](int i) { return vfmaq_f64(c.v[i], a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION F64 sqrt(F64 a) {
    return each<F64>([&](int i) { return vsqrtq_f64(a.v[i]); });
  }
  PYINIT_OPERATION F64 clamp(F64 x, F64 low, F64 high) {
    return each<F64>([&](int i) {
      const auto raised = vbslq_f64(vcgtq_f64(x.v[i], low.v[i]), x.v[i], low.v[i]);
      return vbslq_f64(vcltq_f64(raised, high.v[i]), raised, high.v[i]);
    });
  }
  PYINIT_OPERATION F64 negate_where(F64 x, U64 sign) {
    return as_float(bit_xor(bits(x), bit_and(sign, all64(uint64_t{1} << 63))));
  }
  PYINIT_OPERATION F64 negate_where(F64 x, M64 m) {
    return negate_where(x, U64{{m.v[0], m.v[1], m.v[2], m.v[3]}});
  }
  PYINIT_OPERATION F64 choose_negated(M64 m, F64 yes, F64 no) { return choose(m, negate_where(yes, m), no); }
  PYINIT_OPERATION F64 choose(M64 m, F64 yes, F64 no) {
    return each<F64>([&](int i) { return vbslq_f64(m.v[i], yes.v[i], no.v[i]); });
  }
  PYINIT_OPERATION F64 from_unsigned(U64 x) {
    return each<F64>([&](int i) { return vcvtq_f64_u64(x.v[i]); });
  }
  PYINIT_OPERATION F64 from_signed(U64 x) {
    return each<F64>([&](int i) { return vcvtq_f64_s64(vreinterpretq_s64_u64(x.v[i])); });
  }
  PYINIT_OPERATION U64 bits(F64 x) {
    return each<U64>([&](int i) { return vreinterpretq_u64_f64(x.v[i]); });
  }
  PYINIT_OPERATION F64 as_float(U64 x) {
    return each<F64>([&](int i) { return vreinterpretq_f64_u64(x.v[i]); });
  }
  PYINIT_OPERATION U64 add(U64 a, U64 b) {
    return each<U64>([&](int i) { return vaddq_u64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 sub(U64 a, U64 b) {
    return each<U64>([&](int i) { return vsubq_u64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 bit_and(U64 a, U64 b) {
    return each<U64>([&](int i) { return vandq_u64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION U64 bit_xor(U64 a, U64 b) {
    return each<U64>([&](int i) { return veorq_u64(a.v[i], b.v[i]); });
  }
  template <int kCount>
  PYINIT_OPERATION U64 shift_left(U64 a) {
    return each<U64>([&](int i) { return vshlq_n_u64(a.v[i], kCount); });
  }
  PYINIT_OPERATION U64 complement_where(U64 a, M64 m) {
    return each<U64>([&](int i) { return veorq_u64(a.v[i], m.v[i]); });
  }
  PYINIT_OPERATION M64 below(U64 a, U64 b) {
    return each<M64>([&](int i) { return vcltq_u64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION M64 below(F64 a, F64 b) {
    return each<M64>([&](int i) { return vcltq_f64(a.v[i], b.v[i]); });
  }
  PYINIT_OPERATION M64 has_bit(U64 a, U64 bit) {
    return each<M64>([&](int i) { return vtstq_u64(a.v[i], bit.v[i]); });
  }
  PYINIT_OPERATION M64 invert(M64 m) {
    return each<M64>([&](int i) { return vreinterpretq_u64_u32(vmvnq_u32(vreinterpretq_u32_u64(m.v[i]))); });
  }
  PYINIT_OPERATION bool every(M64 m) {
    const uint64x2_t both = vandq_u64(vandq_u64(m.v[0], m.v[1]), vandq_u64(m.v[2], m.v[3]));
    return vminvq_u32(vreinterpretq_u32_u64(both)) == 0xFFFFFFFF;
  }

  // Narrowing and streaming

  PYINIT_OPERATION void store_bfloat16(void* out, F32 x) {
    for (int i = 0; i < 4; ++i) {
      const uint32x4_t b = vreinterpretq_u32_f32(x.v[i]);
      const uint32x4_t odd = vandq_u32(vshrq_n_u32(b, 16), vdupq_n_u32(1));
      const uint32x4_t rounded = vaddq_u32(b, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
      vst1_u8(static_cast<uint8_t*>(out) + 8 * i, vreinterpret_u8_u16(vshrn_n_u32(rounded, 16)));
    }
  }
  PYINIT_OPERATION void store_float16(void* out, F32 x) {
    for (int i = 0; i < 4; ++i)
      vst1_u8(static_cast<uint8_t*>(out) + 8 * i, vreinterpret_u8_f16(vcvt_f16_f32(x.v[i])));
  }
  PYINIT_OPERATION void stream_line(void* out, const void* from) {
    auto* to = static_cast<uint8_t*>(out);
    const auto* p = static_cast<const uint8_t*>(from);
    for (int i = 0; i < 4; ++i) vst1q_u8(to + 16 * i, vld1q_u8(p + 16 * i));
  }
  PYINIT_OPERATION void stream_fence() {}
};

static_assert(InstructionSet<Neon>);

}  // namespace pyinit::simd
