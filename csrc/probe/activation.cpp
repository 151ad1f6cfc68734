#include "probe/activation.hpp"

namespace pyinit::probe {

std::optional<Activation> find_activation(std::string_view name) {
  for (size_t i = 0; i < kActivationNames.size(); ++i) {
    if (kActivationNames[i] == name) return static_cast<Activation>(i);
  }
  return std::nullopt;
}

}  // namespace pyinit::probe
