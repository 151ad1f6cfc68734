#include "probe/moments.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "float_environment.hpp"
#include "probe/kernels.hpp"
#include "team.hpp"

namespace pyinit::probe {
namespace {

// About what a thread looks at in 5 us.
constexpr double kNumbersPerThread = 1 << 13;
// Of fewer numbers, a table of pairs takes longer to add up than it saves.
constexpr size_t kLeastNumbersOfPairs = 1 << 14;
// Tables of pairs are added up after so many blocks: long before a counter of 32 bits is full, and so often that
// a test comes to it. It takes less than a hundredth of the time in which the blocks are counted.
constexpr uint64_t kBlocksOfPairs = 1 << 12;
static_assert(kBlocksOfPairs * kBlockNumbers < uint64_t{1} << 32);

}  // namespace

uint32_t Axis::bins() const {
  switch (scale) {
    case Scale::kNone:
      return 0;
    case Scale::kLinear:
      return linear_bins;
    case Scale::kSignedLog:
      break;
  }
  return 2 * (static_cast<uint32_t>(highest - lowest) << cuts) + 1;
}

Blocks::Blocks(size_t rows, size_t columns)
    : block_rows(std::bit_ceil(std::min(rows, kMostRows))),
      block_columns(kBlockNumbers / block_rows),
      down((rows + block_rows - 1) / block_rows),
      across((columns + block_columns - 1) / block_columns) {}

BlockMoments join(const BlockMoments& left, const BlockMoments& right) {
  if (left.count == 0) return right;
  if (right.count == 0) return left;
  const double count = left.count + right.count;
  const double apart = right.mean - left.mean;
  const double share = right.count / count;
  return {count, left.mean + apart * share, left.m2 + right.m2 + apart * apart * (left.count * share),
          std::min(left.minimum, right.minimum), std::max(left.maximum, right.maximum)};
}

Recorder::Recorder(const Kernels& kernels, size_t rows, size_t columns, const Question& question,
                   size_t members)
    : kernels_(kernels),
      question_(question),
      blocks_(rows, columns),
      records_(blocks_.down * blocks_.across),
      slots_(question.axis.scale == Axis::Scale::kNone ? 0 : question.axis.bins() + 2) {
  // A cache line between the tables of two threads.
  const size_t tables = Tally::kCopies * slots_ + 8;
  counts_.assign(members * tables, 0);
  const bool has_pairs = question.axis.scale == Axis::Scale::kLinear && slots_ <= Tally::kPairSlots &&
                         rows * columns >= members * kLeastNumbersOfPairs;
  const size_t pairs = has_pairs ? Tally::kPairSlots * slots_ : 0;
  pairs_.assign(members * pairs, 0);
  recorded_.assign(members, 0);
  for (size_t member = 0; member < members; ++member) {
    tallies_.push_back(
        {0, 0, counts_.data() + member * tables, has_pairs ? pairs_.data() + member * pairs : nullptr});
  }
}

void Recorder::record(size_t member, size_t row, size_t column, const Matrix& part) noexcept {
  for (size_t i = 0; i < part.rows; i += blocks_.block_rows) {
    for (size_t j = 0; j < part.columns; j += blocks_.block_columns) {
      const Matrix block{part.data + i * part.stride + j, std::min(blocks_.block_rows, part.rows - i),
                         std::min(blocks_.block_columns, part.columns - j), part.stride};
      const size_t number =
          (row + i) / blocks_.block_rows * blocks_.across + (column + j) / blocks_.block_columns;
      records_[number] = kernels_.summarize(question_, block, tallies_[member]);
      if (tallies_[member].pairs != nullptr && ++recorded_[member] % kBlocksOfPairs == 0)
        add_pairs(tallies_[member]);
    }
  }
}

void Recorder::add_pairs(Tally& tally) const noexcept {
  for (size_t i = 0; i < slots_; ++i) {
    uint32_t* row = tally.pairs + i * Tally::kPairSlots;
    for (size_t k = 0; k < slots_; ++k) {
      tally.slots[i * Tally::kCopies] += row[k];
      tally.slots[k * Tally::kCopies] += row[k];
      row[k] = 0;
    }
  }
}

Moments Recorder::result() {
  in_default_environment([&]() noexcept {
    for (size_t count = records_.size(); count > 1; count = (count + 1) / 2) {
      for (size_t i = 0; i < count / 2; ++i) records_[i] = join(records_[2 * i], records_[2 * i + 1]);
      if (count % 2 == 1) records_[count / 2] = records_[count - 1];
    }
  });
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const BlockMoments whole = records_.empty() ? BlockMoments{0, 0, 0, kInfinity, -kInfinity} : records_[0];
  Moments result;
  result.count = static_cast<uint64_t>(whole.count);
  result.mean = whole.mean;
  result.m2 = whole.m2;
  result.minimum = whole.minimum;
  result.maximum = whole.maximum;
  result.histogram.assign(slots_, 0);
  for (Tally& tally : tallies_) {
    if (tally.pairs != nullptr) add_pairs(tally);
    result.nonfinite += tally.nonfinite;
    result.saturated += tally.saturated;
    for (size_t copy = 0; copy < Tally::kCopies; ++copy) {
      for (size_t k = 0; k < slots_; ++k) result.histogram[k] += tally.slots[k * Tally::kCopies + copy];
    }
  }
  return result;
}

Moments moments(const Kernels& kernels, const Matrix& matrix, const Question& question, int threads) {
  const Demand wanted(static_cast<double>(matrix.rows * matrix.columns), kNumbersPerThread,
                      static_cast<size_t>(threads));
  Recorder recorder(kernels, matrix.rows, matrix.columns, question, wanted.threads);
  const Blocks& blocks = recorder.blocks();
  run_team(wanted, [&](Team& team, size_t member) noexcept {
    team.each(blocks.down * blocks.across, [&](size_t number) noexcept {
      const size_t row = number / blocks.across * blocks.block_rows;
      const size_t column = number % blocks.across * blocks.block_columns;
      const Matrix part{matrix.data + row * matrix.stride + column,
                        std::min(blocks.block_rows, matrix.rows - row),
                        std::min(blocks.block_columns, matrix.columns - column), matrix.stride};
      in_default_environment([&]() noexcept { recorder.record(member, row, column, part); });
    });
  });
  return recorder.result();
}

}  // namespace pyinit::probe
