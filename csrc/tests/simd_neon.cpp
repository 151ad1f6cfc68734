// The operations of Neon, in a translation unit of their own: it alone is compiled with these instructions.
#include "simd_operations.hpp"

#if defined(__aarch64__)

#include "simd/neon.hpp"

namespace pyinit::tests {
Operations neon_operations() { return operations<simd::Neon>(); }
}  // namespace pyinit::tests

#else

namespace pyinit::tests {
Operations neon_operations() { return {}; }
}  // namespace pyinit::tests

#endif
