// What an instruction set S offers to the kernels: its types, its operations, and what each of them means.
// A vector is kLanes lanes of 32 bits or kBlocks = kLanes / 2 of 64. Each operation works lane by lane and is
// exact or, where it says so, rounds once: to the nearest, ties to even, subnormals kept. So the width may
// differ from set to set and the bits cannot. The bits of a NaN are the machine's own.
// A DrawingSet has all that rng/ needs; an InstructionSet has what products, activations and statistics need
// too. A set may be one thread of a GPU, with one lane of 64 bits: no operation shows a register, and lanes
// meet each other only in in_order and store_alternating.
// Each header asserts its concept. csrc/tests/simd.cpp compares each operation with Scalar's, bit by bit;
// csrc/tests/simd_coverage.cpp fails where an operation has no such case.
// Why without <concepts>: compilers for GPUs bring no standard library along.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"

// An operation of an instruction set.
#define PYINIT_OPERATION PYINIT_INLINE static

namespace pyinit::simd {

template <class A, class B>
inline constexpr bool kSame = false;
template <class A>
inline constexpr bool kSame<A, A> = true;
template <class A, class B>
concept Same = kSame<A, B>;

// F32 and U32 are kLanes floats or integers, F64 and U64 kBlocks of twice the size; M32 and M64 are a yes or
// no for each lane of these. A Word is a word of Philox for each of kBlocks blocks: 32 bits that may lie in a
// lane of 64, whose high half is then anything. All are types of their own: a call says what it means.
template <class S>
concept Types = S::kBlocks > 0 && S::kLanes == 2 * S::kBlocks && sizeof(typename S::F32) == 4 * S::kLanes &&
                sizeof(typename S::U32) == 4 * S::kLanes && sizeof(typename S::F64) == 8 * S::kBlocks &&
                sizeof(typename S::U64) == 8 * S::kBlocks && !kSame<typename S::Word, typename S::U64> &&
                !kSame<typename S::Word, typename S::U32> && !kSame<typename S::M32, typename S::M64> &&
                !kSame<typename S::M32, typename S::U32> && !kSame<typename S::M64, typename S::U64>;

// Philox blocks. A group is kBlocks blocks, one to a lane of 64 bits, in an order of lanes that is S's own
// affair: block_counters and load_counters make it, in_order and store_alternating undo it. All are exact.
template <class S>
concept PhiloxOperations = requires(typename S::Word a, typename S::Word b, typename S::Word c,
                                    typename S::U64 i, typename S::U32 words01, typename S::U32 words23,
                                    uint32_t word, uint64_t first, const uint64_t* blocks) {
  // The counters first, first + 1, ..., modulo 2^64; and kBlocks counters from memory.
  { S::block_counters(first) } -> Same<typename S::U64>;
  { S::load_counters(blocks) } -> Same<typename S::U64>;
  // One word in every lane.
  { S::all_words(word) } -> Same<typename S::Word>;
  // The halves of 64 bits.
  { S::low_word(i) } -> Same<typename S::Word>;
  { S::high_word(i) } -> Same<typename S::Word>;
  // The whole product, 64 bits.
  { S::multiply_words(a, b) } -> Same<typename S::U64>;
  { S::bit_xor(a, b) } -> Same<typename S::Word>;
  { S::bit_xor(a, b, c) } -> Same<typename S::Word>;
  // Lane by lane side by side: a in the even lane of 32 bits, b in the odd one.
  { S::pair32(a, b) } -> Same<typename S::U32>;
  // b << 32 | a.
  { S::pair64(a, b) } -> Same<typename S::U64>;
  // From the paired words 0 and 1 and the paired words 2 and 3 of each block to the words of the group in the
  // order of the stream: its first half of kLanes words, or its second.
  { S::in_order(0, words01, words23) } -> Same<typename S::U32>;
  { S::in_order(1, words01, words23) } -> Same<typename S::U32>;
};

// Lanes of 32 bits: integers, modulo 2^32.
template <class S>
concept NarrowIntegers = requires(typename S::U32 a, typename S::U32 b, typename S::U32 bits,
                                  typename S::M32 m, uint32_t number, const uint32_t* from, uint32_t* to) {
  { S::all(number) } -> Same<typename S::U32>;
  { S::load(from) } -> Same<typename S::U32>;
  S::store(to, a);
  { S::add(a, b) } -> Same<typename S::U32>;
  { S::sub(a, b) } -> Same<typename S::U32>;
  { S::mul(a, b) } -> Same<typename S::U32>;
  { S::bit_and(a, b) } -> Same<typename S::U32>;
  { S::bit_xor(a, b) } -> Same<typename S::U32>;
  // By a constant of 0 to 31; zeros come in.
  { S::template shift_left<1>(a) } -> Same<typename S::U32>;
  { S::template shift_right<1>(a) } -> Same<typename S::U32>;
  // The smaller of the two, unsigned, and the larger.
  { S::smaller(a, b) } -> Same<typename S::U32>;
  { S::larger(a, b) } -> Same<typename S::U32>;
  // a where m, or where the top bit of `bits` is set; b elsewhere.
  { S::choose(m, a, b) } -> Same<typename S::U32>;
  { S::choose(bits, a, b) } -> Same<typename S::U32>;
  // ~a where m, a elsewhere.
  { S::complement_where(a, m) } -> Same<typename S::U32>;
};

// Lanes of 64 bits: integers, modulo 2^64. all64 has a name of its own, since the type of a long literal is
// `long` or `unsigned long` by its value.
template <class S>
concept WideIntegers = requires(typename S::U64 a, typename S::U64 b, typename S::M64 m, uint64_t number) {
  { S::all64(number) } -> Same<typename S::U64>;
  { S::add(a, b) } -> Same<typename S::U64>;
  { S::sub(a, b) } -> Same<typename S::U64>;
  { S::bit_and(a, b) } -> Same<typename S::U64>;
  { S::bit_xor(a, b) } -> Same<typename S::U64>;
  { S::template shift_left<1>(a) } -> Same<typename S::U64>;
  { S::complement_where(a, m) } -> Same<typename S::U64>;
};

// Floats: float32 in F, with integers U and masks M of the same width, or float64.
template <class S, class Value, class F, class U, class M>
concept FloatsOf = requires(F x, F y, F z, U bits, M m, Value number, const Value* from, Value* to) {
  { S::all(number) } -> Same<F>;
  { S::load(from) } -> Same<F>;
  S::store(to, x);
  // Each of these rounds once, as IEEE 754 says; fma is its fusedMultiplyAdd, x y + z.
  { S::add(x, y) } -> Same<F>;
  { S::mul(x, y) } -> Same<F>;
  { S::div(x, y) } -> Same<F>;
  { S::fma(x, y, z) } -> Same<F>;
  { S::sqrt(x) } -> Same<F>;
  // The rest is exact. x between the bounds y <= z, and the bound itself where x equals it, whatever the sign
  // of its zero. None of them is NaN.
  { S::clamp(x, y, z) } -> Same<F>;
  // -x where the top bit of `bits` is set, or where m; x elsewhere. Zeros and NaN change their sign too.
  { S::negate_where(x, bits) } -> Same<F>;
  { S::negate_where(x, m) } -> Same<F>;
  // x where m, y elsewhere.
  { S::choose(m, x, y) } -> Same<F>;
  // -x where m, y elsewhere. x is not zero: its sign is then open.
  { S::choose_negated(m, x, y) } -> Same<F>;
  // x < y; no where one is NaN.
  { S::below(x, y) } -> Same<M>;
  // The bits of x as an integer, and back.
  { S::bits(x) } -> Same<U>;
  { S::as_float(bits) } -> Same<F>;
  // The integer as a float, unsigned or in two's complement: rounds once.
  { S::from_unsigned(bits) } -> Same<F>;
  { S::from_signed(bits) } -> Same<F>;
  // x[0] y[0] x[1] y[1] ... to memory, the lanes in the order of their blocks.
  S::store_alternating(to, x, y);
};

// Masks M of integers U.
template <class S, class U, class M>
concept MasksOf = requires(U a, U b, M m) {
  // a < b, unsigned.
  { S::below(a, b) } -> Same<M>;
  // Whether a has the one bit that b has.
  { S::has_bit(a, b) } -> Same<M>;
  // Yes where m is no.
  { S::invert(m) } -> Same<M>;
  // Whether m is yes in every lane.
  { S::every(m) } -> Same<bool>;
};

// What rng/ needs, and what csrc/tests/simd.cpp needs to compare that.
template <class S>
concept DrawingSet =
    Types<S> && PhiloxOperations<S> && NarrowIntegers<S> && WideIntegers<S> &&
    FloatsOf<S, float, typename S::F32, typename S::U32, typename S::M32> &&
    FloatsOf<S, double, typename S::F64, typename S::U64, typename S::M64> &&
    MasksOf<S, typename S::U32, typename S::M32> && MasksOf<S, typename S::U64, typename S::M64>;

// What fill/, dense/ and probe/ need beyond that.
template <class S>
concept MoreFloats = requires(typename S::F32 x, typename S::F32 y) {
  // Rounds once.
  { S::sub(x, y) } -> Same<typename S::F32>;
  // The larger of the two, and the smaller; NaN where x is NaN, x where both are zero. y is not NaN.
  { S::at_least(x, y) } -> Same<typename S::F32>;
  { S::at_most(x, y) } -> Same<typename S::F32>;
};

template <class S>
concept WideOperations = requires(typename S::F64 x, typename S::U64 a, const float* from, uint64_t* to) {
  // kBlocks floats from memory as float64: exact.
  { S::widen(from) } -> Same<typename S::F64>;
  // The integer part of 0 <= x < 2^31.
  { S::truncate(x) } -> Same<typename S::U64>;
  S::store(to, a);
};

template <class S>
concept MemoryOperations = requires(typename S::F32 x, void* to, const void* from) {
  // kLanes halves of 16 bits from `to` on, of whatever type that is. Each rounds once; x is not NaN. Of
  // bfloat16 the subnormals are kept; float16 is IEEE 754's binary16, and from 65520 on it is infinity.
  S::store_bfloat16(to, x);
  S::store_float16(to, x);
  // Copies one line of 64 bytes to an address that is a multiple of 64, past the cache where the CPU can; the
  // fence comes after the last line, before another thread reads.
  S::stream_line(to, from);
  S::stream_fence();
};

// Memory that is written around the cache: the address of whole lines.
template <class Value>
struct PastCache {
  Value* memory;

  PYINIT_INLINE PastCache operator+(size_t count) const { return {memory + count}; }
};

// Where a store goes, whether to a pointer or past the cache.
template <class Value>
PYINIT_INLINE Value* address(Value* out) {
  return out;
}
template <class Value>
PYINIT_INLINE Value* address(PastCache<Value> out) {
  return out.memory;
}

// A set whose vectors are stored past the cache, too: the same bytes as by the stores of the same names. A fence
// comes after the last one, before another thread reads.
template <class S>
concept StreamingSet = requires(typename S::F32 x, typename S::F64 y, typename S::U32 z, PastCache<float> to,
                                PastCache<double> wide, PastCache<uint32_t> words) {
  S::store(to, x);
  S::store(wide, y);
  S::store(words, z);
  S::store_alternating(to, x, x);
  S::store_alternating(wide, y, y);
};

// What the loops ask of a set: its name, as users choose it; how many groups of blocks are in flight at once;
// and the rows of a matrix product's tile, as many vectors of sums as the registers hold.
template <class S>
concept LoopSizes = S::kGroups > 0 && S::kTileRows > 0 && requires {
  { S::kName } -> Same<const char* const&>;
};

// A set whose draws of several steps are made in stages (fill/staged.hpp): words with S::Words, chains of fma
// with S::Chains, which are the same set with another number of registers a vector. All keep the lanes of a
// register in the same order, so one may store what another loads.
template <class S>
concept StagedSet = DrawingSet<typename S::Words> && DrawingSet<typename S::Chains>;

// The sets that words and chains are made with: S itself, or those of a staged set.
template <class S>
struct Steps {
  using Words = S;
  using Chains = S;
};
template <StagedSet S>
struct Steps<S> {
  using Words = typename S::Words;
  using Chains = typename S::Chains;
};
template <class S>
using WordSet = typename Steps<S>::Words;
template <class S>
using ChainSet = typename Steps<S>::Chains;

template <class S>
concept InstructionSet =
    DrawingSet<S> && MoreFloats<S> && WideOperations<S> && MemoryOperations<S> && LoopSizes<S>;

}  // namespace pyinit::simd
