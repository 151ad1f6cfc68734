// The probe's kernels of one instruction set, as plain functions: a part of its table (isa/kernels.hpp).
#pragma once

#include <cstddef>

#include "probe/activation.hpp"
#include "probe/moments.hpp"

namespace pyinit::probe {

struct Kernels {
  // Each reads x[0..n) and writes y[0..n), which may be x. `parameter` is the negative slope of leaky_relu.
  void (*activate)(Activation, float parameter, const float* x, size_t n, float* y);
  void (*slope)(Activation, float parameter, const float* x, size_t n, float* y);
  // Returns the statistics of one block, and adds its counts to the tally.
  BlockMoments (*summarize)(const Question& question, const Matrix& block, Tally& tally);
};

}  // namespace pyinit::probe
