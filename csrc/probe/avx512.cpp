// The activations for Avx512, in a translation unit of their own: it alone is compiled with these
// instructions.
#include "probe/kernels.hpp"

#if defined(__AVX512F__)

#include "probe/instantiate.hpp"
#include "simd/avx512.hpp"

namespace pyinit::probe {
const Kernels* avx512_kernels() { return &kKernels<simd::Avx512>; }
}  // namespace pyinit::probe

#else

namespace pyinit::probe {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace pyinit::probe

#endif
