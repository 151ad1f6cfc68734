// A window of a tensor on the device: runs of consecutive elements, numbered by up to kRunAxes axes.
// The window is C-contiguous in the output: run r, from the stream's element first(r) on, goes to output
// elements [r length, (r + 1) length).
// Why beside fill/region.hpp: a thread finds its run alone, from numbers that are passed by value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"

namespace pyinit::cuda {

inline constexpr uint32_t kRunAxes = 4;

struct Window {
  uint64_t base;                                // global index of the first element
  uint64_t length;                              // elements of a run
  uint64_t runs;                                // the product of the extents
  uint64_t extent[kRunAxes], stride[kRunAxes];  // innermost first; 1 and 0 beyond the last axis

  // Global index of the first element of run `number`.
  PYINIT_INLINE uint64_t first(uint64_t number) const {
    uint64_t element = base;
    PYINIT_UNROLL(4)
    for (uint32_t axis = 0; axis < kRunAxes; ++axis) {
      // Most windows have one axis of runs; the last axis needs no division.
      if (number == 0) break;
      const uint64_t next = axis + 1 < kRunAxes ? divided(number, extent[axis]) : 0;
      element += (number - next * extent[axis]) * stride[axis];
      number = next;
    }
    return element;
  }

  // Why: a device has no instruction for either, and 32 bits take a quarter of the time.
  PYINIT_INLINE static uint64_t divided(uint64_t a, uint64_t b) {
    if ((a | b) >> 32 == 0) return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
    return a / b;
  }
};

// A block of the stream and the part of it that a window holds.
struct Piece {
  uint64_t block;
  uint32_t skip, count;  // elements of the block that are passed over, and that are wanted; none if 0
  uint64_t at;           // output element of the first wanted one
};

// A window as pieces of blocks of `per` elements. Each run has as many pieces as the longest can touch.
class Pieces {
 public:
  PYINIT_INLINE Pieces(const Window& window, uint32_t per)
      : window_(window), per_(per), each_((window.length + per - 2) / per + 1) {}

  PYINIT_INLINE uint64_t size() const { return each_ * window_.runs; }

  PYINIT_INLINE Piece operator[](uint64_t number) const {
    const uint64_t run = window_.runs == 1 ? 0 : Window::divided(number, each_);
    const uint64_t first = window_.first(run);
    const uint64_t end = first + window_.length;
    const uint64_t block = first / per_ + (number - run * each_);
    const uint64_t begin = block * per_;
    const uint64_t from = begin < first ? first : begin;
    const uint64_t to = begin + per_ < end ? begin + per_ : end;
    const uint32_t count = from < to ? static_cast<uint32_t>(to - from) : 0;
    return {block, static_cast<uint32_t>(from - begin), count, run * window_.length + (from - first)};
  }

 private:
  const Window& window_;
  uint32_t per_;
  uint64_t each_;
};

}  // namespace pyinit::cuda
