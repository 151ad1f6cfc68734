// The dense kernels for Neon, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "dense/kernels.hpp"

#if defined(__aarch64__)

#include "dense/instantiate.hpp"
#include "simd/neon.hpp"

namespace pyinit::dense {
const Kernels* neon_kernels() { return &kKernels<simd::Neon>; }
}  // namespace pyinit::dense

#else

namespace pyinit::dense {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace pyinit::dense

#endif
