// Matrices of at most kReflectors columns: one block, Q = E + V Y with Y = -T V'E.
// Why apart: V'E is V's own first rows, so no column of Q need be kept while reflectors are applied: rows are
// drawn, used and forgotten, twice. Memory does not grow with the length, but for a Gram matrix every
// kSpanChunks chunks. A matrix whose numbers are few is drawn once, and they are kept.
// Contract: where the matrix is no longer than a span, the bits are those of the blocked path; in a longer
// one V'V is summed for each span, and spans are joined in pairs in float64.
#pragma once

#include <algorithm>
#include <optional>

#include "dense/reflector_block.hpp"
#include "kept_blocks.hpp"
#include "team.hpp"

namespace pyinit::dense {

// So many bytes of drawn numbers are kept from step to step: drawing takes most of the time.
inline constexpr size_t kMostKeptBytes = size_t{8} << 20;

template <class Value>
class ThinMaker {
 public:
  ThinMaker(const BlockKernels<Value>& kernels, const OrthogonalTask& task, Dtype dtype, size_t members)
      : kernels_(kernels),
        task_(task),
        dtype_(dtype),
        columns_(kernels_.product.tile_columns),
        slivers_(parts(task.columns.index.size(), columns_)),
        spans_(parts(parts(static_cast<size_t>(task.length), kSquareRows), kSpanChunks)),
        solved_(round_up(static_cast<size_t>(task.count), kSolvedAtOnce)),
        rows_(members * kSquareRows * kReflectors),
        made_(members * kSquareRows * columns_),
        chains_(members * kReflectors * kReflectors),
        chunk_squares_(members * kSpanChunks * kReflectors),
        squares_(spans_ * kReflectors),
        grams_(spans_ * solved_ * solved_),
        gram_(kReflectors * kReflectors),
        y_(slivers_ * kReflectors * columns_),
        keeps_(task.length <= kMostKeptBytes / sizeof(Value) / task.count),
        kept_(keeps_ ? static_cast<size_t>(task.length * task.count) : 0),
        signs_(task.count) {}

  // Every member of the team calls this.
  void make(Team& team, size_t member, const OrthogonalOutput& output) {
    team.each(1, [&](size_t) noexcept { block_.emplace(kernels_, task_, 0, output.key); });
    team.each(spans_, [&](size_t span) noexcept { measure(span, member); });
    team.each(1, [&](size_t) noexcept { solve(member); });
    team.each(BlockShape(task_, 0).chunks(),
              [&](size_t chunk) noexcept { deliver(chunk, member, output.out); });
  }

 private:
  Value* rows_of(size_t member) const { return rows_.data() + member * kSquareRows * kReflectors; }
  Value* chain_of(size_t member) const { return chains_.data() + member * kReflectors * kReflectors; }
  size_t chunks_of(size_t span) const { return std::min(kSpanChunks, block_->chunks() - span * kSpanChunks); }

  // Writes the rows of a chunk and returns how many: draws them, or takes those that were kept.
  size_t rows(size_t chunk, Value* v, bool is_first) {
    if (!keeps_) return block_->draw(chunk, v);
    Value* numbers = kept_.data() + chunk * kSquareRows * block_->width();
    const size_t count = is_first ? block_->draw_numbers(chunk, numbers)
                                  : std::min(kSquareRows, block_->rows() - chunk * kSquareRows);
    block_->place(chunk, count, numbers, v);
    return count;
  }

  // Sums the squares of a span and its V'V. The first span's V'V must wait for the reflectors' first numbers.
  void measure(size_t span, size_t member) {
    Value* v = rows_of(member);
    double* squares = chunk_squares_.data() + member * kSpanChunks * kReflectors;
    for (size_t chunk = 0; chunk < chunks_of(span); ++chunk) {
      const size_t count = rows(span * kSpanChunks + chunk, v, true);
      kernels_.reflector.sum_squares(v, count, block_->width(), squares + chunk * kReflectors);
      if (span > 0) add_gram(v, count, chunk, member);
    }
    join_in_pairs(squares, chunks_of(span), kReflectors);
    std::copy(squares, squares + kReflectors, squares_.data() + span * kReflectors);
    if (span > 0) keep_gram(span, member);
  }

  // Adds a chunk's part to its span's chains.
  void add_gram(const Value* v, size_t rows, size_t chunk, size_t member) {
    for (size_t column = 0; column < solved_; column += columns_) {
      kernels_.reflector.gram(v, rows, {0, std::min(solved_, column + columns_), column}, chain_of(member),
                              chunk == 0 ? Start::kZero : Start::kStored);
    }
  }

  // Keeps what lies above the diagonal.
  void keep_gram(size_t span, size_t member) {
    double* kept = grams_.data() + span * solved_ * solved_;
    std::fill(kept, kept + solved_ * solved_, 0.0);
    for (size_t i = 0; i < solved_; ++i) {
      for (size_t k = i + 1; k < solved_; ++k)
        kept[i * solved_ + k] = static_cast<double>(chain_of(member)[i * kReflectors + k]);
    }
  }

  void solve(size_t member) {
    join_in_pairs(squares_.data(), spans_, kReflectors);
    block_->finish(squares_.data(), signs_.data());
    Value* v = rows_of(member);
    for (size_t chunk = 0; chunk < chunks_of(0); ++chunk) add_gram(v, rows(chunk, v, false), chunk, member);
    keep_gram(0, member);
    join_in_pairs(grams_.data(), spans_, solved_ * solved_);
    for (size_t i = 0; i < solved_; ++i) {
      for (size_t k = 0; k < solved_; ++k)
        gram_.data()[i * kReflectors + k] = static_cast<Value>(grams_.data()[i * solved_ + k]);
    }
    // V'E: the rows of V that the wanted columns of E point at.
    rows(0, v, false);
    std::fill(y_.data(), y_.data() + slivers_ * kReflectors * columns_, Value{0});
    for (size_t j = 0; j < task_.columns.index.size(); ++j) {
      Value* w = y_.data() + j / columns_ * kReflectors * columns_ + j % columns_;
      for (size_t k = 0; k < block_->width(); ++k)
        w[k * columns_] = v[task_.columns.index[j] * kReflectors + k];
    }
    for (size_t s = 0; s < slivers_; ++s)
      kernels_.reflector.solve(gram_.data(), block_->tau(), block_->width(),
                               y_.data() + s * kReflectors * columns_);
  }

  void deliver(size_t chunk, size_t member, void* out) {
    const uint64_t first = uint64_t{chunk} * kSquareRows;
    const auto& picked = task_.rows.index;
    const auto begin = std::lower_bound(picked.begin(), picked.end(), first);
    const auto end = std::lower_bound(begin, picked.end(), first + kSquareRows);
    if (begin == end) return;
    const auto from = static_cast<size_t>(begin - picked.begin());
    Value* v = rows_of(member);
    const size_t count = rows(chunk, v, false);
    const size_t whole = round_up(count, kernels_.product.tile_rows);
    std::fill(v + count * kReflectors, v + whole * kReflectors, Value{0});
    Value* made = made_.data() + member * kSquareRows * columns_;
    for (size_t s = 0; s < slivers_; ++s) {
      const size_t columns = std::min(columns_, task_.columns.index.size() - s * columns_);
      const uint64_t* index = task_.columns.index.data() + s * columns_;
      std::fill(made, made + whole * columns_, Value{0});
      for (size_t j = 0; j < columns; ++j) {
        if (chunk == 0) made[index[j] * columns_ + j] = Value{1};
      }
      kernels_.reflector.combine(v, block_->width(), whole, y_.data() + s * kReflectors * columns_, made);
      kernels_.reflector.deliver(made,
                                 scaled_delivery<Value>(task_, dtype_, signs_, out, s * columns_, columns,
                                                        {from, static_cast<size_t>(end - begin)}, first));
    }
  }

  const BlockKernels<Value>& kernels_;
  const OrthogonalTask& task_;
  Dtype dtype_;
  // The columns of a sliver, the slivers, the spans, and the rows of the triangular system.
  size_t columns_, slivers_, spans_, solved_;
  Scratch<Value> rows_, made_, chains_;
  Scratch<double> chunk_squares_, squares_, grams_;
  Scratch<Value> gram_, y_;
  bool keeps_;
  Scratch<Value> kept_;
  std::vector<Value> signs_;
  std::optional<ReflectorBlock<Value>> block_;
};

}  // namespace pyinit::dense
