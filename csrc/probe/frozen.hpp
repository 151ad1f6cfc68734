// The sizes that decide the bits of the statistics: another value of any of them adds up means and variances
// in another order, and breaks tests/kernels/test_moments.py, which compares with pyinit/reference/layer.py
// bit for bit. Every other size in this folder is for speed alone.
#pragma once

#include <cstddef>

namespace pyinit::probe {

// The numbers of a block, where the matrix has as many, and its most rows.
inline constexpr size_t kBlockNumbers = 4096;
inline constexpr size_t kMostRows = 64;
// The lanes that a block is added up in: lane j takes the columns j, j + 32 and so on.
inline constexpr size_t kStatisticLanes = 32;

}  // namespace pyinit::probe
