// What decides a fill, as plain numbers: the key, and the parameters of each distribution.
#pragma once

#include <cstdint>

namespace pyinit::rng {

struct Key {
  uint64_t seed;
  uint64_t offset;
};

// Values are clamped to the closed interval [lowest, highest] of the output type.
struct UniformNumbers {
  double low, high;
  double lowest, highest;
};

struct NormalNumbers {
  double mean, std;
};

// Of complex numbers on a disk; see disk.hpp. `floor` is 0 where the disk is uniform.
struct DiskNumbers {
  double scale, floor;
  bool normal;
};

// The interval in probabilities; see truncated.hpp. Worked out in decimal by pyinit/recipes/truncation.py.
struct TruncatedNumbers {
  double mean, std;
  double lowest, highest;
  // The interval lies below 0 and is drawn mirrored.
  bool mirrored;
  // The interval lies so far out that |x| is 1; t is kept times 2^tail_exponent.
  int tail_exponent;
  // Draws below the pivot lie below the median.
  uint64_t pivot;
  // t = tail_step * (draws to the nearer end) + tail_low or tail_high.
  double tail_step, tail_low, tail_high;
  // |x| = centre_step * (draws to the pivot) + centre_low or centre_high.
  double centre_step, centre_low, centre_high;

  bool far_tail() const { return tail_exponent > 0; }
  // As many draws below the median as above, and both alike in float32: every interval about 0.
  bool symmetric() const {
    return !mirrored && !far_tail() && pivot == uint64_t{1} << 31 &&
           static_cast<float>(tail_low) == static_cast<float>(tail_high) &&
           static_cast<float>(centre_low) == static_cast<float>(centre_high);
  }
};

// The functions of curves.hpp.
enum class Transform : uint32_t { kLogUniform, kInverseSoftplus, kLogOfUniform, kLogDecay };

// The function takes u width + start, which are numbers in two parts; see curves.hpp. Worked out in decimal by
// pyinit/recipes/transformation.py.
struct TransformedNumbers {
  Transform function;
  // Some value of log2 t may be above 0; only inverse_softplus asks.
  bool is_wide;
  double start, start_rest;
  double width, width_rest;
  double scale;
  double lowest, highest;
};

// Zeros in each column of a matrix: those of its `rows` elements that the column's permutation sends below
// `zeros`.
struct ColumnZeros {
  Key mask;
  uint32_t rows, zeros;
};

// Zeros by chance: the elements whose 32-bit draw under the mask's key is below `threshold`, at most 2^32.
struct ChanceZeros {
  Key mask;
  uint64_t threshold;
};

}  // namespace pyinit::rng
