#include "probe/weight.hpp"

#include <algorithm>

namespace pyinit::probe {
namespace {

// The columns of a task: four groups of the widest instruction set's draws, in a buffer of 128 KiB that fits
// in the second-level cache beside a sliver.
constexpr size_t kTaskColumns = 128;

// Draws into memory from whichever distribution the numbers belong to.
struct DrawnInto {
  const fill::Kernels& kernels;
  rng::Key key;
  const fill::Runs& runs;
  float* to;

  void operator()(const rng::UniformNumbers& numbers) const {
    kernels.uniform(Dtype::kFloat32, numbers, key, runs, to);
  }
  void operator()(const rng::NormalNumbers& numbers) const {
    kernels.normal(Dtype::kFloat32, numbers, key, runs, to);
  }
  void operator()(const rng::TruncatedNumbers& numbers) const {
    kernels.truncated_normal(Dtype::kFloat32, numbers, key, runs, to);
  }
};

size_t buffer_size(size_t width) { return dense::kPartDepth * width; }

}  // namespace

// A task holds whole blocks of the statistics.
WeightPacker::WeightPacker(const WeightKernels& kernels, const Weight& weight, Recorder* recorder,
                           size_t members)
    : kernels_(kernels),
      weight_(weight),
      recorder_(recorder),
      width_(recorder == nullptr ? kTaskColumns : std::max(kTaskColumns, recorder->blocks().block_columns)),
      buffers_(members * buffer_size(width_)) {}

void WeightPacker::fetch(size_t row, size_t rows, size_t column, size_t columns, float* to) const {
  if (weight_.data == nullptr) {
    const fill::Runs runs{row * weight_.outputs + column, weight_.outputs, columns, rows};
    std::visit(DrawnInto{kernels_.draws, weight_.drawn.key, runs, to}, weight_.drawn.numbers);
    return;
  }
  for (size_t i = 0; i < rows; ++i) {
    const float* from = weight_.data + static_cast<ptrdiff_t>(row + i) * weight_.input_stride +
                        static_cast<ptrdiff_t>(column) * weight_.output_stride;
    for (size_t j = 0; j < columns; ++j, from += weight_.output_stride) to[i * columns + j] = *from;
  }
}

void WeightPacker::pack_outputs(Team& team, size_t member, const Part& part) const noexcept {
  if (weight_.data != nullptr && recorder_ == nullptr) {
    dense::pack_part(kernels_.dense, team,
                     dense::Factor<float>{weight_.data, weight_.output_stride, weight_.input_stride}, part);
    return;
  }
  const auto pack = kernels_.dense.product32.pack_columns;
  float* buffer = buffers_.data() + member * buffer_size(width_);
  team.each((part.columns + width_ - 1) / width_, [&](size_t task) noexcept {
    const size_t j = task * width_;
    const size_t columns = std::min(width_, part.columns - j);
    fetch(part.first, part.depth, part.column + j, columns, buffer);
    if (recorder_ != nullptr)
      recorder_->record(member, part.first, part.column + j, {buffer, part.depth, columns, columns});
    pack({buffer, 1, static_cast<ptrdiff_t>(columns)}, columns, part.depth, part.packed + j * part.depth);
  });
}

void WeightPacker::pack_inputs(Team& team, size_t member, const Part& part) const noexcept {
  if (weight_.data != nullptr) {
    dense::pack_part(kernels_.dense, team,
                     dense::Factor<float>{weight_.data, weight_.input_stride, weight_.output_stride}, part);
    return;
  }
  const auto pack = kernels_.dense.product32.pack_columns;
  float* buffer = buffers_.data() + member * buffer_size(width_);
  team.each((part.columns + width_ - 1) / width_, [&](size_t task) noexcept {
    const size_t i = task * width_;
    const size_t rows = std::min(width_, part.columns - i);
    fetch(part.column + i, rows, part.first, part.depth, buffer);
    pack({buffer, static_cast<ptrdiff_t>(part.depth), 1}, rows, part.depth, part.packed + i * part.depth);
  });
}

}  // namespace pyinit::probe
