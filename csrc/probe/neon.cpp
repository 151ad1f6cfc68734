// The activations for Neon, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "probe/kernels.hpp"

#if defined(__aarch64__)

#include "probe/instantiate.hpp"
#include "simd/neon.hpp"

namespace pyinit::probe {
const Kernels* neon_kernels() { return &kKernels<simd::Neon>; }
}  // namespace pyinit::probe

#else

namespace pyinit::probe {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace pyinit::probe

#endif
