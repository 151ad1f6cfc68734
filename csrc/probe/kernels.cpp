#include "probe/kernels.hpp"

#include "dispatch.hpp"

namespace pyinit::probe {

std::optional<Activation> find_activation(std::string_view name) {
  for (size_t i = 0; i < kActivationNames.size(); ++i) {
    if (kActivationNames[i] == name) return static_cast<Activation>(i);
  }
  return std::nullopt;
}

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

}  // namespace pyinit::probe
