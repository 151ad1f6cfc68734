// The statistics of one block, 32 lanes side by side: lane j takes the columns j, j + 32 and so on.
// Contract: moments.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "probe/moments.hpp"

namespace pyinit::probe {

// How many rows ahead of their use the rows of a block are asked for.
inline constexpr size_t kRowsAhead = 4;

// A vector of some numbers, wherever they lie in memory.
template <class Number, size_t kCount>
struct Piece {
  using Type [[gnu::vector_size(kCount * sizeof(Number)), gnu::aligned(alignof(Number)), gnu::may_alias]] =
      Number;
};

// Which slot of a histogram a finite number falls into: 0 below, 1 and on the bins, bins + 1 above.
template <class S>
class LinearSlots {
  using F32 = typename S::F32;
  using F64 = typename S::F64;

 public:
  explicit LinearSlots(const Axis& axis)
      : first_(least_from(axis.low)),
        end_(least_from(axis.high)),
        most_(std::max(std::nextafter(end_, -kInfinity), std::numeric_limits<float>::lowest())),
        low_(axis.low),
        // Where no float lies inside, no position is used, and none may be too large for an integer.
        scale_(first_ < end_ ? axis.linear_bins / (axis.high - low_) : 0.0),
        last_(static_cast<int32_t>(axis.linear_bins) - 1) {}

  // Finds the slots of S::kLanes numbers. They are compared and clamped as floats: twice as many at once as
  // doubles.
  [[gnu::always_inline]] void operator()(F32 x, uint32_t* slots) const {
    const F32 inside = S::clamp(x, S::all(first_), S::all(most_));
    double at[S::kLanes];
    S::store(at, position(S::widen_low(inside)));
    S::store(at + S::kLanes / 2, position(S::widen_high(inside)));
    // Zero where x is below the bins, and where it is above them the slot that is larger than any bin's.
    uint32_t kept[S::kLanes], above[S::kLanes];
    S::store(kept, S::choose(S::below(x, S::all(first_)), S::all(0U), S::all(~0U)));
    S::store(above,
             S::choose(S::below(x, S::all(end_)), S::all(0U), S::all(static_cast<uint32_t>(last_ + 2))));
    const Whole last = Whole{} + last_;
    for (size_t i = 0; i < S::kLanes; i += kPiece) {
      Whole bin = __builtin_convertvector(*reinterpret_cast<const Position*>(at + i), Whole);
      bin = ((bin < last ? bin : last) + 1) & *reinterpret_cast<const Whole*>(kept + i);
      const Whole most = *reinterpret_cast<const Whole*>(above + i);
      *reinterpret_cast<Whole*>(slots + i) = bin > most ? bin : most;
    }
  }

 private:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // A vector of an instruction set is cut off at once; number by number it took half of the statistics' time.
  static constexpr size_t kPiece = S::kLanes / 4;
  using Position = typename Piece<double, kPiece>::Type;
  using Whole = typename Piece<int32_t, kPiece>::Type;

  // The least float that is not below `x`: a float is below x just where it is below that.
  static float least_from(double x) {
    const auto nearest = static_cast<float>(x);
    return static_cast<double>(nearest) < x ? std::nextafter(nearest, kInfinity) : nearest;
  }

  [[gnu::always_inline]] F64 position(F64 x) const {
    return S::mul(S::add(x, S::all(-low_)), S::all(scale_));
  }

  float first_, end_, most_;
  double low_, scale_;
  int32_t last_;
};

template <class S>
class SignedLogSlots {
 public:
  explicit SignedLogSlots(const Axis& axis)
      : shift_(23 - axis.cuts),
        first_((axis.lowest + 127) << axis.cuts),
        side_((axis.highest - axis.lowest) << axis.cuts) {}

  [[gnu::always_inline]] void operator()(typename S::F32 x, uint32_t* slots) const {
    uint32_t bits[S::kLanes];
    S::store(bits, S::bits(x));
    for (int i = 0; i < S::kLanes; ++i) {
      int32_t from_centre = static_cast<int32_t>((bits[i] & 0x7FFFFFFFU) >> shift_) - first_ + 1;
      from_centre = from_centre > 0 ? from_centre : 0;
      from_centre = from_centre < side_ + 1 ? from_centre : side_ + 1;
      const auto sign = static_cast<int32_t>(bits[i]) >> 31;
      slots[i] = static_cast<uint32_t>(side_ + 1 + ((from_centre ^ sign) - sign));
    }
  }

 private:
  int shift_;
  int32_t first_, side_;
};

template <class S>
struct NoSlots {};

// kSaturates: whether there are thresholds of saturation.
template <class S, class Slots, bool kSaturates>
class Summary {
  using F32 = typename S::F32;
  using F64 = typename S::F64;
  using U32 = typename S::U32;
  static constexpr size_t kLanes = S::kLanes;
  static constexpr size_t kVectors = kStatisticLanes / kLanes;
  static constexpr bool kCounts = !std::is_same_v<Slots, NoSlots<S>>;

 public:
  Summary(const Question& question, const Slots& slots, float shift)
      : question_(question), slots_(slots), shift_(shift) {
    for (size_t v = 0; v < kVectors; ++v) {
      minimum_[v] = maximum_[v] = S::all(shift);
      finite_[v] = saturated_[v] = S::all(0U);
      sum_[2 * v] = sum_[2 * v + 1] = square_[2 * v] = square_[2 * v + 1] = S::all(0.0);
    }
  }

  // A number that is not finite is counted as the shift, and taken out again at the end.
  // Of the lanes, as many vectors as are given hold numbers; what the others would add is nothing.
  [[gnu::always_inline]] void add(const float* x, size_t vectors, uint32_t* slots) {
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; ++v) {
      if (v >= vectors) break;
      const F32 given = S::load(x + v * kLanes);
      const auto finite = S::below(S::bit_and(S::bits(given), S::all(0x7FFFFFFFU)), S::all(0x7F800000U));
      const F32 value = S::choose(finite, given, S::all(shift_));
      finite_[v] = S::add(finite_[v], S::choose(finite, S::all(1U), S::all(0U)));
      if constexpr (kSaturates) {
        const auto inside = S::below(S::all(question_.saturated_low), value);
        const auto low_half = S::choose(inside, S::all(0U), S::all(1U));
        const auto below = S::below(value, S::all(question_.saturated_high));
        saturated_[v] = S::add(saturated_[v], S::choose(below, low_half, S::all(1U)));
      }
      minimum_[v] = S::at_most(value, minimum_[v]);
      maximum_[v] = S::at_least(value, maximum_[v]);
      add_wide(2 * v, S::widen_low(value));
      add_wide(2 * v + 1, S::widen_high(value));
      if constexpr (kCounts) slots_(value, slots + v * kLanes);
    }
  }

  // `added` numbers were given to add, `numbers` of them from the block; `counted` slots were counted.
  BlockMoments result(uint64_t numbers, uint64_t added, uint64_t counted, Tally& tally) {
    uint32_t finite[kStatisticLanes], saturated[kStatisticLanes];
    float minimum[kStatisticLanes], maximum[kStatisticLanes];
    double sum[kStatisticLanes], square[kStatisticLanes];
    for (size_t v = 0; v < kVectors; ++v) {
      S::store(finite + v * kLanes, finite_[v]);
      S::store(saturated + v * kLanes, saturated_[v]);
      S::store(minimum + v * kLanes, minimum_[v]);
      S::store(maximum + v * kLanes, maximum_[v]);
      for (size_t half = 0; half < 2; ++half) {
        S::store(sum + v * kLanes + half * kLanes / 2, sum_[2 * v + half]);
        S::store(square + v * kLanes + half * kLanes / 2, square_[2 * v + half]);
      }
    }
    for (size_t width = kStatisticLanes / 2; width > 0; width /= 2) {
      for (size_t i = 0; i < width; ++i) {
        finite[i] += finite[i + width];
        saturated[i] += saturated[i + width];
        sum[i] += sum[i + width];
        square[i] += square[i + width];
        minimum[i] = minimum[i + width] < minimum[i] ? minimum[i + width] : minimum[i];
        maximum[i] = maximum[i + width] > maximum[i] ? maximum[i + width] : maximum[i];
      }
    }
    const uint64_t replaced = added - finite[0];
    tally.nonfinite += numbers - finite[0];
    const bool shift_saturated = !(question_.saturated_low < shift_ && shift_ < question_.saturated_high);
    tally.saturated += saturated[0] - (shift_saturated ? replaced : 0);
    if constexpr (kCounts) {
      uint32_t slots[kLanes];
      slots_(S::all(shift_), slots);
      tally.slots[slots[0] * Tally::kCopies] -= counted - finite[0];
    }
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    if (finite[0] == 0) return {0, 0, 0, kInfinity, -kInfinity};
    const auto count = static_cast<double>(finite[0]);
    const double m2 = square[0] - sum[0] * sum[0] / count;
    return {count, static_cast<double>(shift_) + sum[0] / count, m2 > 0 ? m2 : 0.0, minimum[0], maximum[0]};
  }

 private:
  [[gnu::always_inline]] void add_wide(size_t half, F64 value) {
    const F64 apart = S::add(value, S::all(-static_cast<double>(shift_)));
    sum_[half] = S::add(sum_[half], apart);
    square_[half] = S::add(square_[half], S::mul(apart, apart));
  }

  Question question_;
  Slots slots_;
  float shift_;
  F64 sum_[2 * kVectors], square_[2 * kVectors];
  F32 minimum_[kVectors], maximum_[kVectors];
  U32 finite_[kVectors], saturated_[kVectors];
};

template <class S>
float first_finite(const Matrix& block) {
  for (size_t i = 0; i < block.rows; ++i) {
    for (size_t j = 0; j < block.columns; ++j) {
      const float x = block.data[i * block.stride + j];
      uint32_t bits;
      std::memcpy(&bits, &x, sizeof(bits));
      if ((bits & 0x7FFFFFFFU) < 0x7F800000U) return x;
    }
  }
  return 0;
}

// Counts slots that another loop has found. Why not in that loop: they would pass from vectors to counters
// one by one, through the vector unit's port for permutations, and take a third longer.
template <class S>
[[gnu::noinline]] void count_slots(const uint32_t* slots, size_t n, uint64_t* counts) {
  static_assert(kStatisticLanes % Tally::kCopies == 0);
  for (size_t j = 0; j < n; j += Tally::kCopies) {
#pragma GCC unroll 4
    for (size_t k = 0; k < Tally::kCopies; ++k) ++counts[size_t{slots[j + k]} * Tally::kCopies + k];
  }
}

template <class S, bool kSaturates, class Slots>
BlockMoments summarize_in(const Question& question, const Slots& slots, const Matrix& block, Tally& tally) {
  constexpr size_t kLanes = kStatisticLanes;
  Summary<S, Slots, kSaturates> summary(question, slots, first_finite<S>(block));
  const size_t whole = block.columns / kLanes * kLanes;
  const size_t rest = block.columns - whole;
  const size_t rest_vectors = (rest + S::kLanes - 1) / S::kLanes;
  const size_t added = whole + rest_vectors * S::kLanes;
  // The lanes beyond a narrow block are not counted: that would take longer than all else.
  const size_t counted = whole + (rest + Tally::kCopies - 1) / Tally::kCopies * Tally::kCopies;
  uint32_t slots_of_row[kBlockNumbers];
  float last[kLanes];
  for (float& x : last) x = std::numeric_limits<float>::quiet_NaN();
  for (size_t i = 0; i < block.rows; ++i) {
    const float* row = block.data + i * block.stride;
    // The processor does not see a sequence in rows that are far apart.
    if (i + kRowsAhead < block.rows) {
      for (size_t j = 0; j < block.columns; j += 16) __builtin_prefetch(row + kRowsAhead * block.stride + j);
    }
    for (size_t j = 0; j < whole; j += kLanes) summary.add(row + j, kLanes / S::kLanes, slots_of_row + j);
    if (rest != 0) {
      std::memcpy(last, row + whole, rest * sizeof(float));
      summary.add(last, rest_vectors, slots_of_row + whole);
    }
    if constexpr (!std::is_same_v<Slots, NoSlots<S>>) count_slots<S>(slots_of_row, counted, tally.slots);
  }
  return summary.result(block.rows * block.columns, block.rows * added, block.rows * counted, tally);
}

template <class S, bool kSaturates>
BlockMoments summarize_on(const Question& question, const Matrix& block, Tally& tally) {
  switch (question.axis.scale) {
    case Axis::Scale::kLinear:
      return summarize_in<S, kSaturates>(question, LinearSlots<S>(question.axis), block, tally);
    case Axis::Scale::kSignedLog:
      return summarize_in<S, kSaturates>(question, SignedLogSlots<S>(question.axis), block, tally);
    case Axis::Scale::kNone:
      break;
  }
  return summarize_in<S, kSaturates>(question, NoSlots<S>{}, block, tally);
}

template <class S>
BlockMoments summarize(const Question& question, const Matrix& block, Tally& tally) {
  // No finite number is at or beyond an infinite threshold.
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (question.saturated_low == -kInfinity && question.saturated_high == kInfinity)
    return summarize_on<S, false>(question, block, tally);
  return summarize_on<S, true>(question, block, tally);
}

}  // namespace pyinit::probe
