#include "dense/kernels.hpp"

#include "dispatch.hpp"

namespace pyinit::dense {

const Kernels& active_kernels() {
  switch (active_isa()) {
    case Isa::kAvx512:
      return *avx512_kernels();
    case Isa::kAvx2:
      return *avx2_kernels();
    case Isa::kNeon:
      return *neon_kernels();
    case Isa::kScalar:
      break;
  }
  return *scalar_kernels();
}

}  // namespace pyinit::dense
