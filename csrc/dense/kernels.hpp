// The dense kernels of one instruction set, behind plain functions.
#pragma once

#include <cstddef>

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

struct Kernels {
  ProductKernels<float> product32;
  ProductKernels<double> product64;
};

// Null where the build has no such kernels.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels* neon_kernels();
const Kernels* scalar_kernels();

// Those of the active instruction set.
const Kernels& active_kernels();

template <class Value>
const ProductKernels<Value>& product_kernels();

}  // namespace pyinit::dense
