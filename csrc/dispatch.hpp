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

// Throws std::invalid_argument when PYINIT_ISA names none of available_isas().
Isa active_isa();
const fill::Kernels& active_kernels();

// Makes `name` active and returns the previous name. For tests: not while another thread fills.
std::string use_isa(std::string_view name);

}  // namespace pyinit
