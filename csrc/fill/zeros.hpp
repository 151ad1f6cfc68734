// Puts zeros into what has been drawn: an exact count in every column of a matrix, or each element by chance.
// Contract: which elements are zero depends on the mask's key and on the global index alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "fill/draws.hpp"
#include "fill/kernels.hpp"
#include "fill/typed.hpp"
#include "rng/bits.hpp"
#include "rng/numbers.hpp"
#include "rng/permutation.hpp"

namespace pyinit::fill {

// Puts a zero wherever numbers[k] <= last. Why with masks of integers: every compiler makes vectors of that,
// whatever Out is.
template <class S, class Out>
PYINIT_INLINE void zero_up_to(uint32_t last, const uint32_t* numbers, size_t count, Out* out) {
  using Narrow = std::conditional_t<sizeof(Out) == 1, uint8_t, uint16_t>;
  using Wide = std::conditional_t<sizeof(Out) == 4, uint32_t, uint64_t>;
  using Bits = std::conditional_t<sizeof(Out) <= 2, Narrow, Wide>;
  for (size_t k = 0; k < count; ++k) {
    Bits bits;
    std::memcpy(&bits, out + k, sizeof(bits));
    bits = numbers[k] <= last ? Bits{0} : bits;
    std::memcpy(out + k, &bits, sizeof(bits));
  }
}

// Element (i, j) is zeroed when the permutation of column j sends row i below numbers.zeros.
template <class S, class Out>
void zero_in_columns(const rng::ColumnZeros& numbers, const Rectangle& area, Out* out) {
  if (numbers.zeros == 0) return;
  // Integers alone, so the set that words are drawn with; rows at once, as the permutation asks for.
  using Set = simd::WordSet<S>;
  constexpr size_t kRows = 4 * S::kLanes / Set::kLanes;
  for (uint64_t left = 0; left < area.columns; left += Set::kLanes) {
    const rng::Permutation<Set> permutation(numbers.mask, area.first_column + left, numbers.rows);
    const uint64_t rest = area.columns - left;
    const size_t width = rest < Set::kLanes ? rest : Set::kLanes;
    for (uint64_t row = 0; row < area.rows; row += kRows) {
      uint32_t places[kRows][Set::kLanes];
      permutation.rows(static_cast<uint32_t>(area.first_row + row), places);
      const size_t count = area.rows - row < kRows ? area.rows - row : kRows;
      for (size_t k = 0; k < count; ++k) {
        Out* at = out + (row + k) * area.pitch + left;
        // The usual width is a number that the compiler knows.
        if (width == Set::kLanes) {
          zero_up_to<S>(numbers.zeros - 1, places[k], Set::kLanes, at);
        } else {
          zero_up_to<S>(numbers.zeros - 1, places[k], width, at);
        }
      }
    }
  }
}

// An element is zeroed when its 32-bit draw under the mask's key is below numbers.threshold.
template <class S, class Out>
void zero_by_chance(const rng::ChanceZeros& numbers, const Runs& runs, Out* out) {
  if (numbers.threshold == 0) return;
  constexpr uint64_t kChunk = 1024;
  const auto last = static_cast<uint32_t>(numbers.threshold - 1);
  Filler<S, WordGroups<S>, uint32_t> draws(rng::Bits<simd::WordSet<S>>(), numbers.mask);
  uint32_t bits[kChunk];
  for (uint64_t r = 0; r < runs.count; ++r) {
    for (uint64_t done = 0; done < runs.length; done += kChunk) {
      const uint64_t rest = runs.length - done;
      const uint64_t count = rest < kChunk ? rest : kChunk;
      draws({runs.first + r * runs.stride + done, 0, count, 1}, bits);
      zero_up_to<S>(last, bits, count, out + r * runs.length + done);
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
