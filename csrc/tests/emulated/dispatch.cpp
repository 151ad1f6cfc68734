// In place of csrc/dispatch.cpp: the emulated instruction set is there and is the only one.
#include "dispatch.hpp"

namespace pyinit {

std::vector<const Kernels*> available_kernels() { return {avx512_kernels()}; }

}  // namespace pyinit
