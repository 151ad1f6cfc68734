// The statistics of one block, 32 lanes side by side: lane j takes the columns j, j + 32 and so on.
// Why in two passes: the first finds extremes, and whether all numbers are finite; the second, which takes most
// of the time, then asks nothing of a number, and where the extremes fall on bins, nothing of a bin. The block is
// in the first-level cache from the first pass on.
// Contract: moments.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "probe/moments.hpp"
#include "probe/slots.hpp"

namespace pyinit::probe {

// How many rows ahead of their use the rows of a block are asked for.
inline constexpr size_t kRowsAhead = 4;
// Slots are counted at the end of a row, once at least so many are found: each time, sums leave their registers.
inline constexpr size_t kFoundTogether = 128;

// What each lane holds. It is a template over S only because of the linker (isa/table.hpp).
template <class S>
struct Lanes {
  uint32_t saturated[kStatisticLanes];
  float minimum[kStatisticLanes], maximum[kStatisticLanes];
  double sum[kStatisticLanes], square[kStatisticLanes];

  // Lanes that hold nothing.
  explicit Lanes(float shift) {
    for (size_t i = 0; i < kStatisticLanes; ++i) {
      saturated[i] = 0;
      minimum[i] = maximum[i] = shift;
      sum[i] = square[i] = 0;
    }
  }

  void join_extremes() {
    for (size_t width = kStatisticLanes / 2; width > 0; width /= 2) {
      for (size_t i = 0; i < width; ++i) {
        saturated[i] += saturated[i + width];
        minimum[i] = minimum[i + width] < minimum[i] ? minimum[i + width] : minimum[i];
        maximum[i] = maximum[i + width] > maximum[i] ? maximum[i + width] : maximum[i];
      }
    }
  }
  void join_sums() {
    for (size_t width = kStatisticLanes / 2; width > 0; width /= 2) {
      for (size_t i = 0; i < width; ++i) {
        sum[i] += sum[i + width];
        square[i] += square[i + width];
      }
    }
  }
};

template <class S>
bool is_finite(float x) {
  return (__builtin_bit_cast(uint32_t, x) & 0x7FFFFFFFU) < 0x7F800000U;
}

template <class S>
float first_finite(const Matrix& block) {
  for (size_t i = 0; i < block.rows; ++i) {
    for (size_t j = 0; j < block.columns; ++j) {
      const float x = block.data[i * block.stride + j];
      if (is_finite<S>(x)) return x;
    }
  }
  return 0;
}

// Copies a block into rows of whole vectors, and of whole groups of lanes where they are longer than one, with
// the shift in place of what is missing.
template <class S>
Matrix complete(const Matrix& block, float shift, float* copy) {
  const size_t unit = block.columns < kStatisticLanes ? S::kLanes : kStatisticLanes;
  const size_t columns = (block.columns + unit - 1) / unit * unit;
  constexpr size_t kPiece = 4;
  for (size_t i = 0; i < block.rows; ++i) {
    const float* row = block.data + i * block.stride;
    float* to = copy + i * columns;
    size_t j = 0;
    for (; j + kPiece <= block.columns; j += kPiece) std::memcpy(to + j, row + j, kPiece * sizeof(float));
    for (; j < block.columns; ++j) to[j] = row[j];
    for (; j < columns; ++j) to[j] = shift;
  }
  return {copy, block.rows, columns, columns};
}

// Copies a block, with the shift in place of numbers that are not finite, and returns how many these are. The copy
// may be where the block is.
template <class S>
uint64_t replace_strangers(Matrix& block, float shift, float* copy) {
  uint64_t count = 0;
  for (size_t i = 0; i < block.rows; ++i) {
    for (size_t j = 0; j < block.columns; ++j) {
      const float x = block.data[i * block.stride + j];
      copy[i * block.columns + j] = is_finite<S>(x) ? x : shift;
      count += !is_finite<S>(x);
    }
  }
  block = {copy, block.rows, block.columns, block.columns};
  return count;
}

// Finds the extremes of rows that are complete, counts what is saturated, and returns whether all numbers
// are finite. kSaturates: whether there are thresholds of saturation.
template <class S, bool kSaturates>
bool find_extremes(const Question& question, const Matrix& block, float shift, Lanes<S>& lanes) {
  using F32 = typename S::F32;
  bool all_finite = true;
  for (size_t first = 0; first < std::min(kStatisticLanes, block.columns); first += S::kLanes) {
    F32 minimum = S::all(shift), maximum = minimum, zeros = S::all(0.0F);
    auto saturated = S::all(0U);
    for (size_t i = 0; i < block.rows; ++i) {
      const float* row = block.data + i * block.stride;
      // The processor does not see a sequence in rows that are far apart.
      if (first == 0 && i + kRowsAhead < block.rows) {
        for (size_t j = 0; j < block.columns; j += 16)
          __builtin_prefetch(row + kRowsAhead * block.stride + j);
      }
      for (size_t j = first; j < block.columns; j += kStatisticLanes) {
        const F32 value = S::load(row + j);
        if constexpr (kSaturates) {
          const auto inside = S::below(S::all(question.saturated_low), value);
          const auto low_half = S::choose(inside, S::all(0U), S::all(1U));
          const auto below = S::below(value, S::all(question.saturated_high));
          saturated = S::add(saturated, S::choose(below, low_half, S::all(1U)));
        }
        minimum = S::at_most(value, minimum);
        maximum = S::at_least(value, maximum);
        // NaN once a number was not finite.
        zeros = S::fma(value, S::all(0.0F), zeros);
      }
    }
    all_finite &= S::every(S::below(zeros, S::all(1.0F)));
    S::store(lanes.minimum + first, minimum);
    S::store(lanes.maximum + first, maximum);
    S::store(lanes.saturated + first, saturated);
  }
  return all_finite;
}

// Sums numbers and their squares, about the shift, and counts the numbers.
template <class S, class Counts>
void add_up(const Matrix& block, float shift, const Counts& counts, Lanes<S>& lanes) {
  using F64 = typename S::F64;
  uint64_t found[kBlockNumbers + kFoundTogether];
  const F64 back = S::all(-static_cast<double>(shift));
  for (size_t first = 0; first < std::min(kStatisticLanes, block.columns); first += S::kLanes) {
    F64 sums[2], squares[2];
    sums[0] = sums[1] = squares[0] = squares[1] = S::all(0.0);
    uint64_t* next = found;
    for (size_t i = 0; i < block.rows; ++i) {
      const float* row = block.data + i * block.stride;
      for (size_t j = first; j < block.columns; j += kStatisticLanes) {
        const F64 low = S::widen(row + j), high = S::widen(row + j + S::kBlocks);
        const F64 low_apart = S::add(low, back), high_apart = S::add(high, back);
        sums[0] = S::add(sums[0], low_apart);
        sums[1] = S::add(sums[1], high_apart);
        squares[0] = S::add(squares[0], S::mul(low_apart, low_apart));
        squares[1] = S::add(squares[1], S::mul(high_apart, high_apart));
        counts.find(row + j, low, high, next);
        next += Counts::kFound;
      }
      if (next < found + kFoundTogether && i + 1 < block.rows) continue;
      counts.count(found, static_cast<size_t>(next - found));
      next = found;
    }
    for (size_t half = 0; half < 2; ++half) {
      S::store(lanes.sum + first + half * S::kBlocks, sums[half]);
      S::store(lanes.square + first + half * S::kBlocks, squares[half]);
    }
  }
}

// Sums and counts a block whose extremes are found, of which `replaced` numbers are the shift in place of others.
template <class S>
void add_up_on(const Axis& axis, const Matrix& block, float shift, uint64_t replaced, Lanes<S>& lanes,
               Tally& tally) {
  switch (axis.scale) {
    case Axis::Scale::kLinear: {
      const LinearSlots<S> slots(axis);
      const bool is_held = slots.hold(lanes.minimum[0], lanes.maximum[0]);
      if (tally.pairs != nullptr) {
        if (is_held) add_up(block, shift, LinearPairCounts<S, true>(slots, tally), lanes);
        if (!is_held) add_up(block, shift, LinearPairCounts<S, false>(slots, tally), lanes);
      } else {
        if (is_held) add_up(block, shift, LinearCounts<S, true>(slots, tally), lanes);
        if (!is_held) add_up(block, shift, LinearCounts<S, false>(slots, tally), lanes);
      }
      tally.slots[slots.slot(shift) * Tally::kCopies] -= replaced;
      return;
    }
    case Axis::Scale::kSignedLog: {
      const SignedLogCounts<S> counts(axis, tally);
      add_up(block, shift, counts, lanes);
      tally.slots[counts.slot(shift) * Tally::kCopies] -= replaced;
      return;
    }
    case Axis::Scale::kNone:
      add_up(block, shift, NoCounts<S>{}, lanes);
  }
}

template <class S>
BlockMoments summarize(const Question& question, const Matrix& block, Tally& tally) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // No finite number is at or beyond an infinite threshold.
  const bool saturates = question.saturated_low != -kInfinity || question.saturated_high != kInfinity;
  const auto find = saturates ? find_extremes<S, true> : find_extremes<S, false>;
  const float shift = first_finite<S>(block);
  const uint64_t numbers = block.rows * block.columns;
  float copy[kBlockNumbers];
  Matrix whole = block.columns % kStatisticLanes == 0 ? block : complete<S>(block, shift, copy);
  Lanes<S> lanes(shift);
  uint64_t finite = numbers;
  if (!find(question, whole, shift, lanes)) {
    finite -= replace_strangers<S>(whole, shift, copy);
    find(question, whole, shift, lanes);
  }
  tally.nonfinite += numbers - finite;
  if (finite == 0) return {0, 0, 0, kInfinity, -kInfinity};
  lanes.join_extremes();
  const uint64_t replaced = whole.rows * whole.columns - finite;
  const bool shift_saturated = !(question.saturated_low < shift && shift < question.saturated_high);
  tally.saturated += lanes.saturated[0] - (shift_saturated ? replaced : 0);
  add_up_on<S>(question.axis, whole, shift, replaced, lanes, tally);
  lanes.join_sums();
  const auto count = static_cast<double>(finite);
  const double m2 = lanes.square[0] - lanes.sum[0] * lanes.sum[0] / count;
  return {count, static_cast<double>(shift) + lanes.sum[0] / count, m2 > 0 ? m2 : 0.0, lanes.minimum[0],
          lanes.maximum[0]};
}

}  // namespace pyinit::probe
