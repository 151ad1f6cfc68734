// The fill kernels for Avx2, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "fill/kernels.hpp"

#if defined(__AVX2__)

#include "fill/instantiate.hpp"
#include "simd/avx2.hpp"

namespace pyinit::fill {
const Kernels* avx2_kernels() { return &kKernels<simd::Avx2>; }
}  // namespace pyinit::fill

#else

namespace pyinit::fill {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace pyinit::fill

#endif
