// A tile of a matrix product, kept in registers: c[i][j] += a[i][0] b[0][j] + a[i][1] b[1][j] + ...
// Why an outer product: each step takes one vector of b and kTileRows numbers of a, and every element of the
// tile grows by its own chain of fma; nothing is ever added across lanes.
// Contract: one chain an element, depth ascending, from +0 or from what c holds; so the bits depend neither
// on the tile nor on the instruction set.
// Source: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 2008.
#pragma once

#include <cstddef>
#include <type_traits>

#include "dense/kernels.hpp"

namespace pyinit::dense {

template <class S, class Value>
using VectorOf = decltype(S::all(Value{}));

template <class S>
inline constexpr size_t kTileRows = S::kTileRows;

// A tile is one vector wide.
template <class S, class Value>
inline constexpr size_t kTileColumns = sizeof(VectorOf<S, Value>) / sizeof(Value);

// Element (i, p) of the first factor is a[i kRow + p kDepth].
template <size_t kRowStride, size_t kDepthStride>
struct Strides {
  static constexpr size_t kRow = kRowStride;
  static constexpr size_t kDepth = kDepthStride;
};

// Steps of depth between two calls of what a tile does on the side. They are written out one after the other:
// as a loop of single steps, doubles took a tenth longer on AVX-512.
inline constexpr size_t kStepsApart = 8;

struct NothingAside {};

// The first kWidth numbers of a vector as one piece of memory. Why not memcpy: compilers copy it in pieces of
// 16 bytes, and what is made of pieces stays in memory.
template <class S, class Value, size_t kWidth>
struct Columns {
  using Piece [[gnu::vector_size(kWidth * sizeof(Value)), gnu::aligned(alignof(Value)), gnu::may_alias]] =
      Value;

  [[gnu::always_inline]] static void copy(Value* to, const Value* from) {
    *reinterpret_cast<Piece*>(to) = *reinterpret_cast<const Piece*>(from);
  }
};

// The first kWidth columns of a row of a tile: all of them, or half. What the others would hold is never used,
// so the compiler leaves out their sums.
template <class S, size_t kWidth, class Value>
[[gnu::always_inline]] inline VectorOf<S, Value> load_columns(const Value* from) {
  constexpr size_t kColumns = kTileColumns<S, Value>;
  if constexpr (kWidth == kColumns) {
    return S::load(from);
  } else {
    Value row[kColumns] = {};
    Columns<S, Value, kWidth>::copy(row, from);
    return S::load(row);
  }
}
template <class S, size_t kWidth, class Value>
[[gnu::always_inline]] inline void store_columns(Value* to, const VectorOf<S, Value>& columns) {
  constexpr size_t kColumns = kTileColumns<S, Value>;
  if constexpr (kWidth == kColumns) {
    S::store(to, columns);
  } else {
    Value row[kColumns];
    S::store(row, columns);
    Columns<S, Value, kWidth>::copy(to, row);
  }
}

// Calls aside() every kStepsApart steps of depth: the place to ask memory for what comes next.
template <class S, class A, size_t kWidth, class Value, class Aside = NothingAside>
[[gnu::always_inline]] inline void multiply_tile(size_t depth, const Value* a, const Value* b,
                                                 size_t b_stride, Value* c, size_t c_stride, Start start,
                                                 Aside aside = {}) {
  using Vector = VectorOf<S, Value>;
  constexpr size_t kRows = kTileRows<S>;
  Vector sums[kRows];
  if (start == Start::kZero) {
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) sums[i] = S::all(Value{0});
  } else {
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) sums[i] = load_columns<S, kWidth>(c + i * c_stride);
  }
  const auto step = [&]() __attribute__((always_inline)) {
    const Vector row = S::load(b);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) sums[i] = S::fma(S::all(a[i * A::kRow]), row, sums[i]);
    a += A::kDepth;
    b += b_stride;
  };
  size_t left = depth;
  for (; left >= kStepsApart; left -= kStepsApart) {
    if constexpr (!std::is_same_v<Aside, NothingAside>) aside();
#pragma GCC unroll 8
    for (size_t p = 0; p < kStepsApart; ++p) step();
  }
  for (size_t p = 0; p < left; ++p) step();
#pragma GCC unroll 16
  for (size_t i = 0; i < kRows; ++i) store_columns<S, kWidth>(c + i * c_stride, sums[i]);
}

}  // namespace pyinit::dense
