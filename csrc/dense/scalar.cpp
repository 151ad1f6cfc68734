// The dense kernels in plain C++: the fallback, and the meaning the others are compared with.
#include "simd/scalar.hpp"
#include "dense/instantiate.hpp"
#include "dense/kernels.hpp"

namespace pyinit::dense {
const Kernels* scalar_kernels() { return &kKernels<simd::Scalar>; }
}  // namespace pyinit::dense
