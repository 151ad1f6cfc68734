// A panel of columns of an orthogonal matrix: begun as columns of the identity, changed by one block of
// reflectors after the other, C += V Y with Y = -T V'C, and delivered.
// Contract: reflectors.hpp.
#pragma once

#include "cuda/reflectors.hpp"

namespace pyinit::cuda {

template <class Value>
PYINIT_INLINE void begin(const ReflectorTask& task, const Thread& thread) {
  for (uint64_t unit = thread.index; unit < task.length * task.columns; unit += thread.count) {
    const uint64_t i = Window::divided(unit, task.columns);
    const bool is_one = task.column_index[unit - i * task.columns] == i;
    static_cast<Value*>(task.panel)[unit] = is_one ? Value{1} : Value{0};
  }
}

// W = V'C, one chain of fma over the rows, for the columns from `from_column` on.
template <class Value>
PYINIT_INLINE void project(const ReflectorTask& task, const Block& block) {
  constexpr uint64_t kDown = kSide / kTileRows;
  PYINIT_SHARED Stage<Value> stage;
  PerThread<Sums<Value>> sums;
  const auto* v = static_cast<const Value*>(task.v);
  const auto* panel = static_cast<const Value*>(task.panel) + task.first_row * task.columns;
  const uint64_t top = block.index % kDown * kTileRows;
  const uint64_t left = task.from_column + block.index / kDown * kTileColumns;
  if (top >= task.width) return;
  add_products(
      block, stage, task.rows,
      [&](uint64_t row, uint32_t k) {
        return top + k < task.width ? v[row * task.width + top + k] : Value{0};
      },
      [&](uint64_t row, uint32_t j) {
        return left + j < task.columns ? panel[row * task.columns + left + j] : Value{0};
      },
      sums);
  auto* to = static_cast<Value*>(task.y);
  block.step([&](uint32_t thread) {
    each_sum(thread, sums[thread], [&](uint32_t k, uint32_t j, Value sum) {
      if (top + k < task.width && left + j < task.columns) to[(top + k) * task.columns + left + j] = sum;
    });
  });
}

// W = V'E: the rows of V that the panel's columns of the identity point at.
template <class Value>
PYINIT_INLINE void pick(const ReflectorTask& task, const Thread& thread) {
  for (uint64_t unit = thread.index; unit < task.width * task.columns; unit += thread.count) {
    const uint64_t k = unit / task.columns, j = unit % task.columns;
    static_cast<Value*>(task.y)[unit] =
        static_cast<const Value*>(task.v)[task.column_index[j] * task.width + k];
  }
}

// Y = -T W in place, a column a thread: row k becomes -tau_k (w_k + G[k][last] y_last + ... + G[k][k + 1]
// y_(k + 1)).
template <class Value>
PYINIT_INLINE void solve(const ReflectorTask& task, const Thread& thread) {
  const auto* gram = static_cast<const Value*>(task.gram);
  const auto* tau = static_cast<const Value*>(task.tau);
  for (uint64_t j = task.from_column + thread.index; j < task.columns; j += thread.count) {
    Value* y = static_cast<Value*>(task.y) + j;
    for (uint64_t r = task.width; r > 0;) {
      --r;
      Value sum = y[r * task.columns];
      for (uint64_t k = task.width; k > r + 1;) {
        --k;
        sum = fused(gram[r * kSide + k], y[k * task.columns], sum);
      }
      y[r * task.columns] = times(sum, -tau[r]);
    }
  }
}

// C += V Y.
template <class Value>
PYINIT_INLINE void combine(const ReflectorTask& task, const Block& block) {
  PYINIT_SHARED Stage<Value> stage;
  PerThread<Sums<Value>> sums;
  const auto* v = static_cast<const Value*>(task.v);
  const auto* y = static_cast<const Value*>(task.y);
  auto* panel = static_cast<Value*>(task.panel) + task.first_row * task.columns;
  const uint64_t down = (task.rows + kTileRows - 1) / kTileRows;
  const uint64_t top = block.index % down * kTileRows;
  const uint64_t left = task.from_column + block.index / down * kTileColumns;
  block.step([&](uint32_t thread) {
    each_sum(thread, sums[thread], [&](uint32_t i, uint32_t j, Value& sum) {
      const bool is_inside = top + i < task.rows && left + j < task.columns;
      sum = is_inside ? panel[(top + i) * task.columns + left + j] : Value{0};
    });
  });
  add_products(
      block, stage, task.width,
      [&](uint64_t k, uint32_t i) { return top + i < task.rows ? v[(top + i) * task.width + k] : Value{0}; },
      [&](uint64_t k, uint32_t j) {
        return left + j < task.columns ? y[k * task.columns + left + j] : Value{0};
      },
      sums);
  block.step([&](uint32_t thread) {
    each_sum(thread, sums[thread], [&](uint32_t i, uint32_t j, Value sum) {
      if (top + i < task.rows && left + j < task.columns) panel[(top + i) * task.columns + left + j] = sum;
    });
  });
}

// Scales by gain and sign, rounds, and puts the wanted rows into their places.
template <class Value, class Out>
PYINIT_INLINE void deliver(const ReflectorTask& task, const Thread& thread) {
  const auto* signs = static_cast<const Value*>(task.signs);
  const auto gain = static_cast<Value>(task.gain);
  for (uint64_t unit = thread.index; unit < task.picked_rows * task.columns; unit += thread.count) {
    const uint64_t inner = task.by_columns ? task.picked_rows : task.columns;
    const uint64_t outer = Window::divided(unit, inner);
    const uint64_t i = task.by_columns ? unit - outer * inner : outer;
    const uint64_t j = task.by_columns ? outer : unit - outer * inner;
    const Value value = static_cast<const Value*>(task.panel)[task.row_index[i] * task.columns + j];
    const Value scale = times(signs[task.column_index[j]], gain);
    static_cast<Out*>(task.out)[task.row_offset[i] + task.column_offset[j]] =
        rounded<Out>(times(value, scale));
  }
}

// The wanted lines of a matrix, worked out once.
struct LinesTask {
  Lines lines;
  uint64_t *index, *offset;
};

PYINIT_INLINE void write_lines(const LinesTask& task, const Thread& thread) {
  for (uint64_t k = thread.index; k < task.lines.size(); k += thread.count) {
    const Line line = task.lines[k];
    task.index[k] = line.index;
    task.offset[k] = line.offset;
  }
}

}  // namespace pyinit::cuda
