// The parts of an orthogonal matrix: a block of Householder reflectors that is drawn, measured, and applied to
// a panel of columns. pyinit/cuda/orthogonal.py calls them in order.
// V is `rows` rows of `width` reflectors; row i and column k of it is v[i width + k]. A panel is `length` rows
// of `columns` columns.
// Contract: the sums of dense/reflectors.hpp and dense/thin.hpp in their order, so the bits of dense/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/lines.hpp"
#include "cuda/product.hpp"
#include "cuda/store.hpp"
#include "dense/frozen.hpp"

namespace pyinit::cuda {

// What all kernels here take; each uses a part.
struct ReflectorTask {
  void *v, *drawn, *tau;  // kReflectors numbers each but for v
  void* signs;            // of the matrix's columns from the block's first on
  double* squares;        // `width` for each chunk of kSquareRows rows
  void *parts, *gram;     // kReflectors^2 for each group of kGramRows rows, and their sum
  double* spans;          // kReflectors^2 for each span
  void *panel, *y;        // y: kReflectors rows of `columns`
  const uint64_t *column_index, *column_offset, *row_index, *row_offset;
  void* out;
  uint64_t rows, width;             // of V
  uint64_t first_group, groups;     // of the rows of V
  uint64_t span, span_count;        // the number of a span, and of all of them
  uint64_t length, columns;         // of the panel
  uint64_t first_row, from_column;  // where V begins in the panel; the first column that it changes
  uint64_t picked_rows;             // rows of the matrix that are wanted
  uint64_t is_first, by_columns;    // a sum begins; neighbours in memory are in a column
  double gain;
};

inline constexpr uint64_t kSide = dense::kReflectors;

// The numbers on the diagonal go to `drawn`; they and those above become 0.
template <class Value>
PYINIT_INLINE void cut(const ReflectorTask& task, const Thread& thread) {
  auto* v = static_cast<Value*>(task.v);
  for (uint64_t unit = thread.index; unit < task.width * task.width; unit += thread.count) {
    const uint64_t i = unit / task.width, k = unit % task.width;
    if (i > k) continue;
    if (i == k) static_cast<Value*>(task.drawn)[k] = v[unit];
    v[unit] = Value{0};
  }
}

// Sums of squares of each chunk, in kSquareChains chains in float64, which are joined in pairs.
template <class Value>
PYINIT_INLINE void sum_squares(const ReflectorTask& task, const Thread& thread) {
  constexpr uint64_t kChains = dense::kSquareChains;
  const auto* v = static_cast<const Value*>(task.v);
  const uint64_t chunks = (task.rows + dense::kSquareRows - 1) / dense::kSquareRows;
  for (uint64_t unit = thread.index; unit < chunks * task.width; unit += thread.count) {
    const uint64_t first = unit / task.width * dense::kSquareRows;
    const uint64_t left = task.rows - first;
    const uint64_t count = left < dense::kSquareRows ? left : dense::kSquareRows;
    const Value* at = v + first * task.width + unit % task.width;
    double chain[kChains] = {};
    for (uint64_t i = 0; i < count; i += kChains) {
      PYINIT_UNROLL(8)
      for (uint64_t c = 0; c < kChains; ++c) {
        if (i + c < count) {
          const double x = at[(i + c) * task.width];
          chain[c] = __dadd_rn(chain[c], __dmul_rn(x, x));
        }
      }
    }
    PYINIT_UNROLL(3)
    for (uint64_t half = kChains / 2; half > 0; half /= 2) {
      PYINIT_UNROLL(4)
      for (uint64_t c = 0; c < half; ++c) chain[c] = __dadd_rn(chain[c], chain[c + half]);
    }
    task.squares[unit] = chain[0];
  }
}

// Adds `count` numbers that are `pitch` apart in pairs, into the first.
PYINIT_INLINE void join_in_pairs(double* sums, uint64_t count, uint64_t pitch) {
  for (uint64_t step = 1; step < count; step *= 2) {
    for (uint64_t i = 0; i + step < count; i += 2 * step)
      sums[i * pitch] = __dadd_rn(sums[i * pitch], sums[(i + step) * pitch]);
  }
}

// Finds the reflectors' first numbers and tau from the squared lengths below them, and the signs D.
template <class Value>
PYINIT_INLINE void finish(const ReflectorTask& task, const Thread& thread) {
  using S = simd::Cuda;
  const uint64_t chunks = (task.rows + dense::kSquareRows - 1) / dense::kSquareRows;
  for (uint64_t k = thread.index; k < task.width; k += thread.count) {
    join_in_pairs(task.squares + k, chunks, task.width);
    const double x = static_cast<const Value*>(task.drawn)[k];
    const bool is_negative = S::bits(S::F64{x}).v >> 63 != 0;
    auto& head = static_cast<Value*>(task.v)[k * task.width + k];
    auto& tau = static_cast<Value*>(task.tau)[k];
    auto& sign = static_cast<Value*>(task.signs)[k];
    if (k + 1 == task.rows) {
      sign = is_negative ? Value{-1} : Value{1};
      tau = Value{0};
      continue;
    }
    const double norm = __dsqrt_rn(__dadd_rn(__dmul_rn(x, x), task.squares[k]));
    head = static_cast<Value>(__dadd_rn(x, is_negative ? -norm : norm));
    const double first = head;
    const double square = __dadd_rn(task.squares[k], __dmul_rn(first, first));
    tau = square > 0 ? static_cast<Value>(__ddiv_rn(2.0, square)) : Value{0};
    sign = is_negative ? Value{1} : Value{-1};
  }
}

// V'V of some groups of kGramRows rows, tile by tile; what lies above the diagonal is right.
template <class Value>
PYINIT_INLINE void multiply_groups(const ReflectorTask& task, const Block& block) {
  constexpr uint32_t kDown = (kSide + kTileRows - 1) / kTileRows;
  constexpr uint32_t kAcross = (kSide + kTileColumns - 1) / kTileColumns;
  PYINIT_SHARED Stage<Value> stage;
  PerThread<Sums<Value>> sums;
  const auto* v = static_cast<const Value*>(task.v);
  const uint64_t number = block.index / (kDown * kAcross), tile = block.index % (kDown * kAcross);
  const uint64_t top = tile / kAcross * kTileRows, left = tile % kAcross * kTileColumns;
  const uint64_t first = (task.first_group + number) * dense::kGramRows;
  const uint64_t rest = task.rows - first;
  // Nothing in this tile lies above the diagonal, or within the width.
  if (top >= task.width || left >= task.width || left + kTileColumns <= top) return;
  const auto number_of = [&](uint64_t row, uint64_t k) {
    return k < task.width ? v[(first + row) * task.width + k] : Value{0};
  };
  add_products(
      block, stage, rest < dense::kGramRows ? rest : dense::kGramRows,
      [&](uint64_t row, uint32_t i) { return number_of(row, top + i); },
      [&](uint64_t row, uint32_t j) { return number_of(row, left + j); }, sums);
  auto* to = static_cast<Value*>(task.parts) + number * kSide * kSide;
  block.step([&](uint32_t thread) {
    each_sum(thread, sums[thread], [&](uint32_t i, uint32_t j, Value sum) {
      if (left + j < task.width && top + i < task.width) to[(top + i) * kSide + left + j] = sum;
    });
  });
}

// The groups' products are added in order, to what is there unless the sum begins.
template <class Value>
PYINIT_INLINE void add_groups(const ReflectorTask& task, const Thread& thread) {
  const auto* parts = static_cast<const Value*>(task.parts);
  auto* gram = static_cast<Value*>(task.gram);
  for (uint64_t unit = thread.index; unit < kSide * kSide; unit += thread.count) {
    const uint64_t i = unit / kSide, k = unit % kSide;
    if (k <= i || k >= task.width) continue;
    Value sum = task.is_first ? parts[unit] : plus(gram[unit], parts[unit]);
    for (uint64_t g = 1; g < task.groups; ++g) sum = plus(sum, parts[g * kSide * kSide + unit]);
    gram[unit] = sum;
    if (task.span_count > 1) task.spans[task.span * kSide * kSide + unit] = sum;
  }
}

// Spans are joined in pairs, in float64.
template <class Value>
PYINIT_INLINE void join_spans(const ReflectorTask& task, const Thread& thread) {
  for (uint64_t unit = thread.index; unit < kSide * kSide; unit += thread.count) {
    const uint64_t i = unit / kSide, k = unit % kSide;
    if (k <= i || k >= task.width) continue;
    join_in_pairs(task.spans + unit, task.span_count, kSide * kSide);
    static_cast<Value*>(task.gram)[unit] = static_cast<Value>(task.spans[unit]);
  }
}

}  // namespace pyinit::cuda
