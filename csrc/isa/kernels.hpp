// The kernels of one instruction set: one table, whose parts belong to the layers that call them.
// Each layer is handed its part and knows no other; dispatch.hpp says which table is in use.
#pragma once

#include "dense/kernels.hpp"
#include "fill/kernels.hpp"
#include "probe/kernels.hpp"

namespace pyinit {

struct Kernels {
  const char* name;
  fill::Kernels fill;
  dense::Kernels dense;
  probe::Kernels probe;
};

// Null where the compiler of this build does not know the instructions. A CPU may lack them all the same.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels* neon_kernels();
const Kernels* wasm_kernels();
const Kernels* scalar_kernels();

}  // namespace pyinit
