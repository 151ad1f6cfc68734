// The activations in plain C++: the fallback, and the meaning the others are compared with.
#include "simd/scalar.hpp"
#include "probe/instantiate.hpp"
#include "probe/kernels.hpp"

namespace pyinit::probe {
const Kernels* scalar_kernels() { return &kKernels<simd::Scalar>; }
}  // namespace pyinit::probe
