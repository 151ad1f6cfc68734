// The dense kernels for Avx2, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "dense/kernels.hpp"

#if defined(__AVX2__)

#include "dense/instantiate.hpp"
#include "simd/avx2.hpp"

namespace pyinit::dense {
const Kernels* avx2_kernels() { return &kKernels<simd::Avx2>; }
}  // namespace pyinit::dense

#else

namespace pyinit::dense {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace pyinit::dense

#endif
