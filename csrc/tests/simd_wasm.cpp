// The operations of WebAssembly's SIMD: in C++ without intrinsics, so that every machine compares them.
#include "simd/wasm.hpp"
#include "simd_operations.hpp"

namespace pyinit::tests {
Operations wasm_operations() { return operations<simd::Wasm>(); }
}  // namespace pyinit::tests
