// A block of Householder reflectors applied to columns: C - V T V'C, H_1 H_2 ... = I - V T V'.
// Why blocked: two matrix products instead of one pass over C for every reflector. Why T is not formed: its
// inverse, striu(V'V) + diag(1/tau), is at hand, and solving with it costs what multiplying by T does.
// Contract: every number of C depends on its own column alone, by sums of one order: V'C and V Y are chains of
// fma in ascending row and reflector, the solution one in descending reflector, V'V chains of kGramRows rows, added in
// order. So the bits depend neither on how columns are grouped nor on the instruction set, and a reflection of
// zeros leaves zeros.
// Source: Schreiber and Van Loan, "A storage-efficient WY representation", SIAM J. Sci. Stat. Comput. 1989; the
// inverse of T: Puglisi 1992, Joffrain et al. 2006.
#pragma once

#include <cstring>
#include <type_traits>

#include "dense/tile.hpp"
#include "dtype.hpp"

namespace pyinit::dense {

// Eight chains in float64, of every eighth row, joined in pairs: the error of |v|^2 is the one that grows with the
// length, and with it the departure from orthogonality.
template <class S, class Value>
void sum_squares(const Value* v, size_t rows, size_t width, double* sums) {
  constexpr size_t kAtOnce = kSquaresAtOnce;
  constexpr size_t kChains = 8;
  for (size_t k = 0; k < kBlock; ++k) sums[k] = 0;
  for (size_t first = 0; first < width; first += kAtOnce) {
    double chains[kChains][kAtOnce] = {};
    const Value* row = v + first;
    for (size_t i = 0; i < rows; ++i, row += kBlock) {
      for (size_t k = 0; k < kAtOnce; ++k) {
        const auto x = static_cast<double>(row[k]);
        chains[i % kChains][k] += x * x;
      }
    }
    for (size_t half = kChains / 2; half > 0; half /= 2) {
      for (size_t c = 0; c < half; ++c) {
        for (size_t k = 0; k < kAtOnce; ++k) chains[c][k] += chains[c + half][k];
      }
    }
    for (size_t k = 0; k < kAtOnce; ++k) sums[first + k] = chains[0][k];
  }
}

template <class S, class Value>
void gram(const Value* v, size_t rows, const GramPart& part, Value* gram, Start start) {
  constexpr size_t kRows = kTileRows<S>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  // The rows of a chain stay in the first-level cache for all tiles.
  for (size_t first = 0; first < rows; first += kGramRows) {
    const size_t count = rows - first < kGramRows ? rows - first : kGramRows;
    const Value* from = v + first * kBlock;
    const bool begins = first == 0 && start == Start::kZero;
    for (size_t row = part.row; row < part.end; row += kRows) {
      Value chain[kRows * kColumns];
      multiply_tile<S, Strides<1, kBlock>>(count, from + row, from + part.column, kBlock, chain, kColumns,
                                           Start::kZero);
      for (size_t i = 0; i < kRows; ++i) {
        Value* sums = gram + (row + i) * kBlock + part.column;
        const auto ends = S::load(chain + i * kColumns);
        S::store(sums, begins ? ends : S::add(S::load(sums), ends));
      }
    }
  }
}

// Y = -T W in place: row k becomes -tau_k (w_k + G[k][last] y_last + ... + G[k][k + 1] y_(k + 1)).
template <class S, class Value>
void solve(const Value* gram, const Value* tau, size_t width, Value* w) {
  using Vector = VectorOf<S, Value>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  constexpr size_t kRows = kSolvedAtOnce;
  static_assert(kBlock % kRows == 0);
  const size_t end = (width + kRows - 1) / kRows * kRows;
  for (size_t top = end; top > 0;) {
    top -= kRows;
    Vector sums[kRows];
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; ++r) sums[r] = S::load(w + (top + r) * kColumns);
    for (size_t k = end; k > top + kRows;) {
      --k;
      const Vector y = S::load(w + k * kColumns);
#pragma GCC unroll 4
      for (size_t r = 0; r < kRows; ++r) sums[r] = S::fma(S::all(gram[(top + r) * kBlock + k]), y, sums[r]);
    }
#pragma GCC unroll 4
    for (size_t r = kRows; r > 0;) {
      --r;
      const Vector y = S::mul(sums[r], S::all(-tau[top + r]));
      S::store(w + (top + r) * kColumns, y);
#pragma GCC unroll 4
      for (size_t above = 0; above < r; ++above)
        sums[above] = S::fma(S::all(gram[(top + above) * kBlock + top + r]), y, sums[above]);
    }
  }
}

// C + V Y, C a sliver of `rows` rows.
template <class S, class Value>
void combine(const Value* v, size_t width, size_t rows, const Value* y, Value* c) {
  constexpr size_t kRows = kTileRows<S>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  for (size_t i = 0; i < rows; i += kRows) {
    multiply_tile<S, Strides<kBlock, 1>>(width, v + i * kBlock, y, kColumns, c + i * kColumns, kColumns,
                                         Start::kStored);
  }
}

template <class S, class Value>
void reflect(const Value* v, const Value* gram, const Value* tau, size_t width, size_t rows, size_t zero_rows,
             Value* sliver, Value* scratch) {
  constexpr size_t kRows = kTileRows<S>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  // As many rows of V stay in the second-level cache, and of the sliver in the first.
  constexpr size_t kChunk = 20 * kRows;
  // The system is solved for some reflectors beyond the last, whose columns of V are zero.
  const size_t solved = (width + kSolvedAtOnce - 1) / kSolvedAtOnce * kSolvedAtOnce;
  const size_t tiles = (solved + kRows - 1) / kRows;
  for (size_t first = zero_rows; first < rows; first += kChunk) {
    const size_t count = rows - first < kChunk ? rows - first : kChunk;
    for (size_t t = 0; t < tiles; ++t) {
      multiply_tile<S, Strides<1, kBlock>>(count, v + first * kBlock + t * kRows, sliver + first * kColumns,
                                           kColumns, scratch + t * kRows * kColumns, kColumns,
                                           first == zero_rows ? Start::kZero : Start::kStored);
    }
  }
  solve<S>(gram, tau, width, scratch);
  combine<S>(v, width, rows, scratch, sliver);
}

// A row of a sliver, scaled and rounded.
template <class S, class Value, class Out, class Vector>
void round_row(const Value* row, const Vector& scale, Out* rounded) {
  const auto values = S::mul(S::load(row), scale);
  if constexpr (std::is_same_v<Out, Value>) S::store(rounded, values);
  if constexpr (std::is_same_v<Out, Bfloat16>) S::store_bfloat16(rounded, values);
  if constexpr (std::is_same_v<Out, Float16>) S::store_float16(rounded, values);
}

template <class S, class Value, class Out>
void deliver_as(const Value* sliver, const Delivery<Value>& to) {
  constexpr size_t kColumns = kTileColumns<S, Value>;
  static_assert(kColumns <= kMostColumns);
  // Rows that fill a cache line of the output where a column of the sliver is a row there.
  constexpr size_t kLine = 64 / sizeof(Out);
  bool adjacent = true;
  for (size_t j = 1; j < to.columns; ++j) adjacent &= to.column_offsets[j] == to.column_offsets[0] + j;
  const auto scale = S::load(to.scale);
  auto* out = static_cast<Out*>(to.out);
  const auto row_of = [&](size_t i) { return sliver + (to.picked_rows[i] - to.first_row) * kColumns; };
  for (size_t i = 0; i < to.rows;) {
    size_t line = 1;
    while (line < kLine && i + line < to.rows && to.row_offsets[i + line] == to.row_offsets[i] + line) ++line;
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
    // Whole lines: single numbers, each in another page, took a sixth of a wide matrix's time.
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
      default:
        return deliver_as<S, float, float>(sliver, to);
    }
  }
}

template <class S, class Value>
inline constexpr ReflectorKernels<Value> kReflectorKernels = {
    sum_squares<S, Value>, gram<S, Value>,    reflect<S, Value>,
    solve<S, Value>,       combine<S, Value>, deliver<S, Value>,
};

}  // namespace pyinit::dense
