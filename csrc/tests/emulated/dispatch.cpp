// In place of csrc/dispatch.cpp: the emulated instruction set is there and is the only one.
#include "dispatch.hpp"

namespace pyinit {

std::vector<std::string> available_isas() { return {"avx512"}; }

Isa active_isa() { return Isa::kAvx512; }

const fill::Kernels& active_kernels() { return *fill::avx512_kernels(); }

std::string use_isa(std::string_view) { return "avx512"; }

}  // namespace pyinit
