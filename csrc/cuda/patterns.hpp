// Tensors that are written, not drawn: identity, dirac, bilinear and values along an axis, over a window; and
// what has been drawn elsewhere, put into its place.
// Contract: the bytes of pyinit/stream/patterns.py, for any grid.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/launch.hpp"
#include "cuda/lines.hpp"
#include "cuda/store.hpp"

namespace pyinit::cuda {

inline constexpr uint32_t kPatternAxes = 8;

// The window is C-contiguous in `out`. Axes are innermost first.
struct PatternTask {
  void* out;
  uint64_t size;
  uint64_t element;  // the bytes of what is written where the pattern is not zero
  uint64_t axes;
  uint64_t extent[kPatternAxes], start[kPatternAxes];
  // dirac and identity: an element is not zero where each axis with a centre is there, and where the numbers
  // of the two channels' axes agree, the outer one modulo `modulus`.
  uint64_t has_centre[kPatternAxes], centre[kPatternAxes];
  uint64_t inner, outer, modulus;
  // bilinear: the axes with a scale have a filter, 1 - |i / scale - shift|.
  double scale[kPatternAxes], shift[kPatternAxes];
};

template <class Out>
PYINIT_INLINE void diagonal(const PatternTask& task, const Thread& thread) {
  for (uint64_t element = thread.index; element < task.size; element += thread.count) {
    uint64_t number = element, inner = 0, outer = 0;
    bool is_centre = true;
    for (uint32_t axis = 0; axis < task.axes; ++axis) {
      const uint64_t next = Window::divided(number, task.extent[axis]);
      const uint64_t index = task.start[axis] + (number - next * task.extent[axis]);
      if (axis == task.inner) inner = index;
      if (axis == task.outer) outer = index;
      is_centre &= !task.has_centre[axis] || index == task.centre[axis];
      number = next;
    }
    const bool is_set = is_centre && outer % task.modulus == inner;
    static_cast<Out*>(task.out)[element] = is_set ? static_cast<Out>(task.element) : Out{};
  }
}

// Each operation is rounded once, in float64; the product is taken from the outermost axis inwards.
template <class Value, class Out>
PYINIT_INLINE void bilinear(const PatternTask& task, const Thread& thread) {
  for (uint64_t element = thread.index; element < task.size; element += thread.count) {
    uint64_t number = element, index[kPatternAxes];
    for (uint32_t axis = 0; axis < task.axes; ++axis) {
      const uint64_t next = Window::divided(number, task.extent[axis]);
      index[axis] = task.start[axis] + (number - next * task.extent[axis]);
      number = next;
    }
    double value = 1;
    for (uint64_t axis = task.axes; axis > 0;) {
      --axis;
      if (task.scale[axis] == 0) continue;
      const double at = __ddiv_rn(__ull2double_rn(index[axis]), task.scale[axis]);
      const double away = __dadd_rn(at, -task.shift[axis]);
      value = __dmul_rn(value, __dadd_rn(1.0, away < 0 ? away : -away));
    }
    static_cast<Out*>(task.out)[element] = rounded<Out>(static_cast<Value>(value));
  }
}

// As many values as go with a launch.
inline constexpr uint32_t kValues = 64;

// The window has `outer` times `extent` times `inner` elements; `count` indices of the axis in the middle are
// written, from `first` on.
struct AlongTask {
  void* out;
  uint64_t outer, extent, inner;
  uint64_t first, count;
  uint64_t values[kValues];  // the bytes of an element each
};

template <class Out>
PYINIT_INLINE void along(const AlongTask& task, const Thread& thread) {
  for (uint64_t unit = thread.index; unit < task.outer * task.count * task.inner; unit += thread.count) {
    const uint64_t line = Window::divided(unit, task.inner);
    const uint64_t row = Window::divided(line, task.count), index = line - row * task.count;
    const uint64_t at = (row * task.extent + task.first + index) * task.inner + (unit - line * task.inner);
    static_cast<Out*>(task.out)[at] = static_cast<Out>(task.values[index]);
  }
}

// `count` elements that follow element `first` of a tensor whose runs of `length` elements lie `pitch` apart
// in `out`.
struct PlaceTask {
  void* out;
  const void* from;
  uint64_t first, count, length, pitch;
};

template <class Out>
PYINIT_INLINE void place(const PlaceTask& task, const Thread& thread) {
  for (uint64_t unit = thread.index; unit < task.count; unit += thread.count) {
    const uint64_t run = Window::divided(task.first + unit, task.length);
    const uint64_t at = run * task.pitch + (task.first + unit - run * task.length);
    static_cast<Out*>(task.out)[at] = static_cast<const Out*>(task.from)[unit];
  }
}

}  // namespace pyinit::cuda
