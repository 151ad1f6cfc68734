// Compares a few elements of the stream with what they must be, and so this build's arithmetic with the
// source.
// Why beside strict_math.hpp: contraction, a fault of the compiler, or a flag that no macro shows would
// change bits silently. It takes about a microsecond for each instruction set, once, when the module is
// loaded.
#pragma once

#include <cstdint>

#include "fill/kernels.hpp"

namespace pyinit::fill {

// What self_check returns where the arithmetic is right, in stream version 1. Checked by
// csrc/tests/self_check.cpp.
extern const uint64_t kSelfCheck;

// The digest of 64 elements: sums of products in float32 and float64, logarithms, sines, subnormal numbers.
uint64_t self_check(const Kernels& kernels) noexcept;

}  // namespace pyinit::fill
