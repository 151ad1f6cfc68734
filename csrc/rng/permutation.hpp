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
  Permutation(Key mask, uint64_t first_column, uint32_t rows) : rows_(S::all(rows)) {
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

  // Where `row` goes in each column.
  PYINIT_INLINE typename S::U32 operator()(uint32_t row) const {
    auto x = S::all(row);
    for (size_t t = 0; t < kShuffleRounds; ++t) {
      const auto r = S::load(round_[t]);
      const auto shift = S::load(shift_[t]);
      const auto below = S::below(shift, x);
      const auto difference = S::sub(shift, x);
      const auto y = S::choose(below, S::add(difference, rows_), difference);
      const auto larger = S::choose(S::below(x, y), y, x);
      auto h = S::bit_xor(larger, r);
      h = S::mul(S::bit_xor(h, S::template shift_right<16>(h)), S::all(kHashMultiplier0));
      h = S::mul(S::bit_xor(h, S::template shift_right<15>(h)), S::all(kHashMultiplier1));
      x = S::choose(S::has_bit(h, S::all(0x80000000U)), y, x);
    }
    return x;
  }

 private:
  typename S::U32 rows_;
  uint32_t round_[kShuffleRounds][S::kLanes];
  uint32_t shift_[kShuffleRounds][S::kLanes];
};

}  // namespace pyinit::rng
