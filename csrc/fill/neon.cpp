// The fill kernels for Neon, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "fill/kernels.hpp"

#if defined(__aarch64__)

#include "fill/instantiate.hpp"
#include "simd/neon.hpp"

namespace pyinit::fill {
const Kernels* neon_kernels() { return &kKernels<simd::Neon>; }
}  // namespace pyinit::fill

#else

namespace pyinit::fill {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace pyinit::fill

#endif
