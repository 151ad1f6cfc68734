// A block of Householder reflectors applied to columns: C - V T V'C, H_1 H_2 ... = I - V T V'.
// Why blocked: two matrix products instead of one pass over C for every reflector. Why T is not formed: its
// inverse, striu(V'V) + diag(1/tau), is at hand, and solving with it costs what multiplying by T does.
// Contract: every number of C depends on its own column alone, by sums of one order: V'C and V Y are chains
// of fma in ascending row and reflector, the solution one in descending reflector, V'V chains of kGramRows
// rows, added in order. So the bits depend neither on how columns are grouped nor on the instruction set, and
// a reflection of zeros leaves zeros.
// Source: Schreiber and Van Loan, "A storage-efficient WY representation", SIAM J. Sci. Stat. Comput. 1989;
// the inverse of T: Puglisi 1992, Joffrain et al. 2006.
#pragma once

#include <cstring>
#include <type_traits>

#include "dense/tile.hpp"
#include "dtype.hpp"

namespace pyinit::dense {

// Sums in kSquareChains chains in float64, which are joined in pairs. Why: the error of |v|^2 is the one that
// grows with the length, and with it the departure from orthogonality.
template <class S, class Value>
void sum_squares(const Value* v, size_t rows, size_t width, double* sums) {
  constexpr size_t kAtOnce = kSquaresAtOnce;
  constexpr size_t kChains = kSquareChains;
  for (size_t k = 0; k < kReflectors; ++k) sums[k] = 0;
  for (size_t first = 0; first < width; first += kAtOnce) {
    double chains[kChains][kAtOnce] = {};
    const Value* row = v + first;
    for (size_t i = 0; i < rows; ++i, row += kReflectors) {
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
    const Value* from = v + first * kReflectors;
    const bool begins = first == 0 && start == Start::kZero;
    for (size_t row = part.row; row < part.end; row += kRows) {
      Value chain[kRows * kColumns];
      multiply_tile<S, Strides<1, kReflectors>, kColumns>(count, from + row, from + part.column, kReflectors,
                                                          chain, kColumns, Start::kZero);
      for (size_t i = 0; i < kRows; ++i) {
        Value* sums = gram + (row + i) * kReflectors + part.column;
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
      for (size_t r = 0; r < kRows; ++r)
        sums[r] = S::fma(S::all(gram[(top + r) * kReflectors + k]), y, sums[r]);
    }
#pragma GCC unroll 4
    for (size_t r = kRows; r > 0;) {
      --r;
      const Vector y = S::mul(sums[r], S::all(-tau[top + r]));
      S::store(w + (top + r) * kColumns, y);
#pragma GCC unroll 4
      for (size_t above = 0; above < r; ++above)
        sums[above] = S::fma(S::all(gram[(top + above) * kReflectors + top + r]), y, sums[above]);
    }
  }
}

// W = V'C of some rows of V and of a sliver C, or adds them to it.
template <class S, class Value>
void project(const Value* v, size_t width, size_t rows, const Value* c, Value* w, Start start) {
  constexpr size_t kRows = kTileRows<S>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  for (size_t k = 0; k < width; k += kRows) {
    multiply_tile<S, Strides<1, kReflectors>, kColumns>(rows, v + k, c, kColumns, w + k * kColumns, kColumns,
                                                        start);
  }
}

// C += V Y for a sliver C of `rows` rows.
template <class S, class Value>
void combine(const Value* v, size_t width, size_t rows, const Value* y, Value* c) {
  constexpr size_t kRows = kTileRows<S>;
  constexpr size_t kColumns = kTileColumns<S, Value>;
  for (size_t i = 0; i < rows; i += kRows) {
    multiply_tile<S, Strides<kReflectors, 1>, kColumns>(width, v + i * kReflectors, y, kColumns,
                                                        c + i * kColumns, kColumns, Start::kStored);
  }
}

}  // namespace pyinit::dense
