// The activations and their names. Their formulas stand in activations.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pyinit::probe {

enum class Activation : uint8_t {
  kLinear,
  kRelu,
  kLeakyRelu,
  kElu,
  kSelu,
  kGelu,
  kGeluTanh,
  kSilu,
  kMish,
  kTanh,
  kSigmoid,
  kHardtanh,
  kSoftplus,
  kSoftsign,
  kErf,
  kSin,
};

// In the order of the enumeration.
inline constexpr std::array<std::string_view, 16> kActivationNames = {
    "linear", "relu", "leaky_relu", "elu",      "selu",     "gelu",     "gelu_tanh", "silu",
    "mish",   "tanh", "sigmoid",    "hardtanh", "softplus", "softsign", "erf",       "sin"};

// Empty where no activation has this name.
std::optional<Activation> find_activation(std::string_view name);

}  // namespace pyinit::probe
