// The constants that decide the bits of stream version 1. None of them may change: a change breaks
// tests/data/stream_v1_digests.txt (ctest `digests`), and with it every weight that anybody can still draw.
// Frozen as well: the coefficients (coefficients.hpp, wichura.hpp), the constants inside the formulas of
// rng/, and which operations these use in which order, whether one fma or two roundings, Horner's rule or
// pairs.
// Not frozen: how many lanes, blocks and groups are drawn at once (S::kLanes, S::kBlocks, S::kGroups).
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyinit::rng {

// Philox4x32-10: every digest, and tests/data/random123_philox4x32_10.txt.
inline constexpr int kPhiloxRounds = 10;
inline constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53;
inline constexpr uint32_t kPhiloxMultiplier1 = 0xCD9E8D57;
// Weyl steps of the key: the golden ratio, and sqrt 3 - 1.
inline constexpr uint32_t kPhiloxWeyl0 = 0x9E3779B9;
inline constexpr uint32_t kPhiloxWeyl1 = 0xBB67AE85;

// Elements of one block, by the width of the draw: every digest.
template <class Value>
inline constexpr uint64_t kPerBlock = 16 / sizeof(Value);

// The permutation of a column and its hash: digests `sparse`.
inline constexpr size_t kShuffleRounds = 24;
inline constexpr uint32_t kHashMultiplier0 = 0x7FEB352D;
inline constexpr uint32_t kHashMultiplier1 = 0x846CA68B;

// Giles' form of the quantile, in omega: where the polynomials take over from each other, and the numbers
// that the arguments of the last two are counted from. Digests `truncated_*` of float32, bfloat16 and
// float16.
inline constexpr float kGilesCentreEnd = 5.0F;
inline constexpr float kGilesTailEnd = 16.0F;
inline constexpr float kGilesTailCentre = 0.35F;
inline constexpr float kGilesFarCentre = 0.14F;

// Wichura's rational functions: the first holds for |p - 1/2| below kWichuraCentreEnd, in the difference of
// the squares; the second for sqrt(-ln t) below kWichuraTailEnd. Digests `truncated_*` of float64.
inline constexpr double kWichuraCentreEnd = 0.425;
inline constexpr double kWichuraCentreSquare = 0.180625;
inline constexpr double kWichuraTailCentre = 1.6;
inline constexpr double kWichuraTailEnd = 5.0;

}  // namespace pyinit::rng
