// The kernels for Avx512. This file alone is compiled with these instructions.
#include "isa/kernels.hpp"

#if defined(__AVX512F__)

#include "isa/table.hpp"
#include "simd/avx512.hpp"

namespace pyinit {
const Kernels* avx512_kernels() { return &kKernels<simd::Avx512>; }
}  // namespace pyinit

#else

namespace pyinit {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace pyinit

#endif
