// Haar-distributed orthonormal columns: Q = H_1 H_2 ... H_n D of an m x n matrix, m >= n, from drawn
// reflectors.
// Why: in the QR of a Gaussian matrix the k-th reflector is made of a vector that, given the reflectors
// before it, is again Gaussian, of length m - k. So the vectors are drawn: no matrix is factored, and column
// j needs only the reflectors up to j.
//     H_k = I - tau_k v_k v_k',  v_k = x_k + sign(x_kk) |x_k| e_k,  tau_k = 2 / (v_k'v_k),  D_k = -sign(x_kk)
// This D makes the distribution that of the QR whose R has a positive diagonal.
// Draws: x_ik is element i n + k of the key's normal stream, i >= k. A reflector of one number is the
// identity, with D = sign(x). Blocks of kReflectors reflectors begin at multiples of kReflectors.
// At most kReflectors columns are one block (thin.hpp), more are several (blocked.hpp).
// Contract: element (i, j) depends on (key, m, n, i, j, gain, dtype); not on what else is made, nor on
// threads or instruction set. The half types are computed in float32 and rounded once.
// Error: max |Q'Q - I| is about that of LAPACK's geqrf and orgqr at the same size: 0.1 to 0.9 of it in
// float32, 0.7 to 1.2 in float64 (tests/kernels/test_orthogonal_kernel.py).
// Memory, beside the output: V, 96 numbers a row; V'V of every block, 96 numbers a column, where not all columns
// are made at once; and for each thread a panel of 1 to 16 MiB (never less than one sliver), or together half of
// what is made where that is more. A matrix of at most 96 columns needs a few hundred KiB a thread, and what is
// drawn where that is at most 8 MiB. Of a stack of at least twice as many matrices as threads, each thread makes
// whole matrices, with its own V.
// Source: Stewart, "The efficient generation of random orthogonal matrices", SIAM J. Numer. Anal. 1980;
// Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 2007.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dense/kernels.hpp"
#include "dtype.hpp"
#include "fill/kernels.hpp"
#include "rng/numbers.hpp"

namespace pyinit::dense {

// The wanted rows or columns of Q, ascending, and what each adds to an element's offset in `out`.
struct Picked {
  std::vector<uint64_t> index, offset;
};

struct OrthogonalTask {
  uint64_t length, count;  // m and n
  Picked rows, columns;
  double gain;
};

// One matrix and where it goes; `out` has room for every offset.
struct OrthogonalOutput {
  rng::Key key;
  void* out;
};

// Makes the same part of every matrix. `threads` is at least 1. Throws std::bad_alloc.
void orthogonal(const fill::Kernels& draws, const Kernels& kernels, const OrthogonalTask& task,
                const std::vector<OrthogonalOutput>& matrices, Dtype dtype, int threads);

}  // namespace pyinit::dense
