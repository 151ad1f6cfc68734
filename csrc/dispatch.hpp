// The instruction set in use: the widest this build has and this CPU runs, or the one PYINIT_ISA names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fill/kernels.hpp"

namespace pyinit {

enum class Isa { kAvx512, kAvx2, kNeon, kScalar };

// Names this build has and this CPU runs, widest first; the last is always "scalar".
std::vector<std::string> available_isas();

// The first call reads PYINIT_ISA from the environment, which no other thread may change meanwhile: a binding calls it
// while it holds the GIL, and no later call reads anything. Throws std::invalid_argument when the variable names none
// of available_isas().
Isa active_isa();
const fill::Kernels& active_kernels();

// Compares a few elements of the stream on every available instruction set with what they must be. Throws
// std::runtime_error where this build's arithmetic is not what was written (fill/self_check.hpp).
void check_arithmetic();

// Makes `name` active and returns the previous name. For tests: not while another thread fills.
std::string use_isa(std::string_view name);

}  // namespace pyinit
