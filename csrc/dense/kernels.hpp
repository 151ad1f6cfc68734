// The dense kernels of one instruction set, as plain functions: a part of its table (isa/kernels.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dense/delivery.hpp"
#include "dense/frozen.hpp"

namespace pyinit::dense {

// Whether a chain of products begins at +0 or goes on from what is stored.
enum class Start { kZero, kStored };

// A factor as it lies in memory, with strides in elements: element (line, p) is data[line line_stride + p
// depth_stride]. A line is a row of the first factor or a column of the second.
template <class Value>
struct Factor {
  const Value* data;
  ptrdiff_t line_stride, depth_stride;
};

template <class Value>
struct ProductKernels {
  // The rows and columns of a tile. A packed factor is slivers of as many lines; a sliver holds the lines'
  // numbers at each depth side by side, and zeros for lines that are missing.
  size_t tile_rows, tile_columns;
  void (*pack_rows)(const Factor<Value>& factor, size_t lines, size_t depth, Value* packed);
  void (*pack_columns)(const Factor<Value>& factor, size_t lines, size_t depth, Value* packed);
  // Writes c, rows x columns with `c_stride` elements from row to row, from packed factors.
  void (*multiply)(size_t depth, const Value* packed_rows, size_t rows, const Value* packed_columns,
                   size_t columns, Value* c, size_t c_stride, Start start);
};

// Reflectors that the triangular system is solved for at once: a row of V is needed up to a multiple of it.
inline constexpr size_t kSolvedAtOnce = 4;
// Columns whose squares are summed at once.
inline constexpr size_t kSquaresAtOnce = 16;
static_assert(kReflectors % kSolvedAtOnce == 0 && kReflectors % kSquaresAtOnce == 0);

// Some tiles of V'V: one tile's columns from `column` on, and the rows from `row` to `end` or a little
// beyond.
struct GramPart {
  size_t row, end, column;
};

template <class Value>
struct ReflectorKernels {
  // Writes kReflectors sums: of the squares of each of the `width` columns of V, over at most kSquareRows
  // rows. Columns beyond the width must hold zeros up to a multiple of kSquaresAtOnce; their sums are zero.
  void (*sum_squares)(const Value* v, size_t rows, size_t width, double* sums);
  // Writes a part of V'V (kReflectors x kReflectors), or adds it to what is there; a sum goes on after a
  // multiple of kGramRows rows.
  void (*gram)(const Value* v, size_t rows, const GramPart& part, Value* gram, Start start);
  // C += V Y, Y = -T V'C applies a block of reflectors to a sliver C, which is as many columns of a matrix as a
  // tile has, row after row. In three steps: W = V'C, or W += V'C, of some rows of V and C, for `width`
  // reflectors and up to a tile's rows beyond them; Y from W in place; and C += V Y of some rows, a multiple of
  // tile_rows. W and Y have room for kReflectors rows.
  void (*project)(const Value* v, size_t width, size_t rows, const Value* c, Value* w, Start start);
  void (*solve)(const Value* gram, const Value* tau, size_t width, Value* w);
  void (*combine)(const Value* v, size_t width, size_t rows, const Value* y, Value* c);
  void (*deliver)(const Value* sliver, const Delivery<Value>& delivery);
};

struct Kernels {
  ProductKernels<float> product32;
  ProductKernels<double> product64;
  ReflectorKernels<float> reflector32;
  ReflectorKernels<double> reflector64;
};

template <class Value>
const ProductKernels<Value>& product_kernels(const Kernels& kernels) {
  if constexpr (std::is_same_v<Value, double>) {
    return kernels.product64;
  } else {
    return kernels.product32;
  }
}
template <class Value>
const ReflectorKernels<Value>& reflector_kernels(const Kernels& kernels) {
  if constexpr (std::is_same_v<Value, double>) {
    return kernels.reflector64;
  } else {
    return kernels.reflector32;
  }
}

}  // namespace pyinit::dense
