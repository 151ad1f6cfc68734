// What the passes of a layer share: a matrix cut into tiles, and what is done to a tile.
#pragma once

#include <algorithm>
#include <optional>

#include "probe/layer.hpp"

namespace pyinit::probe {

inline dense::Factor<float> rows_of(const float* data, size_t columns) {
  return {data, static_cast<ptrdiff_t>(columns), 1};
}
inline dense::Factor<float> columns_of(const float* data, size_t columns) {
  return {data, 1, static_cast<ptrdiff_t>(columns)};
}

inline std::optional<Recorder> recorder(const Kernels& kernels, const std::optional<Question>& question,
                                        size_t rows, size_t columns, size_t members) {
  if (!question) return std::nullopt;
  return std::optional<Recorder>(std::in_place, kernels, rows, columns, *question, members);
}

inline std::optional<Moments> result(std::optional<Recorder>& recorder) {
  if (!recorder) return std::nullopt;
  return recorder->result();
}

// What one number takes, in fma of a product: to be mapped by an activation or its slope, to be looked at.
inline constexpr double kMappedFma = 16, kLookedAtFma = 32;

// A block of the statistics, as a rectangle of a matrix of `width` columns.
struct Tile {
  size_t row, rows, column, columns, width;

  // Where row number i of the tile begins.
  size_t at(size_t i) const { return (row + i) * width + column; }
  Matrix of(const float* data) const { return {data + at(0), rows, columns, width}; }
};

// Calls work(tile) for the tiles of columns [column, column + columns), shared among the team.
template <class Work>
void each_tile(Team& team, const Blocks& blocks, size_t rows, size_t width, size_t column, size_t columns,
               const Work& work) {
  static_assert(std::is_nothrow_invocable_v<const Work&, const Tile&>);
  const size_t across = (columns + blocks.block_columns - 1) / blocks.block_columns;
  team.each(blocks.down * across, [&](size_t number) noexcept {
    const size_t i = number / across * blocks.block_rows;
    const size_t j = number % across * blocks.block_columns;
    work(Tile{i, std::min(blocks.block_rows, rows - i), column + j,
              std::min(blocks.block_columns, columns - j), width});
  });
}

// Writes map(x) of a tile, an activation or its slope, to the same places of y.
inline void apply(decltype(Kernels::activate) map, const Layer& layer, const Tile& tile, const float* x,
                  float* y) {
  // A tile as wide as the matrix is one run in memory.
  const bool whole = tile.columns == tile.width;
  const size_t runs = whole ? 1 : tile.rows;
  const size_t length = whole ? tile.rows * tile.columns : tile.columns;
  for (size_t i = 0; i < runs; ++i)
    map(layer.activation, layer.parameter, x + tile.at(i), length, y + tile.at(i));
}

}  // namespace pyinit::probe
