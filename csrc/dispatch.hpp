// Which instruction set is in use: the widest that this build has and this CPU runs, or the one that
// PYINIT_ISA names. Only callers of the core ask: they hand the table down, and no layer below reads it
// again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "isa/kernels.hpp"

namespace pyinit {

// The instruction sets that this build has and this CPU runs, widest first; the last is plain C++.
std::vector<const Kernels*> available_kernels();

// The instruction set in use. The first call reads PYINIT_ISA from the environment, which no other thread may
// change meanwhile: a binding makes it while it holds the GIL, and no later call reads anything. Throws
// std::invalid_argument when the variable names no available set.
const Kernels& active_kernels();

// Compares a few elements of the stream on every available instruction set with what they must be. Throws
// std::runtime_error where this build's arithmetic is not what was written (fill/self_check.hpp).
void check_arithmetic();

// Puts the set called `name` in use and returns the name of the one before. For tests: no other thread may be
// about to ask for the table.
std::string use_isa(std::string_view name);

}  // namespace pyinit
