#include "dense/kernels.hpp"

#include "dispatch.hpp"

namespace pyinit::dense {

const Kernels& active_kernels() {
  switch (active_isa()) {
    case Isa::kAvx512:
      return *avx512_kernels();
    case Isa::kAvx2:
      return *avx2_kernels();
    case Isa::kNeon:
      return *neon_kernels();
    case Isa::kScalar:
      break;
  }
  return *scalar_kernels();
}

template <>
const ProductKernels<float>& product_kernels<float>() {
  return active_kernels().product32;
}
template <>
const ProductKernels<double>& product_kernels<double>() {
  return active_kernels().product64;
}

template <>
const ReflectorKernels<float>& reflector_kernels<float>() {
  return active_kernels().reflector32;
}
template <>
const ReflectorKernels<double>& reflector_kernels<double>() {
  return active_kernels().reflector64;
}

}  // namespace pyinit::dense
