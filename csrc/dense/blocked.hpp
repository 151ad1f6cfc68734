// Matrices of more than kReflectors columns: blocks of reflectors, from the last to the first, applied to
// panels of columns of the identity.
// Contract: orthogonal.hpp.
#pragma once

#include <algorithm>
#include <optional>

#include "dense/reflector_block.hpp"
#include "memory.hpp"
#include "team.hpp"

namespace pyinit::dense {

// A thread's panel. All panels together hold half of the matrix, within these bounds. Why large ones: all
// columns of a panel share one drawing of V.
inline constexpr size_t kLeastPanelBytes = size_t{1} << 20;
inline constexpr size_t kMostPanelBytes = size_t{16} << 20;

// Makes parts of matrices of one shape, one after the other, in its own memory.
template <class Value>
class BlockedMaker {
 public:
  BlockedMaker(const BlockKernels<Value>& kernels, const OrthogonalTask& task, Dtype dtype, size_t members)
      : kernels_(kernels),
        task_(task),
        dtype_(dtype),
        width_(kernels_.product.tile_columns),
        length_(round_up(task.length, kernels_.product.tile_rows)),
        slivers_(parts(task.columns.index.size(), width_)),
        at_once_(std::min(slivers_, members * panel_slivers(members))),
        v_(length_ * kReflectors),
        sums_(parts(task.length, kSquareRows) * kReflectors),
        gram_(kReflectors * kReflectors),
        scratch_(members * kReflectors * width_),
        panels_(at_once_ * length_ * width_),
        signs_(task.count) {}

  // Every member of the team calls this.
  void make(Team& team, size_t member, const OrthogonalOutput& output) {
    for (size_t first = 0; first < slivers_; first += at_once_) {
      const size_t count = std::min(at_once_, slivers_ - first);
      team.each(count, [&](size_t s) noexcept { begin(first + s, panel(s)); });
      for (uint64_t number = last_column(first + count - 1) / kReflectors + 1; number > 0;) {
        --number;
        const uint64_t start = number * kReflectors;
        team.each(1, [&](size_t) noexcept { block_.emplace(kernels_, task_, start, output.key); });
        build(team, start);
        // One sliver at a time: a block passes over it twice, and even of 16384 rows it stays near (2 MiB).
        team.each(count, [&](size_t s) noexcept { reflect(first + s, panel(s), start, member); });
      }
      team.each(count, [&](size_t s) noexcept { deliver(first + s, panel(s), output.out); });
    }
  }

 private:
  size_t panel_slivers(size_t members) const {
    const size_t bytes = length_ * width_ * sizeof(Value);
    const size_t share = std::clamp(bytes * slivers_ / (2 * members), kLeastPanelBytes, kMostPanelBytes);
    return std::min(std::max<size_t>(1, share / bytes), parts(slivers_, members));
  }
  Value* panel(size_t s) const { return panels_.data() + s * length_ * width_; }
  uint64_t first_column(size_t sliver) const { return task_.columns.index[sliver * width_]; }
  uint64_t last_column(size_t sliver) const {
    return task_.columns.index[std::min((sliver + 1) * width_, task_.columns.index.size()) - 1];
  }

  // Writes columns of the identity.
  void begin(size_t sliver, Value* panel) const {
    std::fill(panel, panel + length_ * width_, Value{0});
    const size_t columns = std::min(width_, task_.columns.index.size() - sliver * width_);
    for (size_t j = 0; j < columns; ++j)
      panel[task_.columns.index[sliver * width_ + j] * width_ + j] = Value{1};
  }

  // Makes V, V'V, tau and D of the block.
  void build(Team& team, uint64_t start) {
    // For a member that comes late the block may already be another one: how many pieces a step has comes from
    // the shape.
    const BlockShape shape(task_, start);
    team.each(shape.chunks(), [&](size_t chunk) noexcept {
      ReflectorBlock<Value>& block = *block_;
      Value* v = v_.data() + chunk * kSquareRows * kReflectors;
      const size_t count = block.draw(chunk, v);
      if (chunk + 1 == block.chunks()) {
        std::fill(v + count * kReflectors,
                  v_.data() + round_up(block.rows(), kernels_.product.tile_rows) * kReflectors, Value{0});
      }
      kernels_.reflector.sum_squares(v, count, block.width(), sums_.data() + chunk * kReflectors);
    });
    team.each(1, [&](size_t) noexcept {
      ReflectorBlock<Value>& block = *block_;
      join_in_pairs(sums_.data(), block.chunks(), kReflectors);
      block.finish(sums_.data(), signs_.data() + start);
      block.complete(v_.data());
    });
    // Only what lies above the diagonal is needed. A unit is a sliver of columns, or a part of one where
    // there are many threads.
    const size_t across = parts(shape.solved(), width_);
    const size_t down = parts(team.size(), across);
    team.each(down * across, [&](size_t unit) noexcept {
      const size_t column = unit / down * width_;
      const size_t end = std::min(shape.solved(), column + width_);
      const size_t height = round_up(parts(end, down), kernels_.product.tile_rows);
      const size_t row = unit % down * height;
      const GramPart part{row, std::min(end, row + height), column};
      kernels_.reflector.gram(v_.data(), shape.rows(), part, gram_.data(), Start::kZero);
    });
  }

  void reflect(size_t sliver, Value* panel, uint64_t start, size_t member) {
    if (last_column(sliver) < start) return;
    const uint64_t leading = first_column(sliver);
    const auto zero_rows =
        static_cast<size_t>(leading > start ? std::min<uint64_t>(leading - start, kReflectors) : 0);
    const size_t rows = round_up(block_->rows(), kernels_.product.tile_rows);
    kernels_.reflector.reflect(v_.data(), gram_.data(), block_->tau(), block_->width(), rows, zero_rows,
                               panel + start * width_, scratch_.data() + member * kReflectors * width_);
  }

  void deliver(size_t sliver, const Value* panel, void* out) const {
    const size_t first = sliver * width_;
    const size_t columns = std::min(width_, task_.columns.index.size() - first);
    kernels_.reflector.deliver(panel, scaled_delivery<Value>(task_, dtype_, signs_, out, first, columns,
                                                             {0, task_.rows.index.size()}, 0));
  }

  const BlockKernels<Value>& kernels_;
  const OrthogonalTask& task_;
  Dtype dtype_;
  // The columns of a sliver, the rows of V and of a panel, the slivers in all and those in memory at once.
  size_t width_, length_, slivers_, at_once_;
  Scratch<Value> v_;
  Scratch<double> sums_;
  Scratch<Value> gram_, scratch_, panels_;
  std::vector<Value> signs_;
  std::optional<ReflectorBlock<Value>> block_;
};

}  // namespace pyinit::dense
