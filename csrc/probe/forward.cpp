#include <algorithm>

#include "probe/layer.hpp"
#include "probe/live_units.hpp"
#include "probe/tiles.hpp"

namespace pyinit::probe {
namespace {

void add_bias(const Tile& tile, const float* bias, float* z) {
  for (size_t i = 0; i < tile.rows; ++i) {
    float* row = z + tile.at(i);
    for (size_t j = 0; j < tile.columns; ++j) row[j] += bias[tile.column + j];
  }
}

}  // namespace

ForwardMoments forward(const LayerKernels& kernels, const Layer& layer, const Forward& task) {
  const auto inputs = layer.weight.inputs, outputs = layer.weight.outputs;
  const dense::ProductShape shape{layer.batch, outputs, inputs};
  const double each = kMappedFma + (task.ask_z ? kLookedAtFma : 0) + (task.ask_y ? kLookedAtFma : 0);
  const Demand wanted = dense::product_members(kernels.weight.dense, shape, layer.threads,
                                               each * static_cast<double>(layer.batch * outputs));
  const size_t members = wanted.threads;
  std::optional<Recorder> record_z = recorder(kernels.probe, task.ask_z, layer.batch, outputs, members);
  std::optional<Recorder> record_y = recorder(kernels.probe, task.ask_y, layer.batch, outputs, members);
  std::optional<Recorder> record_weight = recorder(kernels.probe, task.ask_weight, inputs, outputs, members);
  const WeightPacker packer(kernels.weight, layer.weight, record_weight ? &*record_weight : nullptr, members);
  const Blocks blocks(layer.batch, outputs);
  std::optional<LiveUnits> values, slopes;
  if (record_y) values.emplace(blocks, outputs);
  if (record_y) slopes.emplace(blocks, outputs);
  const Scratch<float> slope_rows(members * blocks.block_columns);

  const auto pack = [&](Team& team, size_t member, const dense::PanelPart<float>& part) noexcept {
    packer.pack_outputs(team, member, part);
  };
  const auto finish = [&](Team& team, size_t member, size_t column, size_t columns) noexcept {
    each_tile(team, blocks, layer.batch, outputs, column, columns, [&](const Tile& tile) noexcept {
      if (task.bias != nullptr) add_bias(tile, task.bias, task.z);
      if (record_z) record_z->record(member, tile.row, tile.column, tile.of(task.z));
      if (record_y) {
        float* row = slope_rows.data() + member * blocks.block_columns;
        slopes->look(tile.row, tile.rows, tile.column, tile.columns, [&](size_t i) {
          const float* z = task.z + tile.at(i);
          kernels.probe.slope(layer.activation, layer.parameter, z, tile.columns, row);
          return row;
        });
      }
      apply(kernels.probe.activate, layer, tile, task.z, task.y);
      if (record_y) {
        record_y->record(member, tile.row, tile.column, tile.of(task.y));
        values->look(tile.row, tile.rows, tile.column, tile.columns,
                     [&](size_t i) { return task.y + tile.at(i); });
      }
    });
  };
  multiply_in_panels(kernels.weight.dense, shape, rows_of(task.x, inputs), pack, task.z, outputs, wanted,
                     finish);

  ForwardMoments moments{result(record_z), result(record_y), result(record_weight)};
  for (size_t j = 0; moments.y && j < outputs; ++j) {
    if (values->dead(j) || slopes->dead(j)) ++moments.y->dead;
  }
  return moments;
}

}  // namespace pyinit::probe
