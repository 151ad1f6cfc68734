// The dense kernels for Avx512, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "dense/kernels.hpp"

#if defined(__AVX512F__)

#include "dense/instantiate.hpp"
#include "simd/avx512.hpp"

namespace pyinit::dense {
const Kernels* avx512_kernels() { return &kKernels<simd::Avx512>; }
}  // namespace pyinit::dense

#else

namespace pyinit::dense {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace pyinit::dense

#endif
