// Filling a buffer: the window cut into tiles, the tiles shared among threads, each tile drawn by the kernels
// of the active instruction set.
// Kernels are chosen once, before any thread is started, which may throw std::invalid_argument (dispatch.hpp).
// Contract: the bytes depend on the key, the numbers, the dtype and the window; not on `threads`, on the
// address or on the instruction set. `out` is C-contiguous, aligned to its element, and holds region.size()
// elements.
#pragma once

#include "dtype.hpp"
#include "fill/region.hpp"
#include "rng/numbers.hpp"

namespace pyinit::fill {

struct Target {
  void* out;
  Dtype dtype;
  int threads;  // at least 1
};

void uniform(const Target& target, const Region& region, rng::Key key, const rng::UniformNumbers& numbers);
void normal(const Target& target, const Region& region, rng::Key key, const rng::NormalNumbers& numbers);
void truncated_normal(const Target& target, const Region& region, rng::Key key,
                      const rng::TruncatedNumbers& numbers);

// Normal draws of which some are zero: a count in every column of the matrix whose rectangle begins at
// (first_row, first_column), or each element by chance.
struct MatrixPlace {
  uint64_t first_row, first_column, rows, columns;
};
void sparse(const Target& target, const Region& region, rng::Key key, const rng::NormalNumbers& numbers,
            const rng::ColumnZeros& zeros, const MatrixPlace& place);
void bernoulli_sparse(const Target& target, const Region& region, rng::Key key,
                      const rng::NormalNumbers& numbers, const rng::ChanceZeros& zeros);

// Repeats one element, given as its bytes.
void constant(void* out, size_t bytes, const void* element, size_t element_bytes, int threads);

// The memory's own speed, for benchmarks: ones, always past the cache.
void stream_constant(void* out, size_t bytes, int threads);

}  // namespace pyinit::fill
