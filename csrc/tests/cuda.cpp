// rng/ on a thread of a GPU against rng/ on Scalar, bit by bit: that nothing in rng/ needs more of an
// instruction set than simd::DrawingSet, and that one lane of 64 bits a thread draws the same stream; and the
// rounding to half types, of all float32 that differ in their upper 20 bits. Then the index arithmetic of units
// past 2^32, of windows and matrices larger than a test can fill.
#include <cstdio>
#include <cstring>
#include <vector>

#include "cuda/lines.hpp"
#include "cuda/store.hpp"
#include "cuda/window.hpp"
#include "named_curves.hpp"
#include "rng/bits.hpp"
#include "rng/float8.hpp"
#include "rng/normal.hpp"
#include "rng/permutation.hpp"
#include "rng/transformed.hpp"
#include "rng/truncated.hpp"
#include "rng/uniform.hpp"
#include "simd/cuda.hpp"
#include "simd/scalar.hpp"

namespace {

using namespace pyinit::rng;
using pyinit::simd::Cuda;
using pyinit::simd::Scalar;

constexpr size_t kBlocks = 4096;
// The high word of the counter changes on the way.
constexpr Key kKey = {0x0123456789ABCDEF, (uint64_t{5} << 32) - kBlocks / 2};

// The values of kBlocks blocks, one group after the other. `shared`: by philox_shared, as far as the high
// word lasts.
template <class S, class Draw>
std::vector<typename Draw::Value> drawn(const Draw& draw, bool shared) {
  constexpr uint64_t kValues = 16 / sizeof(typename Draw::Value);
  std::vector<typename Draw::Value> out(kBlocks * kValues);
  const PhiloxKeys<S> keys(kKey.seed);
  for (uint64_t at = 0; at < kBlocks; at += S::kBlocks) {
    const uint64_t first = kKey.offset + at;
    const typename S::U64 counters[1] = {S::block_counters(first)};
    Words<S> words[1];
    if (shared) {
      philox_shared<S, 1>(counters, keys, SharedHigh<S>(static_cast<uint32_t>(first >> 32), kKey.seed),
                          words);
    } else {
      philox<S, 1>(counters, keys, words);
    }
    draw(words[0], out.data() + at * kValues);
  }
  return out;
}

bool report(const char* name, bool same) {
  std::printf("%-24s %s\n", name, same ? "same" : "DIFFERS");
  return same;
}

template <class Value>
bool same_bits(const std::vector<Value>& a, const std::vector<Value>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Value)) == 0;
}

template <class DrawOne, class DrawMany, class... Numbers>
bool agrees(const char* name, const Numbers&... numbers) {
  bool same = true;
  for (const bool shared : {false, true}) {
    const auto expected = drawn<Scalar>(DrawMany(numbers...), shared);
    const auto found = drawn<Cuda>(DrawOne(numbers...), shared);
    // Neither may be constant, nor may the two generators differ.
    same = same && same_bits(found, expected) && found.front() != found.back();
    same = same && same_bits(found, drawn<Cuda>(DrawOne(numbers...), false));
  }
  return report(name, same);
}

template <template <class, class> class Draw, class Numbers>
bool agrees_in_both(const char* name, const Numbers& numbers) {
  const bool narrow = agrees<Draw<Cuda, float>, Draw<Scalar, float>>(name, numbers);
  return agrees<Draw<Cuda, double>, Draw<Scalar, double>>(name, numbers) && narrow;
}

// Where `row` goes, as permutation.hpp says it in words.
uint32_t shuffled(uint64_t column, uint32_t rows, uint32_t row) {
  uint64_t x = row;
  for (uint64_t t = 0; t < kShuffleRounds; ++t) {
    const uint32_t r = block<Scalar>(kKey, 6 * column + t / 4)[t % 4];
    const uint64_t y = ((uint64_t{r} * rows >> 32) + rows - x) % rows;
    uint32_t h = static_cast<uint32_t>(x > y ? x : y) ^ r;
    h = (h ^ h >> 16) * kHashMultiplier0;
    h = (h ^ h >> 15) * kHashMultiplier1;
    if (h >> 31 != 0) x = y;
  }
  return static_cast<uint32_t>(x);
}

template <class S>
bool permutes(uint32_t rows) {
  constexpr uint32_t kAtOnce = 5;
  bool same = true;
  for (uint64_t column = 0; column < 32; column += S::kLanes) {
    const Permutation<S> permutation(kKey, column, rows);
    for (uint32_t k = 0; k < 60; ++k) {
      const uint32_t row = k < 30 ? k : rows - 1 - kAtOnce - k * 7;
      uint32_t one[S::kLanes], several[kAtOnce][S::kLanes];
      S::store(one, permutation(row));
      permutation.rows(row, several);
      for (size_t lane = 0; lane < S::kLanes; ++lane) {
        same = same && one[lane] == shuffled(column + lane, rows, row);
        for (uint32_t next = 0; next < kAtOnce; ++next)
          same = same && several[next][lane] == shuffled(column + lane, rows, row + next);
      }
    }
  }
  return same;
}

// For as many rows as 31 bits count, and for more.
bool permutations_agree() {
  bool same = true;
  for (const uint32_t rows : {1000U, 1U << 31, (1U << 31) + 1, 0xC0000001U, 0xFFFFFFFFU})
    same = permutes<Cuda>(rows) && permutes<Scalar>(rows) && same;
  return report("permutation", same);
}

template <class Out>
bool float8_agrees(const uint32_t (&x)[Scalar::kLanes]) {
  Out bits[Scalar::kLanes];
  pyinit::rng::store_float8<Scalar>(bits, Scalar::as_float(Scalar::load(x)));
  bool same = true;
  for (size_t i = 0; i < Scalar::kLanes; ++i)
    same = same && pyinit::cuda::rounded<Out>(__uint_as_float(x[i])).bits == bits[i].bits;
  return same;
}

bool halves_agree() {
  bool same = true;
  for (uint64_t first = 0; first < uint64_t{1} << 32; first += Scalar::kLanes << 12) {
    uint32_t x[Scalar::kLanes];
    uint16_t bfloat16[Scalar::kLanes], float16[Scalar::kLanes];
    for (size_t i = 0; i < Scalar::kLanes; ++i) {
      // The low bits decide ties.
      constexpr uint32_t kLow[] = {0, 1, 0x800, 0xFFF};
      x[i] = static_cast<uint32_t>(first + (i << 12)) | kLow[first >> 20 & 3];
    }
    Scalar::store_bfloat16(bfloat16, Scalar::as_float(Scalar::load(x)));
    Scalar::store_float16(float16, Scalar::as_float(Scalar::load(x)));
    for (size_t i = 0; i < Scalar::kLanes; ++i) {
      if ((x[i] & 0x7FFFFFFF) > 0x7F800000) continue;
      const float value = __uint_as_float(x[i]);
      same = same && Cuda::rounded_pair(pyinit::Bfloat16{}, 1.0F, value) == (0x3F80U | bfloat16[i] << 16);
      same = same && Cuda::rounded_pair(pyinit::Float16{}, 1.0F, value) == (0x3C00U | float16[i] << 16);
    }
    same = same && float8_agrees<pyinit::Float8E4m3fn>(x) && float8_agrees<pyinit::Float8E5m2>(x);
  }
  return report("halves", same);
}

template <template <class, class> class Curve>
bool curve_agrees(const char* name, const TransformedNumbers& narrow, const TransformedNumbers& wide) {
  const bool good = agrees<Transformed<Cuda, float, Curve>, Transformed<Scalar, float, Curve>>(name, narrow);
  return agrees<Transformed<Cuda, double, Curve>, Transformed<Scalar, double, Curve>>(name, wide) && good;
}

bool curves_agree(const char* name, const TransformedNumbers& narrow, const TransformedNumbers& wide) {
  switch (narrow.function) {
    case Transform::kLogUniform:
      return curve_agrees<LogUniform>(name, narrow, wide);
    case Transform::kInverseSoftplus:
      return curve_agrees<InverseSoftplus>(name, narrow, wide);
    case Transform::kLogOfUniform:
      return curve_agrees<LogOfUniform>(name, narrow, wide);
    case Transform::kLogDecay:
      return curve_agrees<LogDecay>(name, narrow, wide);
  }
  return false;
}

// 2^21 planes of 3 2^10 runs of 5 elements, and as many lines.
bool far_units_agree() {
  constexpr uint64_t kRuns = 3 << 10, kPlanes = 1 << 21, kRunStride = 7, kPlaneStride = 7 * kRuns + 11;
  const pyinit::cuda::Window window{
      2, 5, kRuns * kPlanes, {kRuns, kPlanes, 1, 1}, {kRunStride, kPlaneStride, 0, 0}};
  const pyinit::cuda::Lines lines{2, {kRuns, kPlanes}, {1, 2}, {1, kRuns + 4}, {3, 9 * kRuns}};
  const pyinit::cuda::Pieces pieces(window, 4);
  bool same = pieces.size() == 2 * kRuns * kPlanes && lines.size() == kRuns * kPlanes;
  for (const uint64_t unit : {uint64_t{0}, uint64_t{kRuns} + 1, (uint64_t{1} << 32) - 1, uint64_t{1} << 32,
                              (uint64_t{1} << 32) + 12345, kRuns * kPlanes - 1}) {
    const uint64_t plane = unit / kRuns, run = unit % kRuns;
    const uint64_t first = 2 + run * kRunStride + plane * kPlaneStride;
    same = same && window.first(unit) == first;
    const pyinit::cuda::Piece begin = pieces[2 * unit], end = pieces[2 * unit + 1];
    same = same && begin.block == first / 4 && begin.skip == first % 4 && begin.count == 4 - first % 4;
    same = same && begin.at == 5 * unit && end.at == 5 * unit + begin.count;
    same = same && end.block == first / 4 + 1 && end.skip == 0 && end.count == 5 - begin.count;
    const pyinit::cuda::Line line = lines[unit];
    same = same && line.index == (1 + run) + (2 + plane) * (kRuns + 4);
    same = same && line.offset == run * 3 + plane * 9 * kRuns;
  }
  return report("units past 2^32", same);
}

}  // namespace

int main() {
  // Intervals as pyinit/recipes/truncation.py makes them: [-2, 2], and one so far out that |x| is 1.
  constexpr double kShare = 0.9544997361036416, kTail = 0.02275013194817921;
  TruncatedNumbers near{0.5, 0.1, 0.3, 0.7, false, 0, uint64_t{1} << 31, 0, kTail, kTail, 0, 0, 0};
  near.tail_step = kShare * 0x1p-32;
  near.centre_step = 2 * kShare * 0x1p-32;
  TruncatedNumbers far = near;
  far.mirrored = true;
  far.tail_exponent = 40;
  far.tail_step = 0x1p-34;
  far.tail_high = 0x1p-35;
  far.lowest = -1;
  far.highest = 1;
  TruncatedNumbers wide = near;
  wide.pivot = uint64_t{1} << 63;
  wide.tail_step = kShare * 0x1p-64;
  wide.centre_step = 2 * kShare * 0x1p-64;

  bool good = agrees<Bits<Cuda>, Bits<Scalar>>("bits");
  good = agrees_in_both<Uniform>("uniform", UniformNumbers{-1.5, 2.5, -1.5, 2.4999}) && good;
  good = agrees_in_both<Normal>("normal", NormalNumbers{0, 0.02}) && good;
  good = agrees_in_both<Normal>("normal, shifted", NormalNumbers{1, 0.02}) && good;
  good = agrees<TruncatedNormal<Cuda, float>, TruncatedNormal<Scalar, float>>("truncated", near) && good;
  good = agrees<TruncatedNormal<Cuda, double>, TruncatedNormal<Scalar, double>>("truncated, float64", wide) &&
         good;
  good = agrees<TruncatedNormal<Cuda, float>, TruncatedNormal<Scalar, float>>("truncated, far", far) && good;
  good = agrees<SymmetricTruncatedNormal<Cuda>, TruncatedNormal<Scalar, float>>("symmetric", near) && good;
  for (const auto& named : pyinit::tests::kCurves) {
    good = curves_agree(named.name, named.of[0], named.of[1]) && good;
  }
  good = permutations_agree() && good;
  good = halves_agree() && good;
  good = far_units_agree() && good;
  return good ? 0 : 1;
}
