// The loops around the packed product: panels of columns, parts of the depth, units of rows. A team shares
// them.
// Why panels and parts by functions: whoever makes the second factor may draw it straight into a panel, and
// whoever wants the product may look at a panel while it is near.
// Contract: the order of each element's chain is ascending depth, whatever the cuts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "dense/matmul.hpp"
#include "float_environment.hpp"
#include "kept_blocks.hpp"
#include "team.hpp"

namespace pyinit::dense {

// A sliver of b this deep fills two thirds of a first-level cache (32 KiB), beside a tile of a.
inline constexpr size_t kPartDepth = 256;
// Parts of the depth begin at multiples of this.
inline constexpr size_t kDepthUnit = 64;
// Parts packed at once: between them a block of c stays near.
inline constexpr size_t kPartsAtOnce = 2;
// Columns of b packed at once, for all threads.
inline constexpr size_t kPanelColumns = 4096;
// Tiles of a unit of work's rows in float32, half as many in float64, and of a row of a block of c. With both
// parts of the depth, a unit's rows and its block of c take 0.4 MiB on AVX2 and 1 MiB on AVX-512, in float32
// and float64 alike: what a second-level cache holds beside slivers of b that pass through it.
// Why not fewer bytes: a block of c is loaded and stored once for each part.
inline constexpr size_t kUnitTiles = 22;
inline constexpr size_t kBlockTiles = 16;
// About what a thread computes in 5 us.
inline constexpr double kFmaPerThread = 1 << 18;
// Units a thread can expect, so that none waits long for the last.
inline constexpr size_t kUnitsPerThread = 4;

// The size that cuts n into at least `parts` parts, where that is possible: a multiple of `unit`, at most
// `most`.
inline size_t part_size(size_t n, size_t most, size_t unit, size_t parts) {
  const size_t count = std::max((n + most - 1) / most, parts);
  return std::max(unit, ((n + count - 1) / count + unit - 1) / unit * unit);
}

template <class Value>
Factor<Value> part_of(const Factor<Value>& factor, size_t line, size_t depth) {
  return {factor.data + static_cast<ptrdiff_t>(line) * factor.line_stride +
              static_cast<ptrdiff_t>(depth) * factor.depth_stride,
          factor.line_stride, factor.depth_stride};
}

// How many threads are worth it and have a tile each. `beside` is what else the product's steps do, in fma.
inline Demand product_members(const Kernels& kernels, const ProductShape& shape, int threads,
                              double beside = 0) {
  const double fma = static_cast<double>(shape.rows) * static_cast<double>(shape.columns) *
                         static_cast<double>(shape.depth) +
                     beside;
  const ProductKernels<float>& product = kernels.product32;
  const size_t tiles = ((shape.rows + product.tile_rows - 1) / product.tile_rows) *
                       ((shape.columns + product.tile_columns - 1) / product.tile_columns);
  return Demand(fma, kFmaPerThread, static_cast<size_t>(threads)).at_most(tiles);
}

// A part of the second factor: columns [column, column + columns), numbers [first, first + depth) of each, to
// be packed in slivers. The sliver of column j begins at packed + (j - column) depth.
template <class Value>
struct PanelPart {
  size_t column, columns, first, depth;
  Value* packed;
};

// Makes c = a b, with rows of c `c_stride` apart, by the members of a team. Every member calls pack(team,
// member, part) before a part is used, and finish(team, member, column, columns) when these columns of c are
// complete; each shares its work with team.each and returns when it is done; neither throws. The depth is not
// 0.
template <class Value, class Pack, class Finish>
void multiply_in_panels(const Kernels& all_kernels, const ProductShape& shape, const Factor<Value>& a,
                        const Pack& pack, Value* c, size_t c_stride, const Demand& wanted,
                        const Finish& finish) {
  static_assert(std::is_nothrow_invocable_v<const Pack&, Team&, size_t, const PanelPart<Value>&>);
  static_assert(std::is_nothrow_invocable_v<const Finish&, Team&, size_t, size_t, size_t>);
  const ProductKernels<Value>& kernels = product_kernels<Value>(all_kernels);
  const size_t members = wanted.threads;
  const size_t depth_part = part_size(shape.depth, kPartDepth, kDepthUnit, 1);
  const size_t column_part =
      std::min(kPanelColumns, part_size(shape.columns, shape.columns, kernels.tile_columns, 1));
  const size_t unit_rows = kUnitTiles * sizeof(float) / sizeof(Value) * kernels.tile_rows;
  const size_t block_columns = kBlockTiles * kernels.tile_columns;
  // Every thread gets the same number of units.
  const size_t least = members == 1 ? 1 : kUnitsPerThread * members;
  const size_t units = std::max((shape.rows + unit_rows - 1) / unit_rows, least);
  const size_t row_part =
      part_size(shape.rows, unit_rows, kernels.tile_rows, (units + members - 1) / members * members);
  const size_t down = (shape.rows + row_part - 1) / row_part;
  // Where there are few rows the columns are shared out, too. Not sooner: each unit packs its rows.
  const size_t unit_columns =
      part_size(column_part, column_part, kernels.tile_columns, (least / 2 + down - 1) / down);
  const size_t packed_depth =
      std::min(kPartsAtOnce, (shape.depth + depth_part - 1) / depth_part) * depth_part;
  const Scratch<Value> packed_a(members * row_part * packed_depth);
  const Scratch<Value> packed_b(column_part * packed_depth);

  // What every member does.
  const auto work = [&](Team& team, size_t member) noexcept {
    Value* packed_rows = packed_a.data() + member * row_part * packed_depth;
    for (size_t j0 = 0; j0 < shape.columns; j0 += column_part) {
      const size_t columns = std::min(column_part, shape.columns - j0);
      const size_t across = (columns + unit_columns - 1) / unit_columns;
      for (size_t first = 0; first < shape.depth; first += packed_depth) {
        const size_t end = std::min(first + packed_depth, shape.depth);
        // Calls use(p, depth, part's place among the packed) for each part, in order.
        const auto each_part = [&](const auto& use) {
          for (size_t p = first; p < end; p += depth_part) use(p, std::min(depth_part, end - p), p - first);
        };
        each_part([&](size_t p, size_t depth, size_t place) {
          pack(team, member, PanelPart<Value>{j0, columns, p, depth, packed_b.data() + place * column_part});
        });
        team.each(down * across, [&](size_t unit) noexcept {
          const size_t i = unit % down * row_part;
          const size_t rows = std::min(row_part, shape.rows - i);
          each_part([&](size_t p, size_t depth, size_t place) {
            kernels.pack_rows(part_of(a, i, p), rows, depth, packed_rows + place * row_part);
          });
          const size_t from = unit / down * unit_columns;
          const size_t to = std::min(from + unit_columns, columns);
          for (size_t j = from; j < to; j += block_columns) {
            each_part([&](size_t p, size_t depth, size_t place) {
              kernels.multiply(depth, packed_rows + place * row_part, rows,
                               packed_b.data() + place * column_part + j * depth,
                               std::min(block_columns, to - j), c + i * c_stride + j0 + j, c_stride,
                               p == 0 ? Start::kZero : Start::kStored);
            });
          }
        });
      }
      finish(team, member, j0, columns);
    }
  };
  run_team(wanted, [&](Team& team, size_t member) noexcept {
    in_default_environment([&]() noexcept { work(team, member); });
  });
}

// Packs a part of a factor that lies in memory, some slivers at a time.
template <class Value>
void pack_part(const Kernels& all_kernels, Team& team, const Factor<Value>& b, const PanelPart<Value>& part) {
  const ProductKernels<Value>& kernels = product_kernels<Value>(all_kernels);
  const size_t width = part_size(part.columns, kBlockTiles * kernels.tile_columns, kernels.tile_columns,
                                 kUnitsPerThread * team.size());
  team.each((part.columns + width - 1) / width, [&](size_t task) noexcept {
    const size_t j = task * width;
    kernels.pack_columns(part_of(b, part.column + j, part.first), std::min(width, part.columns - j),
                         part.depth, part.packed + j * part.depth);
  });
}

}  // namespace pyinit::dense
