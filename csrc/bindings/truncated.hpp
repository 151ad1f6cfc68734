// The numbers of a truncated normal, as Python and XLA hand them over.
#pragma once

#include <cstdint>
#include <tuple>

#include "rng/numbers.hpp"

// The interval in probabilities: the fields of TruncationNumbers in pyinit/recipes/truncation.py, in their
// order.
using Interval = std::tuple<int, int, uint64_t, double, double, double, double, double, double>;

inline pyinit::rng::TruncatedNumbers truncated(double mean, double std, double lowest, double highest,
                                               const Interval& interval) {
  const auto& [sign, exponent, pivot, tail_step, tail_low, tail_high, centre_low, centre_high, centre_step] =
      interval;
  return {.mean = mean,
          .std = std,
          .lowest = lowest,
          .highest = highest,
          .mirrored = sign < 0,
          .tail_exponent = exponent,
          .pivot = pivot,
          .tail_step = tail_step,
          .tail_low = tail_low,
          .tail_high = tail_high,
          .centre_step = centre_step,
          .centre_low = centre_low,
          .centre_high = centre_high};
}
