// Values of a block to memory: rounded to the output's type, as one vector where a whole block lies aligned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"
#include "half.hpp"
#include "rng/float8.hpp"
#include "simd/cuda.hpp"

namespace pyinit::cuda {

template <class Out>
PYINIT_INLINE Out rounded(float x);
template <>
PYINIT_INLINE float rounded<float>(float x) {
  return x;
}
template <>
PYINIT_INLINE Bfloat16 rounded<Bfloat16>(float x) {
  return {static_cast<uint16_t>(simd::Cuda::rounded_pair(Bfloat16{}, x, 0.0F))};
}
template <>
PYINIT_INLINE Float16 rounded<Float16>(float x) {
  return {static_cast<uint16_t>(simd::Cuda::rounded_pair(Float16{}, x, 0.0F))};
}
template <>
PYINIT_INLINE Float8E4m3fn rounded<Float8E4m3fn>(float x) {
  return {static_cast<uint8_t>(rng::float8_bits<simd::Cuda, Float8E4m3fn>({{x, 0.0F}}).v[0])};
}
template <>
PYINIT_INLINE Float8E5m2 rounded<Float8E5m2>(float x) {
  return {static_cast<uint8_t>(rng::float8_bits<simd::Cuda, Float8E5m2>({{x, 0.0F}}).v[0])};
}
template <class Out>
PYINIT_INLINE Out rounded(double x) {
  return x;
}

// One store instruction each, written out: the compiler splits what it is given as a vector. A device cannot
// store a vector where it is not aligned, so nor does what stands in for one.

#if !defined(__CUDACC__)
template <size_t kBytes>
inline void store_aligned(void* out, const void* words) {
  if (reinterpret_cast<uintptr_t>(out) % kBytes != 0) __builtin_trap();
  __builtin_memcpy(out, words, kBytes);
}
#endif
PYINIT_INLINE void store_words(void* out, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
#if defined(__CUDACC__)
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(out)), "r"(a),
               "r"(b), "r"(c), "r"(d)
               : "memory");
#else
  const uint32_t words[] = {a, b, c, d};
  store_aligned<sizeof(words)>(out, words);
#endif
}
PYINIT_INLINE void store_words(void* out, uint64_t a, uint64_t b) {
#if defined(__CUDACC__)
  asm volatile("st.global.v2.b64 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(out)), "l"(a), "l"(b)
               : "memory");
#else
  const uint64_t words[] = {a, b};
  store_aligned<sizeof(words)>(out, words);
#endif
}
PYINIT_INLINE void store_words(void* out, uint32_t a, uint32_t b) {
#if defined(__CUDACC__)
  asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(out)), "r"(a), "r"(b)
               : "memory");
#else
  const uint32_t words[] = {a, b};
  store_aligned<sizeof(words)>(out, words);
#endif
}

PYINIT_INLINE void store_word(void* out, uint32_t a) {
#if defined(__CUDACC__)
  asm volatile("st.global.b32 [%0], %1;" ::"l"(__cvta_generic_to_global(out)), "r"(a) : "memory");
#else
  store_aligned<sizeof(a)>(out, &a);
#endif
}

PYINIT_INLINE void store_block(float* out, const float (&values)[4]) {
  store_words(out, __float_as_uint(values[0]), __float_as_uint(values[1]), __float_as_uint(values[2]),
              __float_as_uint(values[3]));
}
PYINIT_INLINE void store_block(double* out, const double (&values)[2]) {
  store_words(out, static_cast<uint64_t>(__double_as_longlong(values[0])),
              static_cast<uint64_t>(__double_as_longlong(values[1])));
}
template <class Narrow>
PYINIT_INLINE void store_block(Narrow* out, const float (&values)[4]) {
  if constexpr (sizeof(Narrow) == 1) {
    using Cuda = simd::Cuda;
    const Cuda::U32 low = rng::float8_bits<Cuda, Narrow>({{values[0], values[1]}});
    const Cuda::U32 high = rng::float8_bits<Cuda, Narrow>({{values[2], values[3]}});
    store_word(out, low.v[0] | low.v[1] << 8 | high.v[0] << 16 | high.v[1] << 24);
  } else {
    store_words(out, simd::Cuda::rounded_pair(Narrow{}, values[0], values[1]),
                simd::Cuda::rounded_pair(Narrow{}, values[2], values[3]));
  }
}
template <class Out>
PYINIT_INLINE bool is_aligned(const Out* out, uint32_t per_block) {
  return reinterpret_cast<uintptr_t>(out) % (per_block * sizeof(Out)) == 0;
}

// Writes `count` of the values of a block, from number `skip` on.
template <class Value, class Out, size_t kPer>
PYINIT_INLINE void store_piece(Out* out, const Value (&values)[kPer], uint32_t skip, uint32_t count) {
  if (count == kPer && is_aligned(out, kPer)) {
    store_block(out, values);
    return;
  }
  PYINIT_UNROLL(4)
  for (uint32_t k = 0; k < kPer; ++k) {
    if (k >= skip && k < skip + count) out[k - skip] = rounded<Out>(values[k]);
  }
}

}  // namespace pyinit::cuda
