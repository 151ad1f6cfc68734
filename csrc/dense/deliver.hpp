// Scales a sliver's numbers, rounds them to the output's type and puts them in their places.
#pragma once

#include <cstring>
#include <type_traits>

#include "dense/tile.hpp"
#include "dtype.hpp"
#include "rng/float8.hpp"

namespace pyinit::dense {

// Scales and rounds a row of a sliver.
template <class S, class Value, class Out, class Vector>
void round_row(const Value* row, const Vector& scale, Out* rounded) {
  const auto values = S::mul(S::load(row), scale);
  if constexpr (std::is_same_v<Out, Value>) S::store(rounded, values);
  if constexpr (std::is_same_v<Out, Bfloat16>) S::store_bfloat16(rounded, values);
  if constexpr (std::is_same_v<Out, Float16>) S::store_float16(rounded, values);
  if constexpr (sizeof(Out) == 1) rng::store_float8<S>(rounded, values);
}

template <class S, class Value, class Out>
void deliver_as(const Value* sliver, const Delivery<Value>& to) {
  constexpr size_t kColumns = kTileColumns<S, Value>;
  static_assert(kColumns <= kMostColumns);
  // As many rows as fill a cache line of the output, where a column of the sliver is a row there.
  constexpr size_t kLine = 64 / sizeof(Out);
  bool adjacent = true;
  for (size_t j = 1; j < to.columns; ++j) adjacent &= to.column_offsets[j] == to.column_offsets[0] + j;
  const auto scale = S::load(to.scale);
  auto* out = static_cast<Out*>(to.out);
  const auto row_of = [&](size_t i) { return sliver + (to.picked_rows[i] - to.first_row) * kColumns; };
  for (size_t i = 0; i < to.rows;) {
    size_t line = 1;
    while (line < kLine && i + line < to.rows && to.row_offsets[i + line] == to.row_offsets[i] + line) ++line;
    if (adjacent && to.columns == kColumns) {
      round_row<S>(row_of(i), scale, out + to.row_offsets[i] + to.column_offsets[0]);
      ++i;
      continue;
    }
    if (adjacent || line < kLine) {
      Out rounded[kColumns];
      round_row<S>(row_of(i), scale, rounded);
      Out* row = out + to.row_offsets[i];
      if (adjacent) {
        std::memcpy(row + to.column_offsets[0], rounded, to.columns * sizeof(Out));
      } else {
        for (size_t j = 0; j < to.columns; ++j) row[to.column_offsets[j]] = rounded[j];
      }
      ++i;
      continue;
    }
    // Writes whole lines. Why: single numbers, each in another page, took a sixth of a wide matrix's time.
    Out block[kLine][kColumns];
    for (size_t k = 0; k < kLine; ++k) round_row<S>(row_of(i + k), scale, block[k]);
    for (size_t j = 0; j < to.columns; ++j) {
      Out column[kLine];
      for (size_t k = 0; k < kLine; ++k) column[k] = block[k][j];
      std::memcpy(out + to.row_offsets[i] + to.column_offsets[j], column, sizeof(column));
    }
    i += kLine;
  }
}

template <class S, class Value>
void deliver(const Value* sliver, const Delivery<Value>& to) {
  if constexpr (std::is_same_v<Value, double>) {
    deliver_as<S, double, double>(sliver, to);
  } else {
    switch (to.dtype) {
      case Dtype::kBfloat16:
        return deliver_as<S, float, Bfloat16>(sliver, to);
      case Dtype::kFloat16:
        return deliver_as<S, float, Float16>(sliver, to);
      case Dtype::kFloat8E4m3fn:
        return deliver_as<S, float, Float8E4m3fn>(sliver, to);
      case Dtype::kFloat8E5m2:
        return deliver_as<S, float, Float8E5m2>(sliver, to);
      default:
        return deliver_as<S, float, float>(sliver, to);
    }
  }
}

}  // namespace pyinit::dense
