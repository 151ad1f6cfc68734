// The dense kernels of one instruction set, behind plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dtype.hpp"

namespace pyinit::dense {

// Whether a chain of products begins at +0 or goes on from what is stored.
enum class Start { kZero, kStored };

// A factor as it lies in memory, strides in elements: element (line, p) at data[line line_stride + p
// depth_stride]; a line is a row of the first factor or a column of the second.
template <class Value>
struct Factor {
  const Value* data;
  ptrdiff_t line_stride, depth_stride;
};

template <class Value>
struct ProductKernels {
  // A tile's rows and columns. Packed factors are slivers of as many lines, each `depth` times their numbers
  // side by side; lines that are missing are zero.
  size_t tile_rows, tile_columns;
  void (*pack_rows)(const Factor<Value>& factor, size_t lines, size_t depth, Value* packed);
  void (*pack_columns)(const Factor<Value>& factor, size_t lines, size_t depth, Value* packed);
  // c (rows x columns, `c_stride` elements from row to row) from packed factors.
  void (*multiply)(size_t depth, const Value* packed_rows, size_t rows, const Value* packed_columns,
                   size_t columns, Value* c, size_t c_stride, Start start);
};

// Reflectors of a block; what their V is kept in, row after row.
inline constexpr size_t kBlock = 96;
// Reflectors that the triangular system is solved for at once: a block's rows are needed up to a multiple of it.
inline constexpr size_t kSolvedAtOnce = 4;
// Rows whose products are one chain of a number of V'V; the chains' ends are added. One chain of all rows would
// double the error of Q: V'V decides how well a block's reflectors fit together.
inline constexpr size_t kGramRows = 48;
// Rows of V whose squares are summed together: the sums' order is part of the stream.
inline constexpr size_t kSquareRows = 192;
static_assert(kSquareRows % kGramRows == 0);
// Columns whose squares are summed at once. Bits do not depend on it.
inline constexpr size_t kSquaresAtOnce = 16;
static_assert(kBlock % kSquaresAtOnce == 0);

// Columns of the widest tile there may be.
inline constexpr size_t kMostColumns = 64;

// Where a sliver's values go: the element of row i and column j at offset rows[i] + columns[j], times scale[j].
template <class Value>
struct Delivery {
  void* out;
  Dtype dtype;
  const uint64_t* picked_rows;  // of which the sliver's first is `first_row`
  const uint64_t* row_offsets;
  size_t rows;
  uint64_t first_row;
  const uint64_t* column_offsets;
  size_t columns;
  Value scale[kMostColumns];
};

// Tiles of V'V: a tile's columns from `column` on, rows from `row` to `end` or a little beyond.
struct GramPart {
  size_t row, end, column;
};

template <class Value>
struct ReflectorKernels {
  // The kBlock sums of the squares of at most kSquareRows rows of V, of `width` columns and zeros up to a multiple of
  // kSquaresAtOnce; zero beyond.
  void (*sum_squares)(const Value* v, size_t rows, size_t width, double* sums);
  // A part of V'V (kBlock x kBlock), or its sum with what is there; a sum goes on after a multiple of kGramRows
  // rows.
  void (*gram)(const Value* v, size_t rows, const GramPart& part, Value* gram, Start start);
  // C += V Y, Y = -T V'C, in a sliver: a matrix's columns, as many as a tile has, row after row. By `width`
  // reflectors of a block of `rows` rows, a multiple of tile_rows; the first `zero_rows` rows of C are zero.
  // `scratch` holds kBlock rows.
  void (*reflect)(const Value* v, const Value* gram, const Value* tau, size_t width, size_t rows,
                  size_t zero_rows, Value* sliver, Value* scratch);
  // The last step of that alone, on a sliver of W = V'C; and C + V Y.
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

// Null where the build has no such kernels.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels* neon_kernels();
const Kernels* scalar_kernels();

// Those of the active instruction set. A driver asks once, before it starts a thread, and hands them on.
const Kernels& active_kernels();

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
