// The kernels for Neon. This file alone is compiled with these instructions.
#include "isa/kernels.hpp"

#if defined(__aarch64__)

#include "isa/table.hpp"
#include "simd/neon.hpp"

namespace pyinit {
const Kernels* neon_kernels() { return &kKernels<simd::Neon>; }
}  // namespace pyinit

#else

namespace pyinit {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace pyinit

#endif
