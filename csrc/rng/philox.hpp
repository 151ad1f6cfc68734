// Philox4x32-10: a block of four words from a 128-bit counter and a 64-bit key.
//   round: (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)); k += Weyl
// Why Philox: no state, so any element can be made alone; passes BigCrush; ten rounds leave a margin of
// three.
// Contract: exact integer arithmetic; the same words on every instruction set.
// Source: Salmon, Moraes, Dror & Shaw 2011. Checked by tests/kernels/test_philox.py against Random123.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"
#include "rng/frozen.hpp"

namespace pyinit::rng {

struct PhiloxBlock {
  uint32_t words[4];

  constexpr uint32_t operator[](size_t k) const { return words[k]; }
};

struct PhiloxKey {
  uint32_t words[2];
};

// S only names the translation unit: see isa/table.hpp.
template <class S>
constexpr PhiloxBlock philox4x32(PhiloxBlock counter, PhiloxKey key) {
  auto [c0, c1, c2, c3] = counter.words;
  auto [k0, k1] = key.words;
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = uint64_t{kPhiloxMultiplier0} * c0;
    const uint64_t product1 = uint64_t{kPhiloxMultiplier1} * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(product0);
    k0 += kPhiloxWeyl0;
    k1 += kPhiloxWeyl1;
  }
  return {{c0, c1, c2, c3}};
}

// The round keys, once in every lane. Why a whole vector of each, 1.3 to 2.6 KiB: every round of every group
// needs two, and a load from the nearest cache, which the xor takes in, is cheaper than to spread a word over
// the lanes again. They are filled once for each call of a kernel.
template <class S>
struct PhiloxKeys {
  typename S::Word k0[kPhiloxRounds];
  typename S::Word k1[kPhiloxRounds];

  explicit PhiloxKeys(uint64_t seed) {
    for (uint32_t round = 0; round < kPhiloxRounds; ++round) {
      k0[round] = S::all_words(static_cast<uint32_t>(seed) + kPhiloxWeyl0 * round);
      k1[round] = S::all_words(static_cast<uint32_t>(seed >> 32) + kPhiloxWeyl1 * round);
    }
  }
};

// The words of a group of blocks, one block to a lane.
template <class S>
struct Words {
  typename S::Word w0, w1, w2, w3;
};

// Rounds kFirst to 9, on words as the round before left them.
template <int kFirst, class S, int kGroups>
PYINIT_INLINE void philox_rounds(const PhiloxKeys<S>& keys, Words<S> (&words)[kGroups]) {
  const auto m0 = S::all_words(kPhiloxMultiplier0);
  const auto m1 = S::all_words(kPhiloxMultiplier1);
  PYINIT_UNROLL(10)
  for (int round = kFirst; round < kPhiloxRounds; ++round) {
    PYINIT_UNROLL(8)
    for (int g = 0; g < kGroups; ++g) {
      // The first product is used up before the second is made, for the sake of registers.
      const auto product0 = S::multiply_words(words[g].w0, m0);
      const auto next2 = S::bit_xor(S::high_word(product0), words[g].w3, keys.k1[round]);
      const auto product1 = S::multiply_words(words[g].w2, m1);
      words[g].w0 = S::bit_xor(S::high_word(product1), words[g].w1, keys.k0[round]);
      words[g].w1 = S::low_word(product1);
      words[g].w2 = next2;
      words[g].w3 = S::low_word(product0);
    }
  }
}

// The blocks of kGroups vectors of counters, whatever they are; counter words 2 and 3 are zero.
template <class S, int kGroups>
PYINIT_INLINE void philox(const typename S::U64 (&counters)[kGroups], const PhiloxKeys<S>& keys,
                          Words<S> (&out)[kGroups]) {
  const auto m0 = S::all_words(kPhiloxMultiplier0);
  PYINIT_UNROLL(8)
  for (int g = 0; g < kGroups; ++g) {
    // Round 0, with c2 = c3 = 0 and so product1 = 0.
    const auto product0 = S::multiply_words(S::low_word(counters[g]), m0);
    out[g] = {S::bit_xor(S::high_word(counters[g]), keys.k0[0]), S::all_words(0),
              S::bit_xor(S::high_word(product0), keys.k1[0]), S::low_word(product0)};
  }
  philox_rounds<1>(keys, out);
}

// What blocks with the same high counter word share: round 0 makes w0 of that word alone, so round 1
// multiplies the same number in every lane. Saves 4 of 60 operations a group.
template <class S>
struct SharedHigh {
  typename S::Word round1, round2;

  SharedHigh(uint32_t high, uint64_t seed) {
    const uint64_t product0 = uint64_t{kPhiloxMultiplier0} * (high ^ static_cast<uint32_t>(seed));
    const auto key1 = static_cast<uint32_t>(seed >> 32);
    round1 = S::all_words(static_cast<uint32_t>(product0 >> 32) ^ (key1 + kPhiloxWeyl1));
    round2 = S::all_words(static_cast<uint32_t>(product0) ^ (key1 + 2 * kPhiloxWeyl1));
  }
};

// The same blocks as philox, for counters that all have the high word of `shared`.
template <class S, int kGroups>
PYINIT_INLINE void philox_shared(const typename S::U64 (&counters)[kGroups], const PhiloxKeys<S>& keys,
                                 const SharedHigh<S>& shared, Words<S> (&out)[kGroups]) {
  const auto m0 = S::all_words(kPhiloxMultiplier0);
  const auto m1 = S::all_words(kPhiloxMultiplier1);
  PYINIT_UNROLL(8)
  for (int g = 0; g < kGroups; ++g) {
    const auto round0 = S::multiply_words(S::low_word(counters[g]), m0);
    const auto round1 = S::multiply_words(S::bit_xor(S::high_word(round0), keys.k1[0]), m1);
    const auto product0 = S::multiply_words(S::bit_xor(S::high_word(round1), keys.k0[1]), m0);
    // Word 3 after round 0 is the low half of round0. Nothing masks it: where a word lies in a 64-bit lane,
    // the high half of the product stays beside it, and no operation on words reads that.
    const auto product1 = S::multiply_words(S::bit_xor(S::low_word(round0), shared.round1), m1);
    out[g] = {S::bit_xor(S::high_word(product1), S::low_word(round1), keys.k0[2]), S::low_word(product1),
              S::bit_xor(S::high_word(product0), shared.round2), S::low_word(product0)};
  }
  philox_rounds<3>(keys, out);
}

}  // namespace pyinit::rng
