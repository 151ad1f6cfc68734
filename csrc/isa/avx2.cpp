// The kernels for Avx2. This file alone is compiled with these instructions.
#include "isa/kernels.hpp"

#if defined(__AVX2__)

#include "isa/table.hpp"
#include "simd/avx2.hpp"

namespace pyinit {
const Kernels* avx2_kernels() { return &kKernels<simd::Avx2>; }
}  // namespace pyinit

#else

namespace pyinit {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace pyinit

#endif
