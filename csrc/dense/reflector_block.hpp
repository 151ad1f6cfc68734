// What a block of reflectors is made of: drawn rows of V, squared lengths, tau and signs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "dense/kernels.hpp"
#include "dense/orthogonal.hpp"
#include "fill/kernels.hpp"

namespace pyinit::dense {

// The kernels that make blocks, taken from the two tables that a driver is handed.
template <class Value>
struct BlockKernels {
  const ProductKernels<Value>& product;
  const ReflectorKernels<Value>& reflector;
  decltype(fill::Kernels::normal) normal;
};
template <class Value>
BlockKernels<Value> block_kernels(const fill::Kernels& draws, const Kernels& kernels) {
  return {product_kernels<Value>(kernels), reflector_kernels<Value>(kernels), draws.normal};
}

constexpr size_t parts(size_t n, size_t size) { return (n + size - 1) / size; }
constexpr size_t round_up(size_t n, size_t multiple) { return parts(n, multiple) * multiple; }

// The sizes of the `width` reflectors that begin at column `start` of a matrix, of `rows` numbers and fewer.
class BlockShape {
 public:
  BlockShape(const OrthogonalTask& task, uint64_t start)
      : start_(start),
        rows_(static_cast<size_t>(task.length - start)),
        width_(static_cast<size_t>(std::min<uint64_t>(kReflectors, task.count - start))) {}

  uint64_t start() const { return start_; }
  size_t rows() const { return rows_; }
  size_t width() const { return width_; }
  size_t chunks() const { return parts(rows_, kSquareRows); }
  // Reflectors that the triangular system is solved for: whole steps.
  size_t solved() const { return round_up(width_, kSolvedAtOnce); }

 protected:
  uint64_t start_;
  size_t rows_, width_;
};

// These reflectors.
template <class Value>
class ReflectorBlock : public BlockShape {
 public:
  ReflectorBlock(const BlockKernels<Value>& kernels, const OrthogonalTask& task, uint64_t start, rng::Key key)
      : BlockShape(task, start),
        kernels_(kernels),
        task_(task),
        key_(key),
        used_(std::min(kReflectors, std::max({round_up(solved(), kernels_.product.tile_rows),
                                              round_up(solved(), kernels_.product.tile_columns),
                                              round_up(width_, kSquaresAtOnce)}))) {}

  const Value* tau() const { return tau_; }

  // Draws the rows of chunk number `chunk` into their places, and returns how many.
  size_t draw(size_t chunk, Value* v) {
    const size_t count = draw_numbers(chunk, v);
    place(chunk, count, v, v);
    return count;
  }

  // Draws them side by side, as many numbers each as there are reflectors.
  size_t draw_numbers(size_t chunk, Value* numbers) const {
    const size_t first = chunk * kSquareRows;
    const size_t count = std::min(kSquareRows, rows_ - first);
    const fill::Runs runs{(start_ + first) * task_.count + start_, task_.count, width_, count};
    kernels_.normal(std::is_same_v<Value, double> ? Dtype::kFloat64 : Dtype::kFloat32, {0.0, 1.0}, key_, runs,
                    numbers);
    return count;
  }

  // Puts `count` drawn rows, which may lie at v itself, into their places, kReflectors numbers each. They are
  // zero in what is used beyond the width, and above the reflectors' first numbers, which are zero until
  // `finish` has found them.
  void place(size_t chunk, size_t count, const Value* numbers, Value* v) {
    if (width_ < kReflectors || numbers != v) {
      // Rows go to their places last one first, so that none overwrites another.
      for (size_t i = count; i-- > 0;) {
        move_row(numbers + i * width_, v + i * kReflectors);
        for (size_t k = width_; k < used_; ++k) v[i * kReflectors + k] = Value{0};
      }
    }
    if (chunk == 0) {
      for (size_t k = 0; k < width_; ++k) {
        drawn_[k] = v[k * kReflectors + k];
        for (size_t i = 0; i < k; ++i) v[i * kReflectors + k] = Value{0};
        v[k * kReflectors + k] = heads_[k];
      }
    }
  }

  // Finds the first numbers and tau from the squared lengths below them, and writes the signs D to
  // signs[0..width).
  void finish(const double* squares, Value* signs) {
    for (size_t k = 0; k < width_; ++k) {
      if (k + 1 == rows_) {
        signs[k] = std::copysign(Value{1}, drawn_[k]);
        continue;
      }
      const auto x = static_cast<double>(drawn_[k]);
      const double norm = std::sqrt(x * x + squares[k]);
      heads_[k] = static_cast<Value>(x + std::copysign(norm, x));
      const double square = squares[k] + static_cast<double>(heads_[k]) * static_cast<double>(heads_[k]);
      tau_[k] = square > 0 ? static_cast<Value>(2 / square) : Value{0};
      signs[k] = -std::copysign(Value{1}, drawn_[k]);
    }
  }

  // Writes the first numbers into rows that were drawn before `finish`.
  void complete(Value* v) const {
    for (size_t k = 0; k < width_; ++k) v[k * kReflectors + k] = heads_[k];
  }

 private:
  // Copies a row, which may overlap its place. Pieces of one size are copied without a call: calls took a sixth
  // of the time of a matrix of 16 columns.
  void move_row(const Value* from, Value* to) const {
    constexpr size_t kPiece = 16 / sizeof(Value);
    Value piece[kPiece];
    size_t k = width_;
    for (; k % kPiece != 0; --k) to[k - 1] = from[k - 1];
    for (; k > 0; k -= kPiece) {
      std::memcpy(piece, from + k - kPiece, sizeof(piece));
      std::memcpy(to + k - kPiece, piece, sizeof(piece));
    }
  }

  const BlockKernels<Value>& kernels_;
  const OrthogonalTask& task_;
  rng::Key key_;
  // The numbers of a row of V that whole tiles of V'V and sums of squares read.
  size_t used_;
  Value drawn_[kReflectors] = {}, heads_[kReflectors] = {}, tau_[kReflectors] = {};
};

// Where some rows of the wanted columns [first, first + columns) go, from a sliver whose first row is
// `first_row`.
struct PickedRows {
  size_t from, count;
};
template <class Value>
Delivery<Value> scaled_delivery(const OrthogonalTask& task, Dtype dtype, const std::vector<Value>& signs,
                                void* out, size_t first, size_t columns, PickedRows rows,
                                uint64_t first_row) {
  Delivery<Value> to{
      out,        dtype,     task.rows.index.data() + rows.from, task.rows.offset.data() + rows.from,
      rows.count, first_row, task.columns.offset.data() + first, columns,
      {}};
  for (size_t j = 0; j < columns; ++j)
    to.scale[j] = signs[task.columns.index[first + j]] * static_cast<Value>(task.gain);
  return to;
}

// Adds `count` sums of `numbers` numbers each in pairs, into the first.
inline void join_in_pairs(double* sums, size_t count, size_t numbers) {
  for (size_t step = 1; step < count; step *= 2) {
    for (size_t i = 0; i + step < count; i += 2 * step) {
      for (size_t k = 0; k < numbers; ++k) sums[i * numbers + k] += sums[(i + step) * numbers + k];
    }
  }
}

}  // namespace pyinit::dense
