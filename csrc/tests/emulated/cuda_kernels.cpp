// Every kernel of csrc/cuda/ as a function for the CPU.
#include "cuda/kernels.hpp"

#include "cuda/kernels.inc"
