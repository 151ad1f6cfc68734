// A mutant of the scalar kernels: compiled so that a product and a sum become one fused multiply-add.
#include "isa/table.hpp"
#include "simd/scalar.hpp"

namespace pyinit {
namespace {

// A name of its own, so that its templates are no one else's.
struct Contracted : simd::Scalar {};

}  // namespace

const fill::Kernels& contracted_kernels();
const fill::Kernels& contracted_kernels() { return kFillKernels<Contracted>; }

}  // namespace pyinit
