// The fill kernels for Avx512, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "fill/kernels.hpp"

#if defined(__AVX512F__)

#include "fill/instantiate.hpp"
#include "simd/avx512.hpp"

namespace pyinit::fill {
const Kernels* avx512_kernels() { return &kKernels<simd::Avx512>; }
}  // namespace pyinit::fill

#else

namespace pyinit::fill {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace pyinit::fill

#endif
