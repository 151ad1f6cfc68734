// The operations in plain C++: what they mean.
#include "simd/scalar.hpp"
#include "simd_operations.hpp"

namespace pyinit::tests {
Operations scalar_operations() { return operations<simd::Scalar>(); }
}  // namespace pyinit::tests
