// Matrices of more than kReflectors columns: blocks of reflectors, from the last to the first, applied to
// panels of columns of the identity.
// Contract: orthogonal.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "dense/reflector_block.hpp"
#include "kept_blocks.hpp"
#include "team.hpp"

namespace pyinit::dense {

// A thread's panel. All panels together hold half of the matrix, within these bounds. Why large ones: all
// columns of a panel share one drawing of V.
inline constexpr size_t kLeastPanelBytes = size_t{1} << 20;
inline constexpr size_t kMostPanelBytes = size_t{16} << 20;

// Where V takes more bytes than this, slivers are reflected together: at most so many, and in so many groups for
// each thread.
inline constexpr size_t kNearBytes = size_t{1} << 19;
inline constexpr size_t kMostTogether = 8;
inline constexpr size_t kGroupsPerThread = 2;
// Rows of V that are used for all slivers of a group one after the other, in tiles: they stay in the second-level
// cache, and those of a sliver in the first.
inline constexpr size_t kChunkTiles = 20;

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
        blocks_(at_once_ < slivers_ ? parts(task.count, kReflectors) : 1),
        grams_(blocks_.size() * kReflectors * kReflectors),
        scratch_(members * kMostTogether * kReflectors * width_),
        panels_(at_once_ * length_ * width_),
        signs_(task.count) {}

  // Every member of the team calls this.
  void make(Team& team, size_t member, const OrthogonalOutput& output) {
    // Blocks whose V'V, tau and D are there: of those, V alone is made anew.
    uint64_t known = 0;
    for (size_t first = 0; first < slivers_; first += at_once_) {
      const size_t count = std::min(at_once_, slivers_ - first);
      team.each(count, [&](size_t s) noexcept { begin(first + s, panel(s)); });
      const uint64_t needed = last_column(first + count - 1) / kReflectors + 1;
      for (uint64_t number = needed; number > 0;) {
        --number;
        std::optional<Block>& block = blocks_[blocks_.size() > 1 ? number : 0];
        // For a member that comes late the block may already be another one: how many pieces a step has comes
        // from the shape.
        const BlockShape shape(task_, number * kReflectors);
        if (number >= known) {
          team.each(1, [&](size_t) noexcept { block.emplace(kernels_, task_, shape.start(), output.key); });
        }
        draw(team, block, shape);
        if (number >= known) measure(team, block, shape);
        const size_t group = together(shape, count, team.size());
        team.each(parts(count, group), [&](size_t g) noexcept {
          reflect(*block, first, g * group, std::min(count, (g + 1) * group), member);
        });
      }
      known = needed;
      team.each(count, [&](size_t s) noexcept { deliver(first + s, panel(s), output.out); });
    }
  }

 private:
  using Block = ReflectorBlock<Value>;

  Value* gram(const BlockShape& block) const {
    return grams_.data() + (blocks_.size() > 1 ? block.start() * kReflectors : 0);
  }
  size_t panel_slivers(size_t members) const {
    const size_t bytes = length_ * width_ * sizeof(Value);
    const size_t share = std::clamp(bytes * slivers_ / (2 * members), kLeastPanelBytes, kMostPanelBytes);
    return std::min(std::max<size_t>(1, share / bytes), parts(slivers_, members));
  }
  // Slivers that a block reflects together. Alone, a sliver stays near while the block passes over it twice;
  // together, V comes from afar once for all of them.
  size_t together(const BlockShape& block, size_t count, size_t members) const {
    if (block.rows() * kReflectors * sizeof(Value) <= kNearBytes) return 1;
    return std::clamp<size_t>(count / (kGroupsPerThread * members), 1, kMostTogether);
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

  // Makes V, but for the first numbers of reflectors that are not measured yet.
  void draw(Team& team, std::optional<Block>& made, const BlockShape& shape) {
    team.each(shape.chunks(), [&](size_t chunk) noexcept {
      Block& block = *made;
      Value* v = v_.data() + chunk * kSquareRows * kReflectors;
      const size_t count = block.draw(chunk, v);
      if (chunk + 1 == block.chunks()) {
        std::fill(v + count * kReflectors,
                  v_.data() + round_up(block.rows(), kernels_.product.tile_rows) * kReflectors, Value{0});
      }
    });
  }

  // Finds tau, D and the first numbers, which complete V, and V'V.
  void measure(Team& team, std::optional<Block>& made, const BlockShape& block) {
    team.each(block.chunks(), [&](size_t chunk) noexcept {
      const size_t first = chunk * kSquareRows;
      kernels_.reflector.sum_squares(v_.data() + first * kReflectors,
                                     std::min(kSquareRows, block.rows() - first), block.width(),
                                     sums_.data() + chunk * kReflectors);
    });
    team.each(1, [&](size_t) noexcept {
      join_in_pairs(sums_.data(), block.chunks(), kReflectors);
      made->finish(sums_.data(), signs_.data() + block.start());
      made->complete(v_.data());
    });
    // Only what lies above the diagonal is needed. A unit is a sliver of columns, or a part of one where
    // there are many threads.
    const size_t across = parts(block.solved(), width_);
    const size_t down = parts(team.size(), across);
    team.each(down * across, [&](size_t unit) noexcept {
      const size_t column = unit / down * width_;
      const size_t end = std::min(block.solved(), column + width_);
      const size_t height = round_up(parts(end, down), kernels_.product.tile_rows);
      const size_t row = unit % down * height;
      const GramPart part{row, std::min(end, row + height), column};
      kernels_.reflector.gram(v_.data(), block.rows(), part, gram(block), Start::kZero);
    });
  }

  // What a block does to a sliver.
  struct Reflection {
    size_t width;      // reflectors that may change it
    size_t zero_rows;  // its first rows that are zero before that
    Value* c;
    Value* w;
  };

  // Applies the block to the slivers [begin, end) of those in memory.
  void reflect(const Block& block, size_t first, size_t begin, size_t end, size_t member) {
    const uint64_t start = block.start();
    std::array<Reflection, kMostTogether> together;
    size_t count = 0;
    for (size_t s = begin; s < end; ++s) {
      const uint64_t leading = first_column(first + s), last = last_column(first + s);
      if (last < start) continue;
      // A reflector that begins below all of a sliver's columns leaves their part of the identity as it is.
      together[count] = {
          static_cast<size_t>(std::min<uint64_t>(block.width(), last - start + 1)),
          static_cast<size_t>(leading > start ? std::min<uint64_t>(leading - start, kReflectors) : 0),
          panel(s) + start * width_,
          scratch_.data() + (member * kMostTogether + count) * kReflectors * width_};
      ++count;
    }
    const size_t rows = round_up(block.rows(), kernels_.product.tile_rows);
    const size_t chunk = kChunkTiles * kernels_.product.tile_rows;
    for (size_t top = 0; top < rows; top += chunk) {
      for (size_t k = 0; k < count; ++k) {
        const Reflection& of = together[k];
        const size_t from = std::max(top, of.zero_rows), to = std::min(rows, top + chunk);
        if (from >= to) continue;
        kernels_.reflector.project(v_.data() + from * kReflectors, round_up(of.width, kSolvedAtOnce),
                                   to - from, of.c + from * width_, of.w,
                                   from == of.zero_rows ? Start::kZero : Start::kStored);
      }
    }
    for (size_t k = 0; k < count; ++k)
      kernels_.reflector.solve(gram(block), block.tau(), together[k].width, together[k].w);
    for (size_t top = 0; top < rows; top += chunk) {
      for (size_t k = 0; k < count; ++k) {
        kernels_.reflector.combine(v_.data() + top * kReflectors, together[k].width,
                                   std::min(chunk, rows - top), together[k].w, together[k].c + top * width_);
      }
    }
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
  // The blocks and their V'V: all of them, or the last one where all slivers are in memory at once.
  std::vector<std::optional<Block>> blocks_;
  Scratch<Value> grams_, scratch_, panels_;
  std::vector<Value> signs_;
};

}  // namespace pyinit::dense
