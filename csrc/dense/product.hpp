// The matrix product from packed factors.
#pragma once

#include <cstdint>
#include <cstring>

#include "dense/tile.hpp"

namespace pyinit::dense {

// Asks for the next tile of c, a row at a time, and for this tile's share of the next sliver of b, a cache
// line at a time. Why a little at a time: asked for at once, as much as 50 cache lines keep the tile waiting.
template <class S, class Value>
struct NextTile {
  static constexpr size_t kLine = 64 / sizeof(Value);

  const Value* c;
  size_t c_stride;
  const Value* sliver;
  size_t rows = kTileRows<S>;

  void operator()() {
    // The sliver is far away and not needed soon: the second-level cache is near enough.
    __builtin_prefetch(sliver, 0, 2);
    sliver += kLine;
    if (rows == 0) return;
    --rows;
#pragma GCC unroll 4
    for (size_t j = 0; j < kTileColumns<S, Value>; j += kLine) __builtin_prefetch(c + j);
    __builtin_prefetch(c + kTileColumns<S, Value> - 1);
    // Added as integers: beyond the last row a pointer need not exist.
    c = reinterpret_cast<const Value*>(reinterpret_cast<uintptr_t>(c) + c_stride * sizeof(Value));
  }
};

template <class S, class Value, size_t kWidth>
[[gnu::noinline]] void packed_tile(size_t depth, const Value* a, const Value* b, Value* c, size_t c_stride,
                                   Start start, const NextTile<S, Value>& next) {
  multiply_tile<S, Strides<1, kTileRows<S>>, kWidth>(depth, a, b, kTileColumns<S, Value>, c, c_stride, start,
                                                     next);
}

template <class S, class Value>
void multiply(size_t depth, const Value* packed_rows, size_t rows, const Value* packed_columns,
              size_t columns, Value* c, size_t c_stride, Start start) {
  constexpr size_t kRows = kTileRows<S>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  const size_t share = depth / kStepsApart * NextTile<S, Value>::kLine;
  for (size_t j = 0; j < columns; j += kColumns) {
    const size_t width = columns - j < kColumns ? columns - j : kColumns;
    // Where half a tile holds what is left, that is all that is computed.
    const bool is_half = width <= kColumns / 2;
    const auto tile = is_half ? packed_tile<S, Value, kColumns / 2> : packed_tile<S, Value, kColumns>;
    const bool is_whole = width == (is_half ? kColumns / 2 : kColumns);
    const Value* b = packed_columns + j * depth;
    const bool is_last = columns - j <= kColumns;
    for (size_t i = 0; i < rows; i += kRows) {
      const size_t height = rows - i < kRows ? rows - i : kRows;
      const Value* a = packed_rows + i * depth;
      Value* to = c + i * c_stride + j;
      // Where nothing follows, the tile asks for what it already has.
      const size_t asked = i / kRows * share;
      const Value* sliver = is_last ? b : b + kColumns * depth;
      NextTile<S, Value> next{to, c_stride, asked + share <= kColumns * depth ? sliver + asked : b};
      if (rows - i >= 2 * kRows) {
        next.c = to + kRows * c_stride;
      } else if (columns - j >= 2 * kColumns && rows >= kRows) {
        next.c = c + j + kColumns;
      }
      if (height == kRows && is_whole) {
        tile(depth, a, b, to, c_stride, start, next);
        continue;
      }
      Value edge[kRows * kColumns] = {};
      if (start == Start::kStored) {
        for (size_t r = 0; r < height; ++r)
          std::memcpy(edge + r * kColumns, to + r * c_stride, width * sizeof(Value));
      }
      next.rows = 0;
      tile(depth, a, b, edge, kColumns, start, next);
      for (size_t r = 0; r < height; ++r)
        std::memcpy(to + r * c_stride, edge + r * kColumns, width * sizeof(Value));
    }
  }
}

}  // namespace pyinit::dense
