#include "dense/orthogonal.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "dense/block.hpp"
#include "dense/thin.hpp"
#include "float_environment.hpp"
#include "memory.hpp"
#include "parallel.hpp"

namespace pyinit::dense {
namespace {

// A panel, for each thread: half of the matrix over all threads, within these bounds. More columns at once share
// the drawing of V.
constexpr size_t kLeastPanelBytes = size_t{1} << 20;
constexpr size_t kMostPanelBytes = size_t{16} << 20;
// A thread costs some 20 us to start, and a step of the team some more.
constexpr double kFmaPerThread = 1 << 20;
// More than any memory holds: sizes beyond would wrap.
constexpr uint64_t kMostLength = uint64_t{1} << 48;

// Makes parts of matrices of one shape, one after the other, in memory of its own.
template <class Value>
class Maker {
 public:
  Maker(const BlockKernels<Value>& kernels, const OrthogonalTask& task, Dtype dtype, size_t members)
      : kernels_(kernels),
        task_(task),
        dtype_(dtype),
        width_(kernels_.product.tile_columns),
        length_(round_up(task.length, kernels_.product.tile_rows)),
        slivers_(parts(task.columns.index.size(), width_)),
        at_once_(std::min(slivers_, members * panel_slivers(members))),
        v_(length_ * kBlock),
        sums_(parts(task.length, kSquareRows) * kBlock),
        gram_(kBlock * kBlock),
        scratch_(members * kBlock * width_),
        panels_(at_once_ * length_ * width_),
        signs_(task.count) {}

  // Every member of the team calls it.
  void make(Team& team, size_t member, const OrthogonalOutput& output) {
    for (size_t first = 0; first < slivers_; first += at_once_) {
      const size_t count = std::min(at_once_, slivers_ - first);
      team.each(count, [&](size_t s) noexcept { begin(first + s, panel(s)); });
      for (uint64_t number = last_column(first + count - 1) / kBlock + 1; number > 0;) {
        --number;
        const uint64_t start = number * kBlock;
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

  // Columns of the identity.
  void begin(size_t sliver, Value* panel) const {
    std::fill(panel, panel + length_ * width_, Value{0});
    const size_t columns = std::min(width_, task_.columns.index.size() - sliver * width_);
    for (size_t j = 0; j < columns; ++j)
      panel[task_.columns.index[sliver * width_ + j] * width_ + j] = Value{1};
  }

  // V, V'V, tau and D of the block.
  void build(Team& team, uint64_t start) {
    Block<Value>& block = *block_;
    team.each(block.chunks(), [&](size_t chunk) noexcept {
      Value* v = v_.data() + chunk * kSquareRows * kBlock;
      const size_t count = block.draw(chunk, v);
      if (chunk + 1 == block.chunks()) {
        std::fill(v + count * kBlock, v_.data() + round_up(block.rows(), kernels_.product.tile_rows) * kBlock,
                  Value{0});
      }
      kernels_.reflector.sum_squares(v, count, block.width(), sums_.data() + chunk * kBlock);
    });
    team.each(1, [&](size_t) noexcept {
      join_in_pairs(sums_.data(), block.chunks(), kBlock);
      block.finish(sums_.data(), signs_.data() + start);
      block.complete(v_.data());
    });
    // What lies above the diagonal, a sliver of columns to a unit; in several parts where threads are many.
    const size_t across = parts(block.solved(), width_);
    const size_t down = parts(team.size(), across);
    team.each(down * across, [&](size_t unit) noexcept {
      const size_t column = unit / down * width_;
      const size_t end = std::min(block.solved(), column + width_);
      const size_t height = round_up(parts(end, down), kernels_.product.tile_rows);
      const size_t row = unit % down * height;
      const GramPart part{row, std::min(end, row + height), column};
      kernels_.reflector.gram(v_.data(), block.rows(), part, gram_.data(), Start::kZero);
    });
  }

  void reflect(size_t sliver, Value* panel, uint64_t start, size_t member) {
    if (last_column(sliver) < start) return;
    const uint64_t leading = first_column(sliver);
    const auto zero_rows =
        static_cast<size_t>(leading > start ? std::min<uint64_t>(leading - start, kBlock) : 0);
    const size_t rows = round_up(block_->rows(), kernels_.product.tile_rows);
    kernels_.reflector.reflect(v_.data(), gram_.data(), block_->tau(), block_->width(), rows, zero_rows,
                               panel + start * width_, scratch_.data() + member * kBlock * width_);
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
  // Columns of a sliver, rows of V and of a panel, slivers in all and in memory at once.
  size_t width_, length_, slivers_, at_once_;
  Scratch<Value> v_;
  Scratch<double> sums_;
  Scratch<Value> gram_, scratch_, panels_;
  std::vector<Value> signs_;
  std::optional<Block<Value>> block_;
};

template <class Value, class Making>
void make_all(const OrthogonalTask& task, const std::vector<OrthogonalOutput>& matrices, Dtype dtype,
              int threads) {
  const BlockKernels<Value> kernels = block_kernels<Value>();
  const auto wanted = static_cast<size_t>(threads);
  const double fma = static_cast<double>(task.length) * static_cast<double>(task.columns.index.size()) *
                     static_cast<double>(task.count);
  const auto useful = [&](double work, size_t units) {
    const auto worth =
        static_cast<size_t>(std::clamp(work / kFmaPerThread, 1.0, static_cast<double>(wanted)));
    return std::min(worth, units);
  };
  if (matrices.size() >= 2 * wanted) {
    // A matrix for each thread.
    const size_t members = useful(fma * static_cast<double>(matrices.size()), matrices.size());
    std::vector<std::unique_ptr<Making>> makers(members);
    std::vector<std::unique_ptr<Team>> alone(members);
    for (auto& maker : makers) maker = std::make_unique<Making>(kernels, task, dtype, 1);
    for (auto& team : alone) team = std::make_unique<Team>(1);
    run_team(members, [&](Team& team, size_t member) noexcept {
      in_default_environment([&]() noexcept {
        team.each(matrices.size(),
                  [&](size_t index) noexcept { makers[member]->make(*alone[member], 0, matrices[index]); });
      });
    });
    return;
  }
  const size_t chunks = parts(static_cast<size_t>(task.length), kSquareRows);
  const size_t slivers = parts(task.columns.index.size(), kernels.product.tile_columns);
  const size_t members = useful(fma, std::max(chunks, slivers));
  Making maker(kernels, task, dtype, members);
  run_team(members, [&](Team& team, size_t member) noexcept {
    in_default_environment([&]() noexcept {
      for (const OrthogonalOutput& matrix : matrices) maker.make(team, member, matrix);
    });
  });
}

template <class Value>
void make_any(const OrthogonalTask& task, const std::vector<OrthogonalOutput>& matrices, Dtype dtype,
              int threads) {
  if (task.count <= kBlock) {
    make_all<Value, ThinMaker<Value>>(task, matrices, dtype, threads);
  } else {
    make_all<Value, Maker<Value>>(task, matrices, dtype, threads);
  }
}

}  // namespace

void orthogonal(const OrthogonalTask& task, const std::vector<OrthogonalOutput>& matrices, Dtype dtype,
                int threads) {
  if (matrices.empty() || task.rows.index.empty() || task.columns.index.empty()) return;
  if (task.length > kMostLength) throw std::bad_alloc();
  if (dtype == Dtype::kFloat64) {
    make_any<double>(task, matrices, dtype, threads);
  } else {
    make_any<float>(task, matrices, dtype, threads);
  }
}

}  // namespace pyinit::dense
