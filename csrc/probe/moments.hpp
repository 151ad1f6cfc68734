// Statistics of a matrix of float32, taken part by part in any order by any number of threads.
//
//     count n, mean = sum x / n, m2 = sum (x - mean)^2, minimum, maximum, histogram, saturated, non-finite
//
// Why blocks: each block is summed about its first finite number, so that nothing cancels that is large
// against the block's own spread, and blocks are joined in pairs (Chan, Golub & LeVeque 1983), so that errors
// grow with the logarithm of their number.
// Contract: the bits depend on the numbers and on the shape of the whole matrix alone: blocks lie at fixed
// places, inside a block element (i, j) is added to lane j mod 32 with i ascending, lanes are added in a
// fixed tree, blocks are joined in a fixed tree. Numbers that are not finite are counted and take no part in
// anything else. On any data, with u = 2^-53: |error of mean| <= 1e4 u (|mean| + std), relative error of m2
// <= 2e-10 + 40 u |mean| / std; on numbers in no order some ten u. Checked by tests/kernels/test_moments.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "probe/frozen.hpp"

namespace pyinit::probe {

// The bins of a histogram.
//
// linear: bin k holds low <= x < high with k = min(bins - 1, trunc((x - low) scale)), scale = bins / (high -
// low), each operation in double and rounded once; low, high, high - low and scale are finite, low < high.
// signed logarithm: octaves [2^e, 2^(e+1)), lowest <= e < highest, each cut into 2^cuts bins of equal width;
// the same mirrored below zero; one bin between them for |x| < 2^lowest. The bin is read from the bits of x,
// so its edges are exact. -126 <= lowest < highest <= 128.
struct Axis {
  enum class Scale : uint8_t { kNone, kLinear, kSignedLog };
  Scale scale = Scale::kNone;
  double low = 0, high = 0;
  int lowest = 0, highest = 0, cuts = 0;
  uint32_t linear_bins = 0;

  uint32_t bins() const;
};

// What is wanted of a matrix beyond its moments. A number is saturated at or below one threshold, or at or
// above the other.
struct Question {
  Axis axis;
  float saturated_low, saturated_high;
};

struct BlockMoments {
  double count, mean, m2;
  float minimum, maximum;
};

// Counts: integers, which add up in any order.
struct alignas(64) Tally {
  uint64_t nonfinite, saturated;
  // Below, the bins, above: kCopies of each, side by side, so that equal neighbours need not wait in turn.
  static constexpr size_t kCopies = 4;
  uint64_t* slots;
  // Pairs of slots, kPairSlots for each first one; null where there are more slots or few numbers. A number is
  // counted in one of the two tables.
  static constexpr size_t kPairSlots = 128;
  uint32_t* pairs;
};

// A part of a matrix, `stride` elements from row to row.
struct Matrix {
  const float* data;
  size_t rows, columns, stride;
};

struct Moments {
  uint64_t count = 0, nonfinite = 0, saturated = 0;
  // Columns that are zero in every row, or whose slope is, where that was asked for.
  uint64_t dead = 0;
  double mean = 0, m2 = 0;
  // Infinity and minus infinity where nothing was counted.
  float minimum, maximum;
  // Below, the bins, above.
  std::vector<uint64_t> histogram;
};

// How a matrix is cut into blocks of kBlockNumbers numbers: of kMostRows rows, or of fewer rows and more
// columns.
struct Blocks {
  Blocks(size_t rows, size_t columns);
  size_t block_rows, block_columns, down, across;
};

// `right` follows `left`.
BlockMoments join(const BlockMoments& left, const BlockMoments& right);

// The probe's kernels of one instruction set (kernels.hpp).
struct Kernels;

// Collects the statistics of one matrix.
class Recorder {
 public:
  // Throws std::bad_alloc.
  Recorder(const Kernels& kernels, size_t rows, size_t columns, const Question& question, size_t members);

  const Blocks& blocks() const { return blocks_; }

  // Takes a part that begins on a border of blocks and ends on one or with the matrix. Each block comes once.
  void record(size_t member, size_t row, size_t column, const Matrix& part) noexcept;

  Moments result();

 private:
  const Kernels& kernels_;
  Question question_;
  Blocks blocks_;
  std::vector<BlockMoments> records_;
  // Adds a table of pairs to the slots, and empties it.
  void add_pairs(Tally& tally) const noexcept;

  // Slots of a table of the histogram; 0 where there is none.
  size_t slots_;
  std::vector<uint64_t> counts_;
  std::vector<uint32_t> pairs_;
  std::vector<Tally> tallies_;
  // Blocks that each member has recorded.
  std::vector<uint64_t> recorded_;
};

// Takes the statistics of a whole matrix. `threads` is at least 1. Throws std::bad_alloc.
Moments moments(const Kernels& kernels, const Matrix& matrix, const Question& question, int threads);

}  // namespace pyinit::probe
