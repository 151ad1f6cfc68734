// A rectangle of a tensor as runs of consecutive elements.
// The window is C-contiguous in the output. In the stream it is `count` runs of `length` elements, whose
// first elements are `stride` apart.
#pragma once

#include <cstdint>

namespace pyinit::fill {

struct Runs {
  uint64_t first;   // global index of the first element
  uint64_t stride;  // global elements from one run to the next
  uint64_t length;
  uint64_t count;
  // Whether whole lines of a long run are written around the cache, where the CPU can. No byte depends on it.
  bool past_cache = false;
};

}  // namespace pyinit::fill
