// sin x = sin(y), y = (-1)^n (x - n pi); cos x is the same with n + 1/2. One polynomial on [-pi/2, pi/2]
// serves both.
// Why pi in three parts up to 65536: x minus the first product is exact, so what is left near a zero keeps
// its digits. Beyond, the fraction of x / (2 pi) is taken from the bits of 1 / (2 pi), in integers (Payne &
// Hanek), lane by lane and out of the loop: no sound network has such arguments, but they are not wrong.
// Contract: every x; NaN and infinity give NaN; |sin x| <= 1; max error 2.4 ULP, near the zeros too; same
// bits on every instruction set.
// Source: Cody & Waite 1980, chapter 8; Payne & Hanek 1983; coefficients by tools/activation_coefficients.py.
// Checked by csrc/tests/activations.cpp.
#pragma once

#include <cstdint>
#include <cstring>

#include "probe/coefficients.hpp"
#include "probe/pairs.hpp"
#include "probe/range.hpp"

namespace pyinit::probe {

// The first 224 bits of 1 / (2 pi) after the point, behind a word of zeros.
inline constexpr uint32_t kInverseTurn[] = {0x00000000, 0x28BE60DB, 0x9391054A, 0x7F09D5F4,
                                            0x7D4D3770, 0x36D8A566, 0x4F10E410, 0x7F9458EA};

// The y of sin x, or of cos x = sin(x + pi / 2), in [-pi/2, pi/2].
template <class S, bool kCosine>
struct Angle {
  using F32 = typename S::F32;

  [[gnu::always_inline]] static F32 of(F32 x) {
    const F32 near = by_parts(x);
    const auto magnitude = S::as_float(S::bit_and(S::bits(x), S::all(0x7FFFFFFFU)));
    const auto is_near = S::below(magnitude, S::all(65536.0F));
    if (S::every(is_near)) [[likely]]
      return near;
    return S::choose(is_near, near, far_lanes(x));
  }

 private:
  [[gnu::always_inline]] static F32 by_parts(F32 x) {
    // Adding 3 2^22 rounds to an integer and leaves it in the low bits; 1 more, and the low bit is that of
    // n + 1, because cos x = -(-1)^n sin(x - (n + 1/2) pi).
    const F32 round = S::all(kCosine ? 0x1.8p23F + 1.0F : 0x1.8p23F);
    const F32 inverse = S::all(0x1.45f306p-2F);
    const F32 shifted =
        kCosine ? S::add(S::fma(x, inverse, S::all(-0.5F)), round) : S::fma(x, inverse, round);
    const F32 whole = S::sub(shifted, round);
    const F32 n = kCosine ? S::add(whole, S::all(0.5F)) : whole;
    const F32 first = S::fma(n, S::all(-0x1.921fb6p+1F), x);
    const F32 second = S::fma(n, S::all(0x1.777a5cp-24F), first);
    const F32 y = S::fma(n, S::all(0x1.ee59dap-49F), second);
    return S::negate_where(y, S::template shift_left<31>(S::bits(shifted)));
  }

  [[gnu::noinline]] static F32 far_lanes(F32 x) {
    uint32_t lanes[S::kLanes];
    S::store(lanes, S::bits(x));
    for (uint32_t& lane : lanes) lane = by_integers(lane);
    return S::as_float(S::load(lanes));
  }

  // In the bits of float32. Below 65536 the result means nothing.
  static uint32_t by_integers(uint32_t x) {
    constexpr uint32_t kNaN = 0x7FC00000, kInfinity = 0x7F800000, kSmallest = 143;
    const uint32_t magnitude = x & 0x7FFFFFFF, exponent = magnitude >> 23;
    if (magnitude >= kInfinity) return magnitude == kInfinity ? kNaN : x | kNaN;
    if (exponent < kSmallest) return x;
    // |x| = mantissa 2^(shift - 7); of 1 / (2 pi), the 96 bits that matter begin at bit shift - 6 after the
    // point: those before make whole turns.
    const uint32_t shift = exponent - kSmallest;
    const uint32_t word = (shift + 25) / 32, left = (shift + 25) % 32;
    const uint64_t mantissa = (magnitude & 0x007FFFFF) | 0x00800000;
    const auto bits = [&](uint32_t k) {
      return (uint64_t{kInverseTurn[word + k]} << 32 | kInverseTurn[word + k + 1]) << left >> 32;
    };
    const uint64_t turn = (mantissa * bits(0) << 32) + mantissa * bits(1) + (mantissa * bits(2) >> 32);
    constexpr uint64_t kQuarter = uint64_t{1} << 62;
    const uint64_t moved = (x >> 31 != 0 ? 0 - turn : turn) + (kCosine ? kQuarter : 0);
    const auto rest = static_cast<double>(static_cast<int64_t>(moved << 1));
    const bool odd = (moved + kQuarter) >> 63 != 0;
    const auto y = static_cast<float>(rest * (odd ? -0x1.921fb54442d18p-63 : 0x1.921fb54442d18p-63));
    uint32_t result;
    std::memcpy(&result, &y, sizeof(result));
    return result;
  }
};

template <class S, bool kCosine>
[[gnu::always_inline]] inline typename S::F32 sine(typename S::F32 x) {
  const auto y = Angle<S, kCosine>::of(x);
  const auto square = S::mul(y, y);
  const auto series = pairs<S>(square, S::mul(square, square), kSinTail);
  return hold<S>(S::fma(S::mul(square, y), series, y), 1.0F);
}

template <class S>
[[gnu::always_inline]] inline typename S::F32 sin(typename S::F32 x) {
  return sine<S, false>(x);
}

template <class S>
[[gnu::always_inline]] inline typename S::F32 cos(typename S::F32 x) {
  return sine<S, true>(x);
}

}  // namespace pyinit::probe
