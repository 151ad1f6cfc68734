// AVX-512's intrinsics over SIMDe, and those that SIMDe (0.7.4) lacks or means in another way, lane by lane:
// so that simd/avx512.hpp is compiled and run where no CPU has these instructions. Included before everything
// else, by the compiler's -include; afterwards the sources find the macro they look for.
// SIMDe: github.com/simd-everywhere/simde, Debian's libsimde-dev.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

namespace emulated {

// The lanes of a vector.
template <class T, class V>
struct Lanes {
  static constexpr size_t kCount = sizeof(V) / sizeof(T);
  T v[kCount];

  Lanes() = default;
  explicit Lanes(const V& vector) { std::memcpy(v, &vector, sizeof(v)); }
  V vector() const {
    V result;
    std::memcpy(&result, v, sizeof(v));
    return result;
  }
};

// function(lane of a, ...), lane by lane.
template <class T, class V, class Function, class... More>
V map(const Function& function, const V& a, const More&... more) {
  Lanes<T, V> result;
  for (size_t i = 0; i < Lanes<T, V>::kCount; ++i)
    result.v[i] = function(Lanes<T, V>(a).v[i], Lanes<T, More>(more).v[i]...);
  return result.vector();
}

// Lanes of one type made of lanes of another; as many as the result has, from lane `first` of a on.
template <class To, class R, class From, class V>
R convert(const V& a, size_t first = 0) {
  Lanes<To, R> result;
  for (size_t i = 0; i < Lanes<To, R>::kCount; ++i)
    result.v[i] = static_cast<To>(Lanes<From, V>(a).v[first + i]);
  return result.vector();
}

// The lanes for which function holds, as bits.
template <class Mask, class T, class V, class Function>
Mask mask(const Function& function, const V& a, const V& b) {
  Mask result = 0;
  for (size_t i = 0; i < Lanes<T, V>::kCount; ++i) {
    if (function(Lanes<T, V>(a).v[i], Lanes<T, V>(b).v[i])) result = static_cast<Mask>(result | 1U << i);
  }
  return result;
}

// Half the lanes of 32 bits, narrowed to 16.
struct Halves {
  unsigned char bytes[32];
};
template <class From, class Function>
Halves narrow(const Function& function, const void* from) {
  Halves result;
  for (size_t i = 0; i < 16; ++i) {
    From lane;
    std::memcpy(&lane, static_cast<const char*>(from) + i * sizeof(lane), sizeof(lane));
    const uint16_t half = function(lane);
    std::memcpy(result.bytes + 2 * i, &half, sizeof(half));
  }
  return result;
}

// To nearest even, as GCC rounds to _Float16.
inline uint16_t to_half(float x) {
  const auto rounded = static_cast<_Float16>(x);
  uint16_t bits;
  std::memcpy(&bits, &rounded, sizeof(bits));
  return bits;
}

// Functions of lanes.
inline constexpr auto kFma32 = [](float x, float y, float z) { return __builtin_fmaf(x, y, z); };
inline constexpr auto kFma64 = [](double x, double y, double z) { return __builtin_fma(x, y, z); };
inline constexpr auto kLarger = [](auto x, auto y) { return x > y ? x : y; };
inline constexpr auto kSmaller = [](auto x, auto y) { return x < y ? x : y; };
inline constexpr auto kBelow = [](auto x, auto y) { return x < y; };
inline constexpr auto kShare = [](uint64_t x, uint64_t y) { return (x & y) != 0; };

inline __m512i mask_shuffle(const __m512i& kept, uint16_t mask, const __m512i& a, int order) {
  const Lanes<uint32_t, __m512i> from(a);
  Lanes<uint32_t, __m512i> result(kept);
  for (size_t i = 0; i < 16; ++i) {
    if ((mask >> i & 1) != 0)
      result.v[i] = from.v[i / 4 * 4 + (static_cast<unsigned>(order) >> 2 * (i % 4) & 3)];
  }
  return result.vector();
}

}  // namespace emulated

// The intrinsics by their own names.

#undef __mmask16
#undef __mmask8
#define __mmask16 uint16_t
#define __mmask8 uint8_t

#define _mm512_mask_shuffle_epi32(kept, mask, a, order) emulated::mask_shuffle(kept, mask, a, order)
#define _mm512_cvtepu32_ps(a) emulated::convert<float, __m512, uint32_t>(a)
#define _mm512_cvtepi32_ps(a) emulated::convert<float, __m512, int32_t>(a)
#define _mm512_cvtepu64_pd(a) emulated::convert<double, __m512d, uint64_t>(a)
#define _mm512_cvtepi64_pd(a) emulated::convert<double, __m512d, int64_t>(a)
#define _mm512_cvtps_pd(a) emulated::convert<double, __m512d, float>(a)
#define _mm512_cvttpd_epi64(a) emulated::convert<int64_t, __m512i, double>(a)
#define _mm512_cmplt_epu32_mask(a, b) emulated::mask<uint16_t, uint32_t>(emulated::kBelow, a, b)
#define _mm512_cmplt_epu64_mask(a, b) emulated::mask<uint8_t, uint64_t>(emulated::kBelow, a, b)

// SIMDe multiplies and adds, which rounds twice.
#undef _mm512_fmadd_ps
#undef _mm512_fmadd_pd
#define _mm512_fmadd_ps(a, b, c) emulated::map<float>(emulated::kFma32, a, b, c)
#define _mm512_fmadd_pd(a, b, c) emulated::map<double>(emulated::kFma64, a, b, c)

// The second operand where one is NaN, and where both are zero.
#undef _mm512_max_ps
#undef _mm512_min_ps
#undef _mm512_max_pd
#undef _mm512_min_pd
#define _mm512_max_ps(a, b) emulated::map<float>(emulated::kLarger, a, b)
#define _mm512_min_ps(a, b) emulated::map<float>(emulated::kSmaller, a, b)
#define _mm512_max_pd(a, b) emulated::map<double>(emulated::kLarger, a, b)
#define _mm512_min_pd(a, b) emulated::map<double>(emulated::kSmaller, a, b)

#undef _mm512_test_epi64_mask
#define _mm512_test_epi64_mask(a, b) emulated::mask<uint8_t, uint64_t>(emulated::kShare, a, b)

#undef _mm512_cvtps_ph
#undef _mm512_cvtepi32_epi16
#undef _mm256_storeu_si256
#define _mm512_cvtps_ph(a, rounding) emulated::to_halves(a)
#define _mm512_cvtepi32_epi16(a) emulated::low_halves(a)
#define _mm256_storeu_si256(to, halves) emulated::put(to, halves)
#undef _mm512_stream_si512
#define _mm512_stream_si512(to, line) emulated::put(to, line)

namespace emulated {

inline Halves to_halves(const __m512& a) { return narrow<float>(to_half, &a); }
inline Halves low_halves(const __m512i& a) {
  return narrow<uint32_t>([](uint32_t x) { return static_cast<uint16_t>(x); }, &a);
}
template <class V>
void put(void* to, const V& vector) {
  std::memcpy(to, &vector, sizeof(vector));
}

}  // namespace emulated

// What the translation units of AVX-512 ask for.
#define __AVX512F__ 1
