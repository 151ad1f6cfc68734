#include "dense/matmul.hpp"

#include <algorithm>
#include <cstring>

#include "float_environment.hpp"
#include "memory.hpp"
#include "parallel.hpp"

namespace pyinit::dense {
namespace {

// A sliver of b this deep fills two thirds of a first-level cache (32 KiB), beside a tile of a.
constexpr size_t kDepth = 256;
// Columns of b packed at once, for all threads.
constexpr size_t kColumns = 4096;
// Rows of a unit of work: its part of a, packed by the thread that takes it, stays in the second-level cache.
constexpr size_t kRows = 480;
// A thread costs some 20 us to start: what as many fma take.
constexpr size_t kFmaPerThread = size_t{1} << 20;
// Units a thread can expect, so that none waits long for the last.
constexpr size_t kUnitsPerThread = 4;

size_t round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// n cut into parts of at most `most`, multiples of `unit`, and at least `parts` of them where that is possible.
size_t part_size(size_t n, size_t most, size_t unit, size_t parts) {
  const size_t count = std::max((n + most - 1) / most, parts);
  return std::max(unit, round_up((n + count - 1) / count, unit));
}

template <class Value>
Factor<Value> part_of(const Factor<Value>& factor, size_t line, size_t depth) {
  return {factor.data + static_cast<ptrdiff_t>(line) * factor.line_stride +
              static_cast<ptrdiff_t>(depth) * factor.depth_stride,
          factor.line_stride, factor.depth_stride};
}

}  // namespace

template <class Value>
void matmul(const ProductShape& shape, const Factor<Value>& a, const Factor<Value>& b, Value* c,
            int threads) {
  if (shape.rows == 0 || shape.columns == 0) return;
  if (shape.depth == 0) {
    std::fill(c, c + shape.rows * shape.columns, Value{0});
    return;
  }
  const ProductKernels<Value>& kernels = product_kernels<Value>();
  const size_t work = shape.rows * shape.columns / 64 * shape.depth / (kFmaPerThread / 64);
  const auto wanted = static_cast<size_t>(threads > 0 ? threads : default_threads());
  const size_t members = std::clamp<size_t>(work, 1, wanted);

  const size_t depth_part = part_size(shape.depth, kDepth, 1, 1);
  const size_t column_part = part_size(shape.columns, kColumns, kernels.tile_columns, 1);
  const size_t row_part = part_size(shape.rows, kRows, kernels.tile_rows, kUnitsPerThread * members);
  const size_t down = (shape.rows + row_part - 1) / row_part;
  // Few rows: the columns are shared out too.
  const size_t unit_columns = part_size(column_part, column_part, kernels.tile_columns,
                                        (kUnitsPerThread * members + down - 1) / down);
  const Scratch<Value> packed_a(members * row_part * depth_part);
  const Scratch<Value> packed_b(column_part * depth_part);

  run_team(members, [&](Team& team, size_t member) {
    const FloatEnvironment environment;
    Value* rows_of_unit = packed_a.data() + member * row_part * depth_part;
    for (size_t j0 = 0; j0 < shape.columns; j0 += column_part) {
      const size_t columns = std::min(column_part, shape.columns - j0);
      const size_t across = (columns + unit_columns - 1) / unit_columns;
      for (size_t p0 = 0; p0 < shape.depth; p0 += depth_part) {
        const size_t depth = std::min(depth_part, shape.depth - p0);
        team.each((columns + kernels.tile_columns - 1) / kernels.tile_columns, [&](size_t sliver) {
          const size_t j = sliver * kernels.tile_columns;
          kernels.pack_columns(part_of(b, j0 + j, p0), std::min(kernels.tile_columns, columns - j), depth,
                               packed_b.data() + j * depth);
        });
        team.each(down * across, [&](size_t unit) {
          const size_t i = unit % down * row_part;
          const size_t j = unit / down * unit_columns;
          const size_t rows = std::min(row_part, shape.rows - i);
          kernels.pack_rows(part_of(a, i, p0), rows, depth, rows_of_unit);
          kernels.multiply(depth, rows_of_unit, rows, packed_b.data() + j * depth,
                           std::min(unit_columns, columns - j), c + i * shape.columns + j0 + j, shape.columns,
                           p0 == 0 ? Start::kZero : Start::kStored);
        });
      }
    }
  });
}

template void matmul(const ProductShape&, const Factor<float>&, const Factor<float>&, float*, int);
template void matmul(const ProductShape&, const Factor<double>&, const Factor<double>&, double*, int);

}  // namespace pyinit::dense
