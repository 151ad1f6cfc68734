// The fill kernels of one instruction set, as plain functions: a part of its table (isa/kernels.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.hpp"
#include "fill/runs.hpp"
#include "rng/numbers.hpp"

namespace pyinit::fill {

// A rectangle of a matrix: its place, and where it lies in memory, `pitch` elements from row to row.
struct Rectangle {
  uint64_t first_row, first_column, rows, columns, pitch;
};

// Each draw fills the output of `runs`.
struct Kernels {
  void (*uniform)(Dtype, const rng::UniformNumbers&, rng::Key, const Runs&, void* out);
  void (*normal)(Dtype, const rng::NormalNumbers&, rng::Key, const Runs&, void* out);
  void (*truncated_normal)(Dtype, const rng::TruncatedNumbers&, rng::Key, const Runs&, void* out);
  void (*transformed)(Dtype, const rng::TransformedNumbers&, rng::Key, const Runs&, void* out);
  // Of float32 or float64: the parts of complex numbers.
  void (*disk)(Dtype, const rng::DiskNumbers&, rng::Key, const Runs&, void* out);
  // Put zeros into what has been drawn; `out` is where the rectangle or the runs begin.
  void (*zero_in_columns)(Dtype, const rng::ColumnZeros&, const Rectangle&, void* out);
  void (*zero_by_chance)(Dtype, const rng::ChanceZeros&, const Runs&, void* out);
  // Writes the 32-bit draws themselves.
  void (*words)(rng::Key, const Runs&, uint32_t* out);
  // Repeats a line of 64 bytes; `stream` sends whole lines past the cache.
  void (*constant)(const void* line, void* out, size_t bytes, bool stream);
};

}  // namespace pyinit::fill
