// The matrix product from packed factors, and packing.
#pragma once

#include <cstring>

#include "dense/tile.hpp"

namespace pyinit::dense {

// Slivers of kLines lines: numbers p of all lines of a sliver side by side, lines that are missing zero.
template <class S, class Value, size_t kLines>
void pack(const Factor<Value>& factor, size_t lines, size_t depth, Value* packed) {
  // A cache line of each line at a time, so that lines far apart are read in whole cache lines.
  constexpr size_t kAtOnce = 64 / sizeof(Value);
  for (size_t first = 0; first < lines; first += kLines, packed += kLines * depth) {
    const size_t present = lines - first < kLines ? lines - first : kLines;
    const Value* from = factor.data + static_cast<ptrdiff_t>(first) * factor.line_stride;
    if (factor.line_stride == 1) {
      for (size_t p = 0; p < depth; ++p, from += factor.depth_stride) {
        Value* to = packed + p * kLines;
        if (present == kLines) {
          std::memcpy(to, from, kLines * sizeof(Value));
        } else {
          std::memcpy(to, from, present * sizeof(Value));
          for (size_t line = present; line < kLines; ++line) to[line] = Value{0};
        }
      }
      continue;
    }
    for (size_t p = 0; p < depth; p += kAtOnce) {
      const size_t count = depth - p < kAtOnce ? depth - p : kAtOnce;
      Value block[kLines][kAtOnce] = {};
      for (size_t line = 0; line < present; ++line) {
        const Value* numbers = from + static_cast<ptrdiff_t>(line) * factor.line_stride +
                               static_cast<ptrdiff_t>(p) * factor.depth_stride;
        if (factor.depth_stride == 1 && count == kAtOnce) {
          std::memcpy(block[line], numbers, sizeof(block[line]));
        } else {
          for (size_t q = 0; q < count; ++q)
            block[line][q] = numbers[static_cast<ptrdiff_t>(q) * factor.depth_stride];
        }
      }
      Value* to = packed + p * kLines;
      for (size_t q = 0; q < count; ++q) {
        for (size_t line = 0; line < kLines; ++line) to[q * kLines + line] = block[line][q];
      }
    }
  }
}

template <class S, class Value>
[[gnu::noinline]] void packed_tile(size_t depth, const Value* a, const Value* b, Value* c, size_t c_stride,
                                   Start start) {
  multiply_tile<S, Strides<1, kTileRows<S>>>(depth, a, b, kTileColumns<S, Value>, c, c_stride, start);
}

// Asks for the cache lines that hold `count` numbers.
template <class S, class Value>
[[gnu::always_inline]] inline void fetch(const Value* from, size_t count) {
  for (size_t i = 0; i < count; i += 64 / sizeof(Value)) __builtin_prefetch(from + i);
}

template <class S, class Value>
void multiply(size_t depth, const Value* packed_rows, size_t rows, const Value* packed_columns,
              size_t columns, Value* c, size_t c_stride, Start start) {
  constexpr size_t kRows = kTileRows<S>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  // The next sliver comes from far; each tile asks for its share of it, and for the next tile of c.
  const size_t share = kColumns * depth / ((rows + kRows - 1) / kRows);
  for (size_t j = 0; j < columns; j += kColumns) {
    const size_t width = columns - j < kColumns ? columns - j : kColumns;
    const Value* b = packed_columns + j * depth;
    const Value* next = j + kColumns < columns ? b + kColumns * depth : b;
    for (size_t i = 0; i < rows; i += kRows) {
      const size_t height = rows - i < kRows ? rows - i : kRows;
      const Value* a = packed_rows + i * depth;
      Value* to = c + i * c_stride + j;
      fetch<S>(next + i / kRows * share, share);
      if (height == kRows && width == kColumns) {
        if (i + 2 * kRows <= rows) {
          for (size_t r = kRows; r < 2 * kRows; ++r) fetch<S>(to + r * c_stride, kColumns);
        }
        packed_tile<S>(depth, a, b, to, c_stride, start);
        continue;
      }
      Value edge[kRows * kColumns] = {};
      if (start == Start::kStored) {
        for (size_t r = 0; r < height; ++r)
          std::memcpy(edge + r * kColumns, to + r * c_stride, width * sizeof(Value));
      }
      packed_tile<S>(depth, a, b, edge, kColumns, start);
      for (size_t r = 0; r < height; ++r)
        std::memcpy(to + r * c_stride, edge + r * kColumns, width * sizeof(Value));
    }
  }
}

template <class S, class Value>
inline constexpr ProductKernels<Value> kProductKernels = {
    kTileRows<S>,
    kTileColumns<S, Value>,
    pack<S, Value, kTileRows<S>>,
    pack<S, Value, kTileColumns<S, Value>>,
    multiply<S, Value>,
};

}  // namespace pyinit::dense
