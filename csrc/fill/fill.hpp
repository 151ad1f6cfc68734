// Fills a buffer: cuts the window into tiles, shares them among threads, and draws each with the kernels that
// the caller hands down.
// Contract: the bytes depend on the key, the numbers, the dtype and the window; not on `threads`, on the
// address or on the kernels' instruction set. `out` is C-contiguous, aligned to its element, and holds
// region.size() elements.
#pragma once

#include "dtype.hpp"
#include "fill/kernels.hpp"
#include "fill/region.hpp"
#include "rng/numbers.hpp"

namespace pyinit::fill {

struct Target {
  void* out;
  Dtype dtype;
  int threads;  // at least 1
};

void uniform(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
             const rng::UniformNumbers& numbers);
void normal(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
            const rng::NormalNumbers& numbers);
void truncated_normal(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
                      const rng::TruncatedNumbers& numbers);
void transformed(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
                 const rng::TransformedNumbers& numbers);
// The dtype is float32 or float64: the parts of complex numbers lie along the last axis.
void disk(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
          const rng::DiskNumbers& numbers);

// Normal draws of which some are zero: a count in every column of the matrix whose rectangle begins at
// (first_row, first_column), or each element by chance.
struct MatrixPlace {
  uint64_t first_row, first_column, rows, columns;
};
void sparse(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
            const rng::NormalNumbers& numbers, const rng::ColumnZeros& zeros, const MatrixPlace& place);
void bernoulli_sparse(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
                      const rng::NormalNumbers& numbers, const rng::ChanceZeros& zeros);

// Repeats one element, given as its bytes.
void constant(const Kernels& kernels, void* out, size_t bytes, const void* element, size_t element_bytes,
              int threads);

// Writes ones, past the cache but on fresh pages: the memory's own speed, for benchmarks.
void stream_constant(const Kernels& kernels, void* out, size_t bytes, int threads);

}  // namespace pyinit::fill
