// The kernels for Wasm. All files are compiled with these instructions: a module of WebAssembly runs as a whole
// or not at all.
#include "isa/kernels.hpp"

#if defined(__wasm_simd128__)

#include "isa/table.hpp"
#include "simd/wasm.hpp"

namespace pyinit {
const Kernels* wasm_kernels() { return &kKernels<simd::Wasm>; }
}  // namespace pyinit

#else

namespace pyinit {
const Kernels* wasm_kernels() { return nullptr; }
}  // namespace pyinit

#endif
