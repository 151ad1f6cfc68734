// The operations of one thread of a GPU, compiled over emulated/cuda.hpp.
#include "simd/cuda.hpp"
#include "simd_operations.hpp"

namespace pyinit::tests {
Operations cuda_operations() { return operations<simd::Cuda>(); }
}  // namespace pyinit::tests
