// The lines of a matrix that a window holds: which, and where each lies in memory. Lines run over several axes
// of a tensor in C order.
// Why worked out where they are used: a list of lines would have to be copied to the device first.
// Contract: pyinit/stream/flattening.py.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/window.hpp"

namespace pyinit::cuda {

inline constexpr uint32_t kLineAxes = 6;

struct Line {
  uint64_t index, offset;
};

struct Lines {
  uint64_t axes;
  // Of each axis, innermost first: how many indices, the first of them, what a step adds to a line's number,
  // and to its offset in memory.
  uint64_t extent[kLineAxes], start[kLineAxes], stride[kLineAxes], step[kLineAxes];

  PYINIT_INLINE uint64_t size() const {
    uint64_t product = 1;
    for (uint64_t axis = 0; axis < axes; ++axis) product *= extent[axis];
    return product;
  }

  PYINIT_INLINE Line operator[](uint64_t number) const {
    Line line{0, 0};
    for (uint64_t axis = 0; axis < axes; ++axis) {
      const uint64_t next = Window::divided(number, extent[axis]);
      const uint64_t inside = number - next * extent[axis];
      line.index += (start[axis] + inside) * stride[axis];
      line.offset += inside * step[axis];
      number = next;
    }
    return line;
  }
};

}  // namespace pyinit::cuda
