// Which of the vector instructions that kernels are compiled for this processor and its system run.
// Why not __builtin_cpu_supports: Clang's for Windows needs a library that its linker does not add, and no Clang
// before version 19 knows "f16c" there.
#pragma once

namespace pyinit {

// AVX2, FMA and F16C.
bool runs_avx2();

// AVX-512's parts F, DQ, BW and VL, and AVX2's.
bool runs_avx512();

}  // namespace pyinit
