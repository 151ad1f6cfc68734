// Every operation of an instruction set, on 32 lanes of 32 bits or 16 of 64, behind plain functions: what
// simd.cpp compares between instruction sets. Included by one translation unit of each set, so all is a
// template over S.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "simd/interface.hpp"

namespace pyinit::tests {

inline constexpr size_t kNarrow = 32, kWide = 16;
inline constexpr size_t kBytes = 4 * kNarrow;

struct Inputs {
  uint32_t x[kNarrow], y[kNarrow], z[kNarrow];
  double wide_x[kWide], wide_y[kWide], wide_z[kWide];
  uint64_t blocks[kWide];
};

// What two results may differ in: the bits of a NaN are the machine's; the sign of a zero where
// simd/interface.hpp leaves it open.
enum class Differ { kNothing, kNan32, kNan64, kZero32, kZero64 };

struct Operation {
  const char* name;
  Differ differ;
  void (*run)(const Inputs&, unsigned char* out);
};

struct Operations {
  const Operation* drawing = nullptr;
  size_t drawing_count = 0;
  const Operation* more = nullptr;
  size_t more_count = 0;
};

// Of no operation where the build has no such instruction set.
Operations avx512_operations();
Operations avx2_operations();
Operations neon_operations();
Operations wasm_operations();
Operations scalar_operations();
Operations cuda_operations();

// Operands of 32 bits, as floats and as integers; bounds are never NaN.
template <class S>
struct Narrow {
  typename S::F32 x, y, z, low, high, number;
  typename S::U32 i, j, k;
};

template <class S>
typename S::F32 number(typename S::U32 bits) {
  const auto is_nan = S::below(S::all(0x7F800000U), S::bit_and(bits, S::all(0x7FFFFFFFU)));
  return S::choose(is_nan, S::all(1.5F), S::as_float(bits));
}

template <class S>
Narrow<S> narrow_operands(const Inputs& in, size_t at) {
  Narrow<S> a;
  a.i = S::load(in.x + at);
  a.j = S::load(in.y + at);
  a.k = S::load(in.z + at);
  a.x = S::as_float(a.i);
  a.y = S::as_float(a.j);
  a.z = S::as_float(a.k);
  a.number = number<S>(a.i);
  a.low = number<S>(a.j);
  a.high = number<S>(a.k);
  return a;
}

// Operands of 64 bits.
template <class S>
struct Wide {
  typename S::F64 x, y, z, low, high;
  typename S::U64 i, j, k;
  typename S::Word u, v, w;
};

template <class S>
typename S::F64 wide_number(typename S::F64 x) {
  const auto magnitude = S::bit_and(S::bits(x), S::all64(0x7FFFFFFFFFFFFFFF));
  return S::choose(S::below(S::all64(0x7FF0000000000000), magnitude), S::all(1.5), x);
}

template <class S>
Wide<S> wide_operands(const Inputs& in, size_t at) {
  Wide<S> a;
  a.x = S::load(in.wide_x + at);
  a.y = S::load(in.wide_y + at);
  a.z = S::load(in.wide_z + at);
  a.i = S::bits(a.x);
  a.j = S::bits(a.y);
  a.k = S::bits(a.z);
  // The high halves do not count, and are not zero here.
  a.u = S::low_word(a.i);
  a.v = S::low_word(a.j);
  a.w = S::low_word(a.k);
  a.low = wide_number<S>(a.y);
  a.high = wide_number<S>(a.z);
  return a;
}

template <class S>
void put(unsigned char* out, typename S::F32 x) {
  float lanes[S::kLanes];
  S::store(lanes, x);
  std::memcpy(out, lanes, sizeof(lanes));
}
template <class S>
void put(unsigned char* out, typename S::U32 x) {
  uint32_t lanes[S::kLanes];
  S::store(lanes, x);
  std::memcpy(out, lanes, sizeof(lanes));
}
template <class S>
void put(unsigned char* out, typename S::F64 x) {
  double lanes[S::kBlocks];
  S::store(lanes, x);
  std::memcpy(out, lanes, sizeof(lanes));
}
template <class S>
void put(unsigned char* out, typename S::U64 x) {
  put<S>(out, S::as_float(x));
}
// A word as its low 32 bits, and 0.
template <class S>
void put(unsigned char* out, typename S::Word w) {
  put<S>(out, S::pair64(w, S::all_words(0)));
}
// A mask as numbers.
template <class S>
void put(unsigned char* out, typename S::M32 m) {
  put<S>(out, S::choose(m, S::all(0x01020304U), S::all(0x05060708U)));
}
template <class S>
void put(unsigned char* out, typename S::M64 m) {
  put<S>(out, S::choose(m, S::all(1.0), S::all(2.0)));
}

// function(operands) vector by vector.
template <class S, auto kFunction>
void narrow(const Inputs& in, unsigned char* out) {
  for (size_t at = 0; at < kNarrow; at += S::kLanes)
    put<S>(out + 4 * at, kFunction(narrow_operands<S>(in, at)));
}
template <class S, auto kFunction>
void wide(const Inputs& in, unsigned char* out) {
  for (size_t at = 0; at < kWide; at += S::kBlocks) put<S>(out + 8 * at, kFunction(wide_operands<S>(in, at)));
}
// function(operands, where the halves of these lanes go).
template <class S, auto kFunction>
void stored(const Inputs& in, unsigned char* out) {
  for (size_t at = 0; at < kNarrow; at += S::kLanes) kFunction(narrow_operands<S>(in, at), out + 2 * at);
}
// The first half of the numbers as doubles, or the second.
template <class S, size_t kHalf>
void widened(const Inputs& in, unsigned char* out) {
  float numbers[kNarrow];
  std::memcpy(numbers, in.x, sizeof(numbers));
  for (size_t at = 0; at < kWide; at += S::kBlocks)
    put<S>(out + 8 * at, S::widen(numbers + kHalf * kWide + at));
}
template <class S>
void stored_integers(const Inputs& in, unsigned char* out) {
  uint64_t lanes[kWide];
  for (size_t at = 0; at < kWide; at += S::kBlocks) S::store(lanes + at, wide_operands<S>(in, at).i);
  std::memcpy(out, lanes, kBytes);
}
// Whether function(operands) holds in every lane there is.
template <class S, auto kFunction>
void narrow_every(const Inputs& in, unsigned char* out) {
  bool all = true;
  for (size_t at = 0; at < kNarrow; at += S::kLanes) all &= S::every(kFunction(narrow_operands<S>(in, at)));
  *out = all;
}
template <class S, auto kFunction>
void wide_every(const Inputs& in, unsigned char* out) {
  bool all = true;
  for (size_t at = 0; at < kWide; at += S::kBlocks) all &= S::every(kFunction(wide_operands<S>(in, at)));
  *out = all;
}

// The four words of a block, one to a 64-bit lane, made of its counter.
template <class S>
struct FourWords {
  typename S::Word w0, w1, w2, w3;
};
template <class S>
FourWords<S> four_words(typename S::U64 counters) {
  const auto w = S::low_word(counters);
  return {w, S::bit_xor(w, S::all_words(0x5555)), S::low_word(S::add(counters, S::all64(77))),
          S::low_word(S::multiply_words(w, S::all_words(0xD2511F53)))};
}

// A group's words of 32 bits in stream order, as the draws take them.
template <class S>
void words_in_order(typename S::U64 counters, uint32_t* to) {
  const auto w = four_words<S>(counters);
  const auto words01 = S::pair32(w.w0, w.w1);
  const auto words23 = S::pair32(w.w2, w.w3);
  S::store(to, S::in_order(0, words01, words23));
  S::store(to + S::kLanes, S::in_order(1, words01, words23));
}

// The first half of the words of 16 blocks, or the second.
template <class S, bool kFromMemory, size_t kHalf>
void stream_order(const Inputs& in, unsigned char* out) {
  uint32_t words[2 * kNarrow];
  for (size_t block = 0; block < kWide; block += S::kBlocks) {
    words_in_order<S>(
        kFromMemory ? S::load_counters(in.blocks + block) : S::block_counters(in.blocks[0] + block),
        words + 4 * block);
  }
  std::memcpy(out, words + kHalf * kNarrow, kBytes);
}

// Where a store of S goes: to memory, or past the cache if it can.
template <class S, bool kPastCache, class Value>
auto place(Value* memory) {
  if constexpr (kPastCache && simd::StreamingSet<S>) {
    return simd::PastCache<Value>{memory};
  } else {
    return memory;
  }
}

template <class S, class Value>
void past_cache(const Value* from, unsigned char* out) {
  constexpr size_t kCount = kBytes / sizeof(Value);
  alignas(64) Value lines[kCount];
  for (size_t at = 0; at < kCount; at += 4 * S::kLanes / sizeof(Value))
    S::store(place<S, true>(lines + at), S::load(from + at));
  S::stream_fence();
  std::memcpy(out, lines, kBytes);
}
template <class S>
void floats_past_cache(const Inputs& in, unsigned char* out) {
  float lanes[kNarrow];
  std::memcpy(lanes, in.x, sizeof(lanes));
  past_cache<S>(lanes, out);
}
template <class S>
void doubles_past_cache(const Inputs& in, unsigned char* out) {
  past_cache<S>(in.wide_x, out);
}
template <class S>
void words_past_cache(const Inputs& in, unsigned char* out) {
  past_cache<S>(in.x, out);
}

// Pairs of 32 bits and of 64, interleaved, as normals are.
template <class S, size_t kHalf, bool kPastCache = false>
void alternating(const Inputs& in, unsigned char* out) {
  alignas(64) float values[2 * kNarrow];
  for (size_t block = 0; block < kWide; block += S::kBlocks) {
    const auto w = four_words<S>(S::load_counters(in.blocks + block));
    S::store_alternating(place<S, kPastCache>(values + 4 * block), S::from_unsigned(S::pair32(w.w0, w.w2)),
                         S::from_unsigned(S::pair32(w.w1, w.w3)));
  }
  std::memcpy(out, values + kHalf * kNarrow, kBytes);
}
template <class S, size_t kHalf, bool kPastCache = false>
void wide_alternating(const Inputs& in, unsigned char* out) {
  alignas(64) double values[2 * kWide];
  for (size_t block = 0; block < kWide; block += S::kBlocks) {
    const auto w = four_words<S>(S::load_counters(in.blocks + block));
    S::store_alternating(place<S, kPastCache>(values + 2 * block), S::from_unsigned(S::pair64(w.w1, w.w0)),
                         S::from_unsigned(S::pair64(w.w3, w.w2)));
  }
  std::memcpy(out, values + kHalf * kWide, kBytes);
}

template <class S>
void loaded_floats(const Inputs& in, unsigned char* out) {
  float lanes[kNarrow];
  std::memcpy(lanes, in.x, sizeof(lanes));
  for (size_t at = 0; at < kNarrow; at += S::kLanes) put<S>(out + 4 * at, S::load(lanes + at));
}

template <class S>
void streamed_lines(const Inputs& in, unsigned char* out) {
  alignas(64) unsigned char lines[kBytes];
  for (size_t at = 0; at < kBytes; at += 64)
    S::stream_line(lines + at, reinterpret_cast<const unsigned char*>(in.x) + at);
  S::stream_fence();
  std::memcpy(out, lines, kBytes);
}

// Of every set that draws, and of every set that does more.
// clang-format off
template <class S>
inline constexpr Operation kDrawing[] = {
    {"block_counters, first half", Differ::kNothing, stream_order<S, false, 0>},
    {"block_counters, second half", Differ::kNothing, stream_order<S, false, 1>},
    {"load_counters, first half", Differ::kNothing, stream_order<S, true, 0>},
    {"load_counters, second half", Differ::kNothing, stream_order<S, true, 1>},
    {"store_alternating float32, first half", Differ::kNothing, alternating<S, 0>},
    {"store_alternating float32, second half", Differ::kNothing, alternating<S, 1>},
    {"store_alternating float64, first half", Differ::kNothing, wide_alternating<S, 0>},
    {"store_alternating float64, second half", Differ::kNothing, wide_alternating<S, 1>},
    {"all_words", Differ::kNothing, wide<S, [](const Wide<S>&) { return S::all_words(0x89ABCDEF); }>},
    {"low_word", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::low_word(a.i); }>},
    {"high_word", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::high_word(a.i); }>},
    {"multiply_words", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::multiply_words(a.u, a.v); }>},
    {"bit_xor words", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::bit_xor(a.u, a.v); }>},
    {"bit_xor three words", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::bit_xor(a.u, a.v, a.w); }>},
    {"pair64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::pair64(a.u, a.v); }>},

    {"all float32", Differ::kNothing, narrow<S, [](const Narrow<S>&) { return S::all(0.1F); }>},
    {"all uint32", Differ::kNothing, narrow<S, [](const Narrow<S>&) { return S::all(0x89ABCDEFU); }>},
    {"load and store float32", Differ::kNothing, loaded_floats<S>},
    {"load and store uint32", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return a.i; }>},
    {"bits and as_float", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::bits(a.x); }>},
    {"add", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::add(a.x, a.y); }>},
    {"mul", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::mul(a.x, a.y); }>},
    {"div", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::div(a.x, a.y); }>},
    {"fma", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::fma(a.x, a.y, a.z); }>},
    {"sqrt", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::sqrt(a.x); }>},
    {"clamp", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::clamp(a.number, a.low, a.high); }>},
    {"negate_where sign", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::negate_where(a.x, a.j); }>},
    {"negate_where mask", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::negate_where(a.x, S::below(a.j, a.k)); }>},
    {"choose_negated", Differ::kZero32,
     narrow<S, [](const Narrow<S>& a) { return S::choose_negated(S::below(a.j, a.k), a.number, a.low); }>},
    {"choose float32", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::choose(S::below(a.j, a.k), a.x, a.y); }>},
    {"choose uint32", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::choose(S::below(a.j, a.k), a.i, a.j); }>},
    {"choose uint32 sign", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::choose(a.i, a.j, a.k); }>},
    {"smaller", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::smaller(a.i, a.j); }>},
    {"larger", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::larger(a.i, a.j); }>},
    {"from_unsigned", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::from_unsigned(a.i); }>},
    {"from_signed", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::from_signed(a.i); }>},
    {"add uint32", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::add(a.i, a.j); }>},
    {"sub uint32", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::sub(a.i, a.j); }>},
    {"mul uint32", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::mul(a.i, a.j); }>},
    {"bit_and", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::bit_and(a.i, a.j); }>},
    {"bit_xor", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::bit_xor(a.i, a.j); }>},
    {"shift_left", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::template shift_left<2>(a.i); }>},
    {"shift_left far", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::template shift_left<31>(a.i); }>},
    {"shift_right", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::template shift_right<15>(a.i); }>},
    {"complement_where", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::complement_where(a.i, S::below(a.j, a.k)); }>},
    {"below uint32", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::below(a.i, a.j); }>},
    {"below float32", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::below(a.x, a.y); }>},
    {"has_bit low", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::has_bit(a.i, S::all(1U)); }>},
    {"has_bit high", Differ::kNothing,
     narrow<S, [](const Narrow<S>& a) { return S::has_bit(a.i, S::all(0x80000000U)); }>},
    {"invert", Differ::kNothing, narrow<S, [](const Narrow<S>& a) { return S::invert(S::below(a.i, a.j)); }>},
    {"every", Differ::kNothing,
     narrow_every<S, [](const Narrow<S>& a) { return S::below(a.i, S::all(0xFFFFFFFFU)); }>},

    {"all float64", Differ::kNothing, wide<S, [](const Wide<S>&) { return S::all(0.1); }>},
    {"all64", Differ::kNothing, wide<S, [](const Wide<S>&) { return S::all64(0x0123456789ABCDEF); }>},
    {"bits and as_float 64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return a.i; }>},
    {"add 64", Differ::kNan64, wide<S, [](const Wide<S>& a) { return S::add(a.x, a.y); }>},
    {"mul 64", Differ::kNan64, wide<S, [](const Wide<S>& a) { return S::mul(a.x, a.y); }>},
    {"div 64", Differ::kNan64, wide<S, [](const Wide<S>& a) { return S::div(a.x, a.y); }>},
    {"fma 64", Differ::kNan64, wide<S, [](const Wide<S>& a) { return S::fma(a.x, a.y, a.z); }>},
    {"sqrt 64", Differ::kNan64, wide<S, [](const Wide<S>& a) { return S::sqrt(a.x); }>},
    {"clamp 64", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::clamp(wide_number<S>(a.x), a.low, a.high); }>},
    {"negate_where sign 64", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::negate_where(a.x, a.j); }>},
    {"negate_where mask 64", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::negate_where(a.x, S::below(a.j, a.k)); }>},
    {"choose_negated 64", Differ::kZero64,
     wide<S, [](const Wide<S>& a) {
       return S::choose_negated(S::below(a.j, a.k), wide_number<S>(a.x), a.low);
     }>},
    {"choose 64", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::choose(S::below(a.j, a.k), a.x, a.y); }>},
    {"from_unsigned 64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::from_unsigned(a.i); }>},
    {"from_signed 64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::from_signed(a.i); }>},
    {"add uint64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::add(a.i, a.j); }>},
    {"sub uint64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::sub(a.i, a.j); }>},
    {"bit_and 64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::bit_and(a.i, a.j); }>},
    {"bit_xor 64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::bit_xor(a.i, a.j); }>},
    {"shift_left 64", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::template shift_left<2>(a.i); }>},
    {"complement_where 64", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::complement_where(a.i, S::below(a.j, a.k)); }>},
    {"below uint64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::below(a.i, a.j); }>},
    {"below float64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::below(a.x, a.y); }>},
    {"has_bit 64", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::has_bit(a.i, S::all64(uint64_t{1} << 62)); }>},
    {"invert 64", Differ::kNothing, wide<S, [](const Wide<S>& a) { return S::invert(S::below(a.i, a.j)); }>},
    {"every 64", Differ::kNothing,
     wide_every<S, [](const Wide<S>& a) { return S::below(a.i, S::all64(~uint64_t{0})); }>},
};
template <class S>
inline constexpr Operation kMore[] = {
    {"stream_line", Differ::kNothing, streamed_lines<S>},
    {"store past the cache", Differ::kNothing, floats_past_cache<S>},
    {"store float64 past the cache", Differ::kNothing, doubles_past_cache<S>},
    {"store words past the cache", Differ::kNothing, words_past_cache<S>},
    {"store_alternating past the cache, first half", Differ::kNothing, alternating<S, 0, true>},
    {"store_alternating past the cache, second half", Differ::kNothing, alternating<S, 1, true>},
    {"store_alternating float64 past the cache, first half", Differ::kNothing, wide_alternating<S, 0, true>},
    {"store_alternating float64 past the cache, second half", Differ::kNothing, wide_alternating<S, 1, true>},
    {"sub", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::sub(a.x, a.y); }>},
    {"at_least", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::at_least(a.x, a.low); }>},
    {"at_most", Differ::kNan32, narrow<S, [](const Narrow<S>& a) { return S::at_most(a.x, a.high); }>},
    {"widen, first half", Differ::kNan64, widened<S, 0>},
    {"widen, second half", Differ::kNan64, widened<S, 1>},
    // Numbers of all sizes below 2^31, most of them near its ends.
    {"truncate", Differ::kNothing,
     wide<S, [](const Wide<S>& a) {
       return S::truncate(S::clamp(wide_number<S>(a.x), S::all(0.0), S::all(0x1.fffffffffffffp30)));
     }>},
    {"truncate between", Differ::kNothing,
     wide<S, [](const Wide<S>& a) { return S::truncate(S::mul(S::from_unsigned(a.i), S::all(0x1p-60))); }>},
    {"store uint64", Differ::kNothing, stored_integers<S>},
    {"store_bfloat16", Differ::kNothing,
     stored<S, [](const Narrow<S>& a, unsigned char* out) { S::store_bfloat16(out, a.number); }>},
    {"store_float16", Differ::kNothing,
     stored<S, [](const Narrow<S>& a, unsigned char* out) { S::store_float16(out, a.number); }>},
};
// clang-format on

template <class S>
Operations operations() {
  Operations found{kDrawing<S>, sizeof(kDrawing<S>) / sizeof(Operation), nullptr, 0};
  if constexpr (simd::InstructionSet<S>) {
    found.more = kMore<S>;
    found.more_count = sizeof(kMore<S>) / sizeof(Operation);
  }
  return found;
}

}  // namespace pyinit::tests
