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

// Steps of depth between two calls of what a tile does on the side.
inline constexpr size_t kStepsApart = 8;

struct NothingAside {};

// Calls aside() every kStepsApart steps of depth: the place to ask memory for what comes next.
template <class S, class A, class Value, class Aside = NothingAside>
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
    for (size_t i = 0; i < kRows; ++i) sums[i] = S::load(c + i * c_stride);
  }
  const auto step = [&]() __attribute__((always_inline)) {
    const Vector row = S::load(b);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) sums[i] = S::fma(S::all(a[i * A::kRow]), row, sums[i]);
    a += A::kDepth;
    b += b_stride;
  };
  size_t left = depth;
  if constexpr (!std::is_same_v<Aside, NothingAside>) {
    for (; left >= kStepsApart; left -= kStepsApart) {
      aside();
#pragma GCC unroll 4
      for (size_t p = 0; p < kStepsApart; ++p) step();
    }
  }
#pragma GCC unroll 4
  for (size_t p = 0; p < left; ++p) step();
#pragma GCC unroll 16
  for (size_t i = 0; i < kRows; ++i) S::store(c + i * c_stride, sums[i]);
}

}  // namespace pyinit::dense
