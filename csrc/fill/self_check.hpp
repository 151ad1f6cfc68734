// A few elements of the stream against what they must be: whether this build's arithmetic is what was written.
// Why beside strict_math.hpp: contraction, a compiler's fault and flags that no macro shows change bits, too, and
// nothing would say so. It takes about a microsecond for each instruction set, once, when the module is loaded.
#pragma once

#include <cstdint>

#include "fill/kernels.hpp"

namespace pyinit::fill {

// What self_check makes where arithmetic is right: stream version 1. Checked by csrc/tests/self_check.cpp.
extern const uint64_t kSelfCheck;

// The digest of 64 elements: sums of products in float32 and float64, logarithms, sines, subnormal numbers.
uint64_t self_check(const Kernels& kernels) noexcept;

}  // namespace pyinit::fill
