// A mutant of the scalar kernels: compiled so that a product and a sum become one fused multiply-add.
#include "fill/instantiate.hpp"
#include "simd/scalar.hpp"

namespace pyinit::fill {
namespace {

// A name of its own, so that its templates are no one else's.
struct Contracted : simd::Scalar {};

}  // namespace

const Kernels* contracted_kernels();
const Kernels* contracted_kernels() { return &kKernels<Contracted>; }

}  // namespace pyinit::fill
