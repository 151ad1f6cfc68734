// c = a b, one chain of fma an element in ascending depth.
//     c[i][j] = fma(a[i][K-1], b[K-1][j], ... fma(a[i][0], b[0][j], +0))
// Why our own: no vendor's product promises that order, and without it bits depend on the library, its
// threads and the CPU.
// Contract: the bits depend on a and b alone, but for the sign and payload of a NaN, which are the machine's.
// Error: at most depth roundings, |c - ab| <= depth u |a||b|, u = 2^-24 or 2^-53. `c` is row-major and
// overlaps neither factor. Memory: the packed part of b, at most 8 MiB in float and 16 MiB in double, and
// for each thread at most 0.5 MiB of a; some of it is kept for the next call (kept_blocks.hpp).
#pragma once

#include <cstddef>

#include "dense/kernels.hpp"

namespace pyinit::dense {

struct ProductShape {
  size_t rows, columns, depth;
};

// `threads` is at least 1. Throws std::bad_alloc.
template <class Value>
void matmul(const Kernels& kernels, const ProductShape& shape, const Factor<Value>& a, const Factor<Value>& b,
            Value* c, int threads);

extern template void matmul(const Kernels&, const ProductShape&, const Factor<float>&, const Factor<float>&,
                            float*, int);
extern template void matmul(const Kernels&, const ProductShape&, const Factor<double>&, const Factor<double>&,
                            double*, int);

}  // namespace pyinit::dense
