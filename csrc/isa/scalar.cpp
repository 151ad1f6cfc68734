// The kernels in plain C++: what every machine runs, and what the other instruction sets are compared with.
#include "simd/scalar.hpp"
#include "isa/table.hpp"

namespace pyinit {
const Kernels* scalar_kernels() { return &kKernels<simd::Scalar>; }
}  // namespace pyinit
