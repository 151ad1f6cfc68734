// The operations of Avx2, in a translation unit of their own: it alone is compiled with these instructions.
#include "simd_operations.hpp"

#if defined(__AVX2__)

#include "simd/avx2.hpp"

namespace pyinit::tests {
Operations avx2_operations() { return operations<simd::Avx2>(); }
}  // namespace pyinit::tests

#else

namespace pyinit::tests {
Operations avx2_operations() { return {}; }
}  // namespace pyinit::tests

#endif
