// Where the numbers of a matrix that is made in slivers go.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.hpp"

namespace pyinit::dense {

// Columns of the widest tile there may be.
inline constexpr size_t kMostColumns = 64;

// The element of row i and column j of a sliver goes to offset rows[i] + columns[j], times scale[j].
template <class Value>
struct Delivery {
  void* out;
  Dtype dtype;
  const uint64_t* picked_rows;  // of which the sliver's first is `first_row`
  const uint64_t* row_offsets;
  size_t rows;
  uint64_t first_row;
  const uint64_t* column_offsets;
  size_t columns;
  Value scale[kMostColumns];
};

}  // namespace pyinit::dense
