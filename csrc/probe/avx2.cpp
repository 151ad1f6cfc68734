// The activations for Avx2, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "probe/kernels.hpp"

#if defined(__AVX2__)

#include "probe/instantiate.hpp"
#include "simd/avx2.hpp"

namespace pyinit::probe {
const Kernels* avx2_kernels() { return &kKernels<simd::Avx2>; }
}  // namespace pyinit::probe

#else

namespace pyinit::probe {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace pyinit::probe

#endif
