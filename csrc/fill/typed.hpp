// Finds the types behind a dtype: the one switch of the fill kernels.
// It is a template over S only because of the linker (isa/table.hpp).
#pragma once

#include "dtype.hpp"

namespace pyinit::fill {

// Calls use(a value of the draws' type, the output as its element type).
template <class S, class Use>
void with_dtype(Dtype dtype, void* out, const Use& use) {
  switch (dtype) {
    case Dtype::kFloat32:
      return use(float{}, static_cast<float*>(out));
    case Dtype::kFloat64:
      return use(double{}, static_cast<double*>(out));
    case Dtype::kBfloat16:
      return use(float{}, static_cast<Bfloat16*>(out));
    case Dtype::kFloat16:
      return use(float{}, static_cast<Float16*>(out));
    case Dtype::kFloat8E4m3fn:
      return use(float{}, static_cast<Float8E4m3fn*>(out));
    case Dtype::kFloat8E5m2:
      return use(float{}, static_cast<Float8E5m2*>(out));
  }
}

}  // namespace pyinit::fill
