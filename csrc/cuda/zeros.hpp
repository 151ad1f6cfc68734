// Zeros among what has been drawn: an exact count in every column of a matrix, or each element by chance; and
// a sparse tensor whose columns are spread over several axes, drawn element by element.
// Contract: the bytes of fill/zeros.hpp and of pyinit/stream/kernels.py, for any grid.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/draws.hpp"
#include "cuda/lines.hpp"
#include "rng/bits.hpp"
#include "rng/permutation.hpp"

namespace pyinit::cuda {

// A rectangle of a matrix; `pitch` elements lie between its rows in `out`.
struct ColumnZerosTask {
  void* out;
  rng::Key mask;
  uint32_t rows_in_all, zeros;  // the numbers of rng::ColumnZeros
  uint64_t first_row, first_column, rows, columns, pitch;
};

// A column's permutation is set up once for so many rows.
inline constexpr uint64_t kStripRows = 64;

template <class Out>
PYINIT_INLINE void zero_in_columns(const ColumnZerosTask& task, const Thread& thread) {
  using S = simd::Cuda;
  constexpr uint64_t kLanes = S::kLanes;
  const uint64_t across = (task.columns + kLanes - 1) / kLanes;
  const uint64_t strips = (task.rows + kStripRows - 1) / kStripRows;
  for (uint64_t unit = thread.index; unit < across * strips; unit += thread.count) {
    const uint64_t strip = Window::divided(unit, across);
    const uint64_t left = (unit - strip * across) * kLanes;
    const rng::Permutation<S> permutation(task.mask, task.first_column + left, task.rows_in_all);
    const uint64_t begin = strip * kStripRows;
    const uint64_t end = begin + kStripRows < task.rows ? begin + kStripRows : task.rows;
    for (uint64_t row = begin; row < end; ++row) {
      const S::U32 place = permutation(static_cast<uint32_t>(task.first_row + row));
      Out* at = static_cast<Out*>(task.out) + row * task.pitch + left;
      for (uint64_t k = 0; k < kLanes; ++k) {
        if (left + k < task.columns && place.v[k] < task.zeros) at[k] = Out{};
      }
    }
  }
}

struct ChanceZerosTask {
  void* out;
  rng::Key mask;
  Window window;
  uint64_t threshold;
};

template <class Out>
PYINIT_INLINE void zero_by_chance(const ChanceZerosTask& task, const Thread& thread) {
  constexpr uint32_t kPer = rng::kPerBlock<uint32_t>;
  const rng::Bits<simd::Cuda> drawn;
  const rng::PhiloxKeys<simd::Cuda> keys(task.mask.seed);
  const Pieces pieces(task.window, kPer);
  const uint64_t size = pieces.size();
  for (uint64_t number = thread.index; number < size; number += thread.count) {
    const Piece piece = pieces[number];
    if (piece.count == 0) continue;
    uint32_t bits[kPer];
    drawn(words_of(keys, task.mask.offset + piece.block), bits);
    Out* at = static_cast<Out*>(task.out) + piece.at;
    for (uint32_t k = 0; k < kPer; ++k) {
      if (k >= piece.skip && k < piece.skip + piece.count && bits[k] < task.threshold)
        at[k - piece.skip] = Out{};
    }
  }
}

// Matrices whose lines are those of a window: element (row, column) of member m is element (row columns +
// column) of the stream of key.fold_in(m), or of the key itself where there is no stack.
struct FlattenedTask {
  void* out;
  rng::Key key;
  Lines rows, columns, members;
  uint64_t rows_in_all, columns_in_all;
  uint64_t mask_number;  // what folds a key into its mask
  uint64_t zeros;        // of a column, or the threshold of a chance
  uint32_t is_stacked, is_exact;
  rng::NormalNumbers numbers;
};

PYINIT_INLINE rng::Key folded(rng::Key key, uint64_t number) {
  const rng::PhiloxBlock words = rng::block<simd::Cuda>(key, number);
  return {words[0] | uint64_t{words[1]} << 32, words[2] | uint64_t{words[3]} << 32};
}

template <class Draw, class Out>
PYINIT_INLINE void sparse(const FlattenedTask& task, const Thread& thread) {
  using Value = typename Draw::Value;
  constexpr uint32_t kPer = rng::kPerBlock<Value>;
  const Draw drawn(task.numbers);
  const uint64_t columns = task.columns.size(), matrix = task.rows.size() * columns;
  for (uint64_t unit = thread.index; unit < matrix * task.members.size(); unit += thread.count) {
    const uint64_t member = Window::divided(unit, matrix), inside = unit - member * matrix;
    const uint64_t i = Window::divided(inside, columns);
    const Line row = task.rows[i], column = task.columns[inside - i * columns], of = task.members[member];
    Out* to = static_cast<Out*>(task.out) + row.offset + column.offset + of.offset;
    const rng::Key key = task.is_stacked ? folded(task.key, of.index) : task.key;
    const rng::Key mask = folded(key, task.mask_number);
    const uint64_t element = row.index * task.columns_in_all + column.index;
    bool is_zero;
    if (task.is_exact) {
      const rng::Permutation<simd::Cuda> permutation(mask, column.index,
                                                     static_cast<uint32_t>(task.rows_in_all));
      is_zero = permutation(static_cast<uint32_t>(row.index)).v[0] < task.zeros;
    } else {
      is_zero = rng::block<simd::Cuda>(mask, element / 4)[element % 4] < task.zeros;
    }
    if (is_zero) {
      *to = Out{};
      continue;
    }
    const rng::PhiloxKeys<simd::Cuda> keys(key.seed);
    Value values[kPer];
    drawn(words_of(keys, key.offset + element / kPer), values);
    for (uint32_t k = 0; k < kPer; ++k) {
      if (k == element % kPer) *to = rounded<Out>(values[k]);
    }
  }
}

}  // namespace pyinit::cuda
