// Histograms: which slot a finite number falls into, 0 below, 1 and on the bins, bins + 1 above; and the
// counting of the slots that were found.
// Why finding and counting are two loops: vectors find slots, and counters are in memory. In one loop slots
// would pass from the one to the other through the vector unit's port for permutations.
// Why pairs of slots: a counter is loaded and stored for each thing that is counted. A table that counts two
// numbers at once halves that; the sums of its rows and columns are the histogram (Recorder adds them up).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "probe/moments.hpp"

namespace pyinit::probe {

// Neighbours count in different copies of the histogram.
template <class S>
[[gnu::noinline]] void count_slots(const uint64_t* slots, size_t n, uint64_t* counts) {
  static_assert(S::kBlocks % Tally::kCopies == 0);
  for (size_t j = 0; j < n; j += Tally::kCopies) {
#pragma GCC unroll 4
    for (size_t k = 0; k < Tally::kCopies; ++k) ++counts[slots[j + k] * Tally::kCopies + k];
  }
}
template <class S>
[[gnu::noinline]] void count_pairs(const uint64_t* pairs, size_t n, uint32_t* counts) {
  constexpr size_t kAtOnce = 4;
  static_assert(S::kBlocks % kAtOnce == 0);
  for (size_t j = 0; j < n; j += kAtOnce) {
#pragma GCC unroll 4
    for (size_t k = 0; k < kAtOnce; ++k) ++counts[pairs[j + k]];
  }
}

template <class S>
class LinearSlots {
  using F64 = typename S::F64;
  using U64 = typename S::U64;

 public:
  explicit LinearSlots(const Axis& axis)
      : first_(least_from(axis.low)),
        end_(least_from(axis.high)),
        most_(std::max(std::nextafter(end_, -kInfinity), std::numeric_limits<float>::lowest())),
        low_(axis.low),
        // Where no float lies inside, no position is used, and none may be too large for an integer.
        scale_(first_ < end_ ? axis.linear_bins / (axis.high - low_) : 0.0),
        bins_(axis.linear_bins) {}

  // Whether numbers from `least` to `most` fall on bins, and their positions below the last one's end.
  bool hold(float least, float most) const {
    return first_ <= least && most < end_ && (static_cast<double>(most) - low_) * scale_ < bins_;
  }
  // The slots of any numbers; or the bins, from 0, of numbers that are held.
  template <bool kHeld>
  [[gnu::always_inline]] U64 find(F64 x) const {
    if constexpr (kHeld) return S::truncate(position(x));
    const F64 first = S::all(static_cast<double>(first_));
    const F64 inside = S::clamp(x, first, S::all(static_cast<double>(most_)));
    const F64 at = S::clamp(position(inside), S::all(0.0), S::all(bins_ - 1));
    const auto is_on_bins = S::below(x, S::all(static_cast<double>(end_)));
    const U64 bin = S::truncate(S::choose(is_on_bins, at, S::all(bins_)));
    const F64 slot = S::as_float(S::add(bin, S::all64(1)));
    return S::bits(S::choose(S::below(x, first), S::as_float(S::all64(0)), slot));
  }
  uint64_t slot(float x) const {
    uint64_t found[S::kBlocks];
    S::store(found, find<false>(S::all(static_cast<double>(x))));
    return found[0];
  }

 private:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();

  // The least float that is not below `x`: a float is below x just where it is below that.
  static float least_from(double x) {
    const auto nearest = static_cast<float>(x);
    return static_cast<double>(nearest) < x ? std::nextafter(nearest, kInfinity) : nearest;
  }

  [[gnu::always_inline]] F64 position(F64 x) const {
    return S::mul(S::add(x, S::all(-low_)), S::all(scale_));
  }

  float first_, end_, most_;
  double low_, scale_, bins_;
};

// What follows finds out where S::kLanes numbers are counted, which lie at x and are given as float64, too, in
// two halves; and counts what was found.

template <class S>
struct NoCounts {
  static constexpr size_t kFound = 0;
  [[gnu::always_inline]] void find(const float*, typename S::F64, typename S::F64, uint64_t*) const {}
  void count(const uint64_t*, size_t) const {}
};

// kHeld: whether all numbers fall on bins (LinearSlots::hold).
template <class S, bool kHeld>
class LinearCounts {
 public:
  static constexpr size_t kFound = S::kLanes;

  LinearCounts(const LinearSlots<S>& slots, const Tally& tally)
      : slots_(slots), counts_(tally.slots + (kHeld ? Tally::kCopies : 0)) {}

  [[gnu::always_inline]] void find(const float*, typename S::F64 low, typename S::F64 high,
                                   uint64_t* found) const {
    S::store(found, slots_.template find<kHeld>(low));
    S::store(found + S::kBlocks, slots_.template find<kHeld>(high));
  }
  void count(const uint64_t* found, size_t n) const { count_slots<S>(found, n, counts_); }

 private:
  LinearSlots<S> slots_;
  uint64_t* counts_;
};

template <class S, bool kHeld>
class LinearPairCounts {
 public:
  static constexpr size_t kFound = S::kBlocks;

  LinearPairCounts(const LinearSlots<S>& slots, const Tally& tally)
      : slots_(slots), counts_(tally.pairs + (kHeld ? Tally::kPairSlots + 1 : 0)) {}

  [[gnu::always_inline]] void find(const float*, typename S::F64 low, typename S::F64 high,
                                   uint64_t* found) const {
    constexpr int kShift = std::countr_zero(Tally::kPairSlots);
    const auto row = S::template shift_left<kShift>(slots_.template find<kHeld>(low));
    S::store(found, S::add(row, slots_.template find<kHeld>(high)));
  }
  void count(const uint64_t* found, size_t n) const { count_pairs<S>(found, n, counts_); }

 private:
  LinearSlots<S> slots_;
  uint32_t* counts_;
};

template <class S>
class SignedLogCounts {
 public:
  static constexpr size_t kFound = S::kLanes;

  SignedLogCounts(const Axis& axis, const Tally& tally)
      : shift_(23 - axis.cuts),
        first_((axis.lowest + 127) << axis.cuts),
        side_((axis.highest - axis.lowest) << axis.cuts),
        counts_(tally.slots) {}

  uint64_t slot(float x) const {
    const auto bits = __builtin_bit_cast(uint32_t, x);
    int32_t from_centre = static_cast<int32_t>((bits & 0x7FFFFFFFU) >> shift_) - first_ + 1;
    from_centre = from_centre > 0 ? from_centre : 0;
    from_centre = from_centre < side_ + 1 ? from_centre : side_ + 1;
    const auto sign = static_cast<int32_t>(bits) >> 31;
    return static_cast<uint32_t>(side_ + 1 + ((from_centre ^ sign) - sign));
  }
  [[gnu::always_inline]] void find(const float* x, typename S::F64, typename S::F64, uint64_t* found) const {
    for (int i = 0; i < S::kLanes; ++i) found[i] = slot(x[i]);
  }
  void count(const uint64_t* found, size_t n) const { count_slots<S>(found, n, counts_); }

 private:
  int shift_;
  int32_t first_, side_;
  uint64_t* counts_;
};

}  // namespace pyinit::probe
