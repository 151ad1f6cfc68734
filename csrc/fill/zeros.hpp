// Puts zeros into what has been drawn: an exact count in every column of a matrix, or each element by chance.
// Contract: which elements are zero depends on the mask's key and on the global index alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fill/draws.hpp"
#include "fill/kernels.hpp"
#include "fill/typed.hpp"
#include "rng/bits.hpp"
#include "rng/numbers.hpp"
#include "rng/permutation.hpp"

namespace pyinit::fill {

// Element (i, j) is zeroed when the permutation of column j sends row i below numbers.zeros.
template <class S, class Out>
void zero_in_columns(const rng::ColumnZeros& numbers, const Rectangle& area, Out* out) {
  for (uint64_t left = 0; left < area.columns; left += S::kLanes) {
    const rng::Permutation<S> permutation(numbers.mask, area.first_column + left, numbers.rows);
    const uint64_t rest = area.columns - left;
    const size_t width = rest < S::kLanes ? rest : S::kLanes;
    for (uint64_t row = 0; row < area.rows; ++row) {
      uint32_t place[S::kLanes];
      S::store(place, permutation(static_cast<uint32_t>(area.first_row + row)));
      Out* at = out + row * area.pitch + left;
      for (size_t k = 0; k < width; ++k) {
        if (place[k] < numbers.zeros) at[k] = Out{};
      }
    }
  }
}

// An element is zeroed when its 32-bit draw under the mask's key is below numbers.threshold.
template <class S, class Out>
void zero_by_chance(const rng::ChanceZeros& numbers, const Runs& runs, Out* out) {
  constexpr uint64_t kChunk = 1024;
  Filler<S, WordGroups<S>, uint32_t> draws(rng::Bits<simd::WordSet<S>>(), numbers.mask);
  uint32_t bits[kChunk];
  for (uint64_t r = 0; r < runs.count; ++r) {
    for (uint64_t done = 0; done < runs.length; done += kChunk) {
      const uint64_t rest = runs.length - done;
      const uint64_t count = rest < kChunk ? rest : kChunk;
      draws({runs.first + r * runs.stride + done, 0, count, 1}, bits);
      Out* at = out + r * runs.length + done;
      for (uint64_t k = 0; k < count; ++k) {
        if (bits[k] < numbers.threshold) at[k] = Out{};
      }
    }
  }
}

template <class S>
void column_zeros(Dtype dtype, const rng::ColumnZeros& numbers, const Rectangle& area, void* out) {
  with_dtype<S>(dtype, out, [&](auto, auto* typed) { zero_in_columns<S>(numbers, area, typed); });
}

template <class S>
void chance_zeros(Dtype dtype, const rng::ChanceZeros& numbers, const Runs& runs, void* out) {
  with_dtype<S>(dtype, out, [&](auto, auto* typed) { zero_by_chance<S>(numbers, runs, typed); });
}

}  // namespace pyinit::fill
