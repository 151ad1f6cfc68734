// Which columns of a matrix hold a number other than zero. Any number of threads look at its blocks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "probe/moments.hpp"

namespace pyinit::probe {

// Each row of blocks has its own row of flags, so that no two threads write the same flag.
class LiveUnits {
 public:
  LiveUnits(const Blocks& blocks, size_t columns)
      : columns_(columns), block_rows_(blocks.block_rows), live_(blocks.down * columns) {}

  // Calls row(i) for the rows of a block until each of its columns has shown a number other than zero. NaN
  // counts as one.
  template <class Row>
  void look(size_t first_row, size_t rows, size_t first_column, size_t columns, const Row& row) {
    uint8_t* live = live_.data() + first_row / block_rows_ * columns_ + first_column;
    for (size_t i = 0; i < rows; ++i) {
      const float* numbers = row(i);
      uint8_t all = 1;
      for (size_t j = 0; j < columns; ++j) {
        live[j] |= static_cast<uint8_t>(numbers[j] != 0.0F);
        all &= live[j];
      }
      if (all != 0) return;
    }
  }

  bool dead(size_t column) const {
    for (size_t at = column; at < live_.size(); at += columns_) {
      if (live_[at] != 0) return false;
    }
    return true;
  }

 private:
  size_t columns_, block_rows_;
  std::vector<uint8_t> live_;
};

}  // namespace pyinit::probe
