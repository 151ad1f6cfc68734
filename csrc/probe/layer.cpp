#include "probe/layer.hpp"

#include <algorithm>

#include "dispatch.hpp"
#include "probe/live_units.hpp"

namespace pyinit::probe {
namespace {

using dense::Factor;
using dense::PanelPart;
using dense::ProductShape;

// Of a weight gradient that is looked at and not kept, this many numbers exist at once.
constexpr size_t kBandNumbers = size_t{1} << 22;
// Columns that are summed at once: a cache line of chains eight times.
constexpr size_t kSumColumns = 64;

Factor<float> rows_of(const float* data, size_t columns) {
  return {data, static_cast<ptrdiff_t>(columns), 1};
}
Factor<float> columns_of(const float* data, size_t columns) {
  return {data, 1, static_cast<ptrdiff_t>(columns)};
}

// All that a layer needs, chosen once for a call.
struct LayerKernels {
  const Kernels& probe;
  WeightKernels weight;
};
LayerKernels layer_kernels() {
  return {active_kernels(), {pyinit::active_kernels(), dense::active_kernels()}};
}

std::optional<Recorder> recorder(const Kernels& kernels, const std::optional<Question>& question, size_t rows,
                                 size_t columns, size_t members) {
  if (!question) return std::nullopt;
  return std::optional<Recorder>(std::in_place, kernels, rows, columns, *question, members);
}

std::optional<Moments> result(std::optional<Recorder>& recorder) {
  if (!recorder) return std::nullopt;
  return recorder->result();
}

// A block of a matrix of `width` columns.
struct Block {
  size_t row, rows, column, columns, width;

  size_t first() const { return row * width + column; }
  // In memory it is one run.
  bool whole() const { return columns == width; }
  Matrix of(const float* data) const { return {data + first(), rows, columns, width}; }
};

// Calls work(block) for the blocks of columns [column, column + columns), shared among the team.
template <class Work>
void each_block(Team& team, const Blocks& blocks, size_t rows, size_t width, size_t column, size_t columns,
                const Work& work) {
  const size_t across = (columns + blocks.block_columns - 1) / blocks.block_columns;
  team.each(blocks.down * across, [&](size_t number) noexcept {
    const size_t i = number / across * blocks.block_rows;
    const size_t j = number % across * blocks.block_columns;
    work(Block{i, std::min(blocks.block_rows, rows - i), column + j,
               std::min(blocks.block_columns, columns - j), width});
  });
}

using Map = void (*)(Activation, float, const float*, size_t, float*);

void apply(Map map, const Layer& layer, const Block& block, const float* x, float* y) {
  const size_t runs = block.whole() ? 1 : block.rows;
  const size_t length = block.whole() ? block.rows * block.columns : block.columns;
  for (size_t i = 0; i < runs; ++i) {
    const size_t at = block.first() + i * block.width;
    map(layer.activation, layer.parameter, x + at, length, y + at);
  }
}

void add_bias(const Block& block, const float* bias, float* z) {
  for (size_t i = 0; i < block.rows; ++i) {
    float* row = z + block.first() + i * block.width;
    for (size_t j = 0; j < block.columns; ++j) row[j] += bias[block.column + j];
  }
}

// dz[i] *= dy[i], dz being the slope.
void multiply(const Block& block, const float* dy, float* dz) {
  for (size_t i = 0; i < block.rows; ++i) {
    const size_t row = block.first() + i * block.width;
    for (size_t j = 0; j < block.columns; ++j) dz[row + j] *= dy[row + j];
  }
}

void sum_columns(const float* matrix, size_t rows, size_t width, size_t column, size_t columns, float* sums) {
  double chains[kSumColumns] = {};
  for (size_t i = 0; i < rows; ++i) {
    const float* row = matrix + i * width + column;
    for (size_t j = 0; j < columns; ++j) chains[j] += static_cast<double>(row[j]);
  }
  for (size_t j = 0; j < columns; ++j) sums[column + j] = static_cast<float>(chains[j]);
}

// The weight gradient, whole or in bands of rows that are looked at and dropped.
std::optional<Moments> weight_gradient(const LayerKernels& kernels, const Layer& layer, const Backward& task,
                                       size_t members) {
  const auto [inputs, outputs] = std::pair{layer.weight.inputs, layer.weight.outputs};
  std::optional<Recorder> record = recorder(kernels.probe, task.ask_dw, inputs, outputs, members);
  const Blocks whole(inputs, outputs);
  const size_t least = whole.block_rows;
  const size_t band = task.dw != nullptr ? inputs : std::max(least, kBandNumbers / outputs / least * least);
  const Scratch<float> scratch(task.dw != nullptr ? 0 : std::min(band, inputs) * outputs);
  for (size_t first = 0; first < inputs; first += band) {
    const size_t rows = std::min(band, inputs - first);
    float* to = task.dw != nullptr ? task.dw : scratch.data();
    const Factor<float> numbers = columns_of(task.dz, outputs);
    const auto pack = [&](Team& team, size_t, const PanelPart<float>& part) noexcept {
      pack_part(kernels.weight.dense, team, numbers, part);
    };
    Blocks blocks = whole;
    blocks.down = (rows + blocks.block_rows - 1) / blocks.block_rows;
    const auto look = [&](Team& team, size_t member, size_t column, size_t columns) noexcept {
      if (!record) return;
      each_block(team, blocks, rows, outputs, column, columns, [&](const Block& block) noexcept {
        record->record(member, first + block.row, block.column, block.of(to));
      });
    };
    multiply_in_panels(kernels.weight.dense, ProductShape{rows, outputs, layer.batch},
                       columns_of(task.x + first, inputs), pack, to, outputs, members, look);
  }
  return result(record);
}

}  // namespace

ForwardMoments forward(const Layer& layer, const Forward& task) {
  const auto [inputs, outputs] = std::pair{layer.weight.inputs, layer.weight.outputs};
  const ProductShape shape{layer.batch, outputs, inputs};
  const LayerKernels kernels = layer_kernels();
  const size_t members = dense::product_members(kernels.weight.dense, shape, layer.threads);
  std::optional<Recorder> record_z = recorder(kernels.probe, task.ask_z, layer.batch, outputs, members);
  std::optional<Recorder> record_y = recorder(kernels.probe, task.ask_y, layer.batch, outputs, members);
  std::optional<Recorder> record_weight = recorder(kernels.probe, task.ask_weight, inputs, outputs, members);
  const WeightPacker packer(kernels.weight, layer.weight, record_weight ? &*record_weight : nullptr, members);
  const Blocks blocks(layer.batch, outputs);
  std::optional<LiveUnits> values, slopes;
  if (record_y) values.emplace(blocks, outputs);
  if (record_y) slopes.emplace(blocks, outputs);
  const Scratch<float> slope_rows(members * blocks.block_columns);

  const auto pack = [&](Team& team, size_t member, const PanelPart<float>& part) noexcept {
    packer.pack_outputs(team, member, part);
  };
  const auto finish = [&](Team& team, size_t member, size_t column, size_t columns) noexcept {
    each_block(team, blocks, layer.batch, outputs, column, columns, [&](const Block& block) noexcept {
      if (task.bias != nullptr) add_bias(block, task.bias, task.z);
      if (record_z) record_z->record(member, block.row, block.column, block.of(task.z));
      if (record_y) {
        float* row = slope_rows.data() + member * blocks.block_columns;
        slopes->look(block.row, block.rows, block.column, block.columns, [&](size_t i) {
          const float* z = task.z + block.first() + i * outputs;
          kernels.probe.slope(layer.activation, layer.parameter, z, block.columns, row);
          return row;
        });
      }
      apply(kernels.probe.activate, layer, block, task.z, task.y);
      if (record_y) {
        record_y->record(member, block.row, block.column, block.of(task.y));
        values->look(block.row, block.rows, block.column, block.columns,
                     [&](size_t i) { return task.y + block.first() + i * outputs; });
      }
    });
  };
  multiply_in_panels(kernels.weight.dense, shape, rows_of(task.x, inputs), pack, task.z, outputs, members,
                     finish);

  ForwardMoments moments{result(record_z), result(record_y), result(record_weight)};
  for (size_t j = 0; moments.y && j < outputs; ++j) {
    if (values->dead(j) || slopes->dead(j)) ++moments.y->dead;
  }
  return moments;
}

BackwardMoments backward(const Layer& layer, const Backward& task) {
  const auto [inputs, outputs] = std::pair{layer.weight.inputs, layer.weight.outputs};
  const ProductShape shape{layer.batch, inputs, outputs};
  const LayerKernels kernels = layer_kernels();
  const size_t members = dense::product_members(kernels.weight.dense, shape, layer.threads);
  std::optional<Recorder> record = recorder(kernels.probe, task.ask_dz, layer.batch, outputs, members);
  const Blocks blocks(layer.batch, outputs);
  std::optional<LiveUnits> live;
  if (record) live.emplace(blocks, outputs);
  // Every member's part.
  const auto work = [&](Team& team, size_t member) noexcept {
    each_block(team, blocks, layer.batch, outputs, 0, outputs, [&](const Block& block) noexcept {
      apply(kernels.probe.slope, layer, block, task.z, task.dz);
      multiply(block, task.dy, task.dz);
      if (!record) return;
      record->record(member, block.row, block.column, block.of(task.dz));
      live->look(block.row, block.rows, block.column, block.columns,
                 [&](size_t i) { return task.dz + block.first() + i * outputs; });
    });
    if (task.db == nullptr) return;
    team.each((outputs + kSumColumns - 1) / kSumColumns, [&](size_t part) noexcept {
      const size_t j = part * kSumColumns;
      sum_columns(task.dz, layer.batch, outputs, j, std::min(kSumColumns, outputs - j), task.db);
    });
  };
  run_team(members, [&](Team& team, size_t member) noexcept {
    in_default_environment([&]() noexcept { work(team, member); });
  });
  BackwardMoments moments{result(record), std::nullopt};
  for (size_t j = 0; moments.dz && j < outputs; ++j) {
    if (live->dead(j)) ++moments.dz->dead;
  }

  if (task.dx != nullptr) {
    const WeightPacker packer(kernels.weight, layer.weight, nullptr, members);
    const auto pack = [&](Team& team, size_t member, const PanelPart<float>& part) noexcept {
      packer.pack_inputs(team, member, part);
    };
    multiply_in_panels(kernels.weight.dense, shape, rows_of(task.dz, outputs), pack, task.dx, inputs, members,
                       [](Team&, size_t, size_t, size_t) noexcept {});
  }
  if (task.dw != nullptr || task.ask_dw) moments.dw = weight_gradient(kernels, layer, task, members);
  return moments;
}

}  // namespace pyinit::probe
