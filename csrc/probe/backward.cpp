#include <algorithm>

#include "float_environment.hpp"
#include "probe/layer.hpp"
#include "probe/live_units.hpp"
#include "probe/tiles.hpp"

namespace pyinit::probe {
namespace {

// A weight gradient that is looked at and not kept exists in bands of so many numbers.
constexpr size_t kBandNumbers = size_t{1} << 22;
// Columns that are summed at once: eight cache lines of chains.
constexpr size_t kSumColumns = 64;

// dz[i] *= dy[i], where dz holds the slope.
void chain_rule(const Tile& tile, const float* dy, float* dz) {
  for (size_t i = 0; i < tile.rows; ++i) {
    const size_t row = tile.at(i);
    for (size_t j = 0; j < tile.columns; ++j) dz[row + j] *= dy[row + j];
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

// Makes the weight gradient, whole or in bands of rows that are looked at and dropped.
std::optional<Moments> weight_gradient(const LayerKernels& kernels, const Layer& layer, const Backward& task,
                                       const Demand& wanted) {
  const auto inputs = layer.weight.inputs, outputs = layer.weight.outputs;
  std::optional<Recorder> record = recorder(kernels.probe, task.ask_dw, inputs, outputs, wanted.threads);
  const Blocks whole(inputs, outputs);
  const size_t least = whole.block_rows;
  const size_t band = task.dw != nullptr ? inputs : std::max(least, kBandNumbers / outputs / least * least);
  const Scratch<float> scratch(task.dw != nullptr ? 0 : std::min(band, inputs) * outputs);
  for (size_t first = 0; first < inputs; first += band) {
    const size_t rows = std::min(band, inputs - first);
    float* to = task.dw != nullptr ? task.dw : scratch.data();
    const dense::Factor<float> numbers = columns_of(task.dz, outputs);
    const auto pack = [&](Team& team, size_t, const dense::PanelPart<float>& part) noexcept {
      pack_part(kernels.weight.dense, team, numbers, part);
    };
    Blocks blocks = whole;
    blocks.down = (rows + blocks.block_rows - 1) / blocks.block_rows;
    const auto look = [&](Team& team, size_t member, size_t column, size_t columns) noexcept {
      if (!record) return;
      each_tile(team, blocks, rows, outputs, column, columns, [&](const Tile& tile) noexcept {
        record->record(member, first + tile.row, tile.column, tile.of(to));
      });
    };
    multiply_in_panels(kernels.weight.dense, dense::ProductShape{rows, outputs, layer.batch},
                       columns_of(task.x + first, inputs), pack, to, outputs, wanted, look);
  }
  return result(record);
}

}  // namespace

BackwardMoments backward(const LayerKernels& kernels, const Layer& layer, const Backward& task) {
  const auto inputs = layer.weight.inputs, outputs = layer.weight.outputs;
  const dense::ProductShape shape{layer.batch, inputs, outputs};
  const double each = kMappedFma + (task.ask_dz ? kLookedAtFma : 0);
  const Demand wanted = dense::product_members(kernels.weight.dense, shape, layer.threads,
                                               each * static_cast<double>(layer.batch * outputs));
  const size_t members = wanted.threads;
  std::optional<Recorder> record = recorder(kernels.probe, task.ask_dz, layer.batch, outputs, members);
  const Blocks blocks(layer.batch, outputs);
  std::optional<LiveUnits> live;
  if (record) live.emplace(blocks, outputs);
  // What every member does.
  const auto work = [&](Team& team, size_t member) noexcept {
    each_tile(team, blocks, layer.batch, outputs, 0, outputs, [&](const Tile& tile) noexcept {
      apply(kernels.probe.slope, layer, tile, task.z, task.dz);
      chain_rule(tile, task.dy, task.dz);
      if (!record) return;
      record->record(member, tile.row, tile.column, tile.of(task.dz));
      live->look(tile.row, tile.rows, tile.column, tile.columns,
                 [&](size_t i) { return task.dz + tile.at(i); });
    });
    if (task.db == nullptr) return;
    team.each((outputs + kSumColumns - 1) / kSumColumns, [&](size_t part) noexcept {
      const size_t j = part * kSumColumns;
      sum_columns(task.dz, layer.batch, outputs, j, std::min(kSumColumns, outputs - j), task.db);
    });
  };
  run_team(wanted, [&](Team& team, size_t member) noexcept {
    in_default_environment([&]() noexcept { work(team, member); });
  });
  BackwardMoments moments{result(record), std::nullopt};
  for (size_t j = 0; moments.dz && j < outputs; ++j) {
    if (live->dead(j)) ++moments.dz->dead;
  }

  if (task.dx != nullptr) {
    const WeightPacker packer(kernels.weight, layer.weight, nullptr, members);
    const auto pack = [&](Team& team, size_t member, const dense::PanelPart<float>& part) noexcept {
      packer.pack_inputs(team, member, part);
    };
    multiply_in_panels(kernels.weight.dense, shape, rows_of(task.dz, outputs), pack, task.dx, inputs, wanted,
                       [](Team&, size_t, size_t, size_t) noexcept {});
  }
  if (task.dw != nullptr || task.ask_dw) moments.dw = weight_gradient(kernels, layer, task, wanted);
  return moments;
}

}  // namespace pyinit::probe
