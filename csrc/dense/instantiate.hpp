// Every dense kernel for one instruction set S. Included by the one translation unit compiled for it.
#pragma once

#include "dense/product.hpp"
#include "dense/reflectors.hpp"

namespace pyinit::dense {

template <class S>
inline constexpr Kernels kKernels = {kProductKernels<S, float>, kProductKernels<S, double>,
                                     kReflectorKernels<S, float>, kReflectorKernels<S, double>};

}  // namespace pyinit::dense
