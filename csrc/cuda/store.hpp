// Values of a block to memory: rounded to the output's type, as one vector where a whole block lies aligned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"
#include "half.hpp"
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
template <class Out>
PYINIT_INLINE Out rounded(double x) {
  return x;
}

// One store instruction each.
struct alignas(16) FourFloats {
  float v[4];
};
struct alignas(16) TwoDoubles {
  double v[2];
};
struct alignas(8) FourHalves {
  uint32_t pair[2];
};

PYINIT_INLINE void store_block(float* out, const float (&values)[4]) {
  *reinterpret_cast<FourFloats*>(out) = {{values[0], values[1], values[2], values[3]}};
}
PYINIT_INLINE void store_block(double* out, const double (&values)[2]) {
  *reinterpret_cast<TwoDoubles*>(out) = {{values[0], values[1]}};
}
template <class Half>
PYINIT_INLINE void store_block(Half* out, const float (&values)[4]) {
  *reinterpret_cast<FourHalves*>(out) = {{simd::Cuda::rounded_pair(Half{}, values[0], values[1]),
                                          simd::Cuda::rounded_pair(Half{}, values[2], values[3])}};
}

// Writes `count` of the values of a block, from number `skip` on.
template <class Value, class Out, size_t kPer>
PYINIT_INLINE void store_piece(Out* out, const Value (&values)[kPer], uint32_t skip, uint32_t count) {
  if (count == kPer && reinterpret_cast<uintptr_t>(out) % (kPer * sizeof(Out)) == 0) {
    store_block(out, values);
    return;
  }
  PYINIT_UNROLL(4)
  for (uint32_t k = 0; k < kPer; ++k) {
    if (k >= skip && k < skip + count) out[k - skip] = rounded<Out>(values[k]);
  }
}

}  // namespace pyinit::cuda
