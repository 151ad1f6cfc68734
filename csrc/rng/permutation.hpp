// One permutation of 0 .. rows - 1 for each column, evaluated at any row: swap-or-not, 24 rounds.
//   round: y = (s - x) mod rows, s = r rows / 2^32; x <- y when the top bit of hash(max(x, y), r) is set
// Why: an exact count of zeros in every column without drawing the column; any row is O(1), so any window is
// O(window) (R1). Both ends of a pair decide alike, so each round is a bijection for any number of rows.
// Contract: exact integer arithmetic; r of round t is word t mod 4 of block 6 column + t div 4 of the mask's
// key.
// Source: Hoang, Morris & Rogaway 2012, An Enciphering Scheme Based on a Card Shuffle; the hash is Wellons'
// lowbias32 without its last shift. Checked by tests/kernels/test_sparse.py.
#pragma once

#include <cstddef>

#include "compiler.hpp"
#include "rng/frozen.hpp"
#include "rng/stream.hpp"

namespace pyinit::rng {

// The permutations of S::kLanes neighbouring columns.
template <class S>
class Permutation {
 public:
  using U32 = typename S::U32;

  Permutation(Key mask, uint64_t first_column, uint32_t rows)
      : rows_(S::all(rows)), tall_(rows > uint32_t{1} << 31) {
    for (size_t lane = 0; lane < S::kLanes; ++lane) {
      for (size_t quarter = 0; quarter < kShuffleRounds / 4; ++quarter) {
        const PhiloxBlock words = block<S>(mask, (first_column + lane) * (kShuffleRounds / 4) + quarter);
        for (size_t k = 0; k < 4; ++k) {
          round_[4 * quarter + k][lane] = words[k];
          shift_[4 * quarter + k][lane] = static_cast<uint32_t>(uint64_t{words[k]} * rows >> 32);
        }
      }
    }
  }

  // Where `row` goes.
  PYINIT_INLINE U32 operator()(uint32_t row) const {
    U32 x[1];
    tall_ ? shuffle<true>(row, x) : shuffle<false>(row, x);
    return x[0];
  }

  // Where kCount rows go, from `row` on. Why several at once: a round is a chain of some thirty cycles.
  template <size_t kCount>
  void rows(uint32_t row, uint32_t (&places)[kCount][S::kLanes]) const {
    U32 x[kCount];
    tall_ ? shuffle<true>(row, x) : shuffle<false>(row, x);
    PYINIT_UNROLL(8)
    for (size_t k = 0; k < kCount; ++k) S::store(places[k], x[k]);
  }

 private:
  template <bool kTall, size_t kCount>
  PYINIT_INLINE void shuffle(uint32_t row, U32 (&x)[kCount]) const {
    PYINIT_UNROLL(8)
    for (size_t k = 0; k < kCount; ++k) x[k] = S::all(row + static_cast<uint32_t>(k));
    for (size_t t = 0; t < kShuffleRounds; ++t) {
      const auto r = S::load(round_[t]);
      const auto shift = S::load(shift_[t]);
      PYINIT_UNROLL(8)
      for (size_t k = 0; k < kCount; ++k) x[k] = round<kTall>(x[k], r, shift);
    }
  }

  template <bool kTall>
  PYINIT_INLINE U32 round(U32 x, U32 r, U32 shift) const {
    const auto y = reflected<kTall>(x, shift);
    auto h = S::bit_xor(S::larger(x, y), r);
    h = S::mul(S::bit_xor(h, S::template shift_right<16>(h)), S::all(kHashMultiplier0));
    h = S::mul(S::bit_xor(h, S::template shift_right<15>(h)), S::all(kHashMultiplier1));
    return S::choose(h, y, x);
  }

  // (shift - x) mod rows. Up to 2^31 rows it is the smaller of two numbers: a difference below 0 is, modulo
  // 2^32, at least 2^31, and of one that is not, the sum with `rows` is larger.
  template <bool kTall>
  PYINIT_INLINE U32 reflected(U32 x, U32 shift) const {
    const auto difference = S::sub(shift, x);
    const auto raised = S::add(difference, rows_);
    return kTall ? S::choose(S::below(shift, x), raised, difference) : S::smaller(difference, raised);
  }

  U32 rows_;
  bool tall_;
  uint32_t round_[kShuffleRounds][S::kLanes];
  uint32_t shift_[kShuffleRounds][S::kLanes];
};

}  // namespace pyinit::rng
