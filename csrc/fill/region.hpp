// The window of a tensor: the global element behind each element of the output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fill/runs.hpp"

namespace pyinit::fill {

// A window as nested loops over runs of consecutive elements; axes that follow on without a gap are merged,
// so that a whole tensor, or a band of rows, is one run.
class Region {
 public:
  // All three have one length, start + shape lies within global_shape, and the sizes fit in 64 bits.
  Region(const std::vector<uint64_t>& global_shape, const std::vector<uint64_t>& start,
         const std::vector<uint64_t>& shape);

  uint64_t size() const { return size_; }

  // Calls visit(runs, elements already passed) for the elements [begin, end) of the window, in C order.
  template <class Visit>
  void runs(uint64_t begin, uint64_t end, Visit visit) const {
    for (uint64_t at = begin; at < end;) {
      const uint64_t number = at / length_;
      const uint64_t inside = at % length_;
      Runs piece{first(number) + inside, stride_, length_, 1};
      if (inside == 0 && end - at >= length_) {
        const uint64_t in_axis = count_ - number % count_;
        const uint64_t whole = (end - at) / length_;
        piece.count = whole < in_axis ? whole : in_axis;
      } else {
        const uint64_t rest = length_ - inside;
        piece.length = end - at < rest ? end - at : rest;
      }
      visit(piece, at - begin);
      at += piece.length * piece.count;
    }
  }

 private:
  struct Axis {
    uint64_t extent, stride;
  };

  // Global index of the first element of run `number`.
  uint64_t first(uint64_t number) const;

  uint64_t size_ = 1;
  uint64_t base_ = 0;
  uint64_t length_ = 1;      // elements of a run
  uint64_t count_ = 1;       // runs along the innermost axis that has a gap
  uint64_t stride_ = 0;      // elements from one such run to the next
  std::vector<Axis> outer_;  // outermost first
};

}  // namespace pyinit::fill
