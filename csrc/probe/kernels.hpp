// The probe's kernels of one instruction set, behind plain functions; and what activations there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "probe/moments.hpp"

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

struct Kernels {
  // Each reads x[0..n) and writes y[0..n), which may be x. `parameter` is the negative slope of leaky_relu.
  void (*activate)(Activation, float parameter, const float* x, size_t n, float* y);
  void (*slope)(Activation, float parameter, const float* x, size_t n, float* y);
  // The statistics of one block; its counts are added to the tally.
  BlockMoments (*summarize)(const Question& question, const Matrix& block, Tally& tally);
};

// Null where the build has no such kernels.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels* neon_kernels();
const Kernels* scalar_kernels();

// Those of the active instruction set.
const Kernels& active_kernels();

}  // namespace pyinit::probe
