// The operations of Avx512, in a translation unit of their own: it alone is compiled with these instructions.
#include "simd_operations.hpp"

#if defined(__AVX512F__)

#include "simd/avx512.hpp"

namespace pyinit::tests {
Operations avx512_operations() { return operations<simd::Avx512>(); }
}  // namespace pyinit::tests

#else

namespace pyinit::tests {
Operations avx512_operations() { return {}; }
}  // namespace pyinit::tests

#endif
