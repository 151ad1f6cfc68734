// The fill kernels in plain C++: the fallback, and the meaning the others are compared with.
#include "simd/scalar.hpp"
#include "fill/instantiate.hpp"
#include "fill/kernels.hpp"

namespace pyinit::fill {
const Kernels* scalar_kernels() { return &kKernels<simd::Scalar>; }
}  // namespace pyinit::fill
