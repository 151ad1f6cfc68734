// Packs a factor into slivers of kLines lines: the numbers of all lines at one depth side by side, and zeros
// for lines that are missing.
// Why squares: where lines run along the depth, packing transposes. Number by number it took as long as a
// third of a product of 100 columns; squares of 16 bytes a side take two shuffles for each such vector.
#pragma once

#include <cstring>

#include "dense/kernels.hpp"

namespace pyinit::dense {

// A square of numbers, each row as many as 16 bytes hold: a vector that every instruction set has. It is a
// template over S only because of the linker (isa/table.hpp).
template <class S, class Value>
struct Square {
  static constexpr size_t kSide = 16 / sizeof(Value);
  using Row [[gnu::vector_size(16)]] = Value;

  Row rows[kSide];

  [[gnu::always_inline]] void transpose() {
    if constexpr (kSide == 2) {
      const Row a = rows[0], b = rows[1];
      rows[0] = __builtin_shufflevector(a, b, 0, 2);
      rows[1] = __builtin_shufflevector(a, b, 1, 3);
    } else {
      const Row a = rows[0], b = rows[1], c = rows[2], d = rows[3];
      const Row ab01 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                ab23 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Row cd01 = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                cd23 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      rows[0] = __builtin_shufflevector(ab01, cd01, 0, 1, 4, 5);
      rows[1] = __builtin_shufflevector(ab01, cd01, 2, 3, 6, 7);
      rows[2] = __builtin_shufflevector(ab23, cd23, 0, 1, 4, 5);
      rows[3] = __builtin_shufflevector(ab23, cd23, 2, 3, 6, 7);
    }
  }
};

// Packs a sliver whose lines run along the depth, of which `present` are there.
template <class S, class Value, size_t kLines>
[[gnu::always_inline]] inline void pack_along(const Value* from, ptrdiff_t line_stride, size_t present,
                                              size_t depth, Value* packed) {
  using Piece = Square<S, Value>;
  constexpr size_t kSide = Piece::kSide;
  // Takes a cache line of each line at a time, so that lines far apart are read in whole cache lines.
  constexpr size_t kAtOnce = 64 / sizeof(Value);
  const size_t whole = depth / kSide * kSide;
  for (size_t p = 0; p < whole; p += kAtOnce) {
    const size_t end = whole - p < kAtOnce ? whole : p + kAtOnce;
    for (size_t line = 0; line < kLines; line += kSide) {
      const Value* lines = from + static_cast<ptrdiff_t>(line) * line_stride;
      const size_t count = kLines - line < kSide ? kLines - line : kSide;
      for (size_t q = p; q < end; q += kSide) {
        Piece piece = {};
#pragma GCC unroll 4
        for (size_t i = 0; i < kSide; ++i) {
          if (line + i < present)
            std::memcpy(&piece.rows[i], lines + static_cast<ptrdiff_t>(i) * line_stride + q, 16);
        }
        piece.transpose();
        Value* to = packed + q * kLines + line;
#pragma GCC unroll 4
        for (size_t i = 0; i < kSide; ++i) {
          if (count == kSide) {
            std::memcpy(to + i * kLines, &piece.rows[i], 16);
          } else {
            std::memcpy(to + i * kLines, &piece.rows[i], kLines % kSide * sizeof(Value));
          }
        }
      }
    }
  }
  for (size_t p = whole; p < depth; ++p) {
    for (size_t line = 0; line < kLines; ++line)
      packed[p * kLines + line] =
          line < present ? from[static_cast<ptrdiff_t>(line) * line_stride + static_cast<ptrdiff_t>(p)]
                         : Value{0};
  }
}

// Packs slivers whose lines lie side by side: `depth` numbers of each line, of a sliver that is `whole` deep.
template <class S, class Value, size_t kLines>
void pack_across(const Value* from, ptrdiff_t depth_stride, size_t lines, size_t depth, size_t whole,
                 Value* packed) {
  for (size_t first = 0; first < lines; first += kLines, from += kLines, packed += kLines * whole) {
    const size_t present = lines - first < kLines ? lines - first : kLines;
    for (size_t p = 0; p < depth; ++p) {
      const Value* row = from + static_cast<ptrdiff_t>(p) * depth_stride;
      Value* to = packed + p * kLines;
      if (present == kLines) {
        std::memcpy(to, row, kLines * sizeof(Value));
      } else {
        for (size_t line = 0; line < kLines; ++line) to[line] = line < present ? row[line] : Value{0};
      }
    }
  }
}

template <class S, class Value, size_t kLines>
void pack(const Factor<Value>& factor, size_t lines, size_t depth, Value* packed) {
  if (factor.line_stride == 1) {
    // Rows of the factor far apart lie in as many pages: few enough are read at once for all slivers.
    constexpr size_t kRowsAtOnce = 32;
    for (size_t p = 0; p < depth; p += kRowsAtOnce) {
      const size_t rows = depth - p < kRowsAtOnce ? depth - p : kRowsAtOnce;
      pack_across<S, Value, kLines>(factor.data + static_cast<ptrdiff_t>(p) * factor.depth_stride,
                                    factor.depth_stride, lines, rows, depth, packed + p * kLines);
    }
    return;
  }
  for (size_t first = 0; first < lines; first += kLines, packed += kLines * depth) {
    const size_t present = lines - first < kLines ? lines - first : kLines;
    const Value* from = factor.data + static_cast<ptrdiff_t>(first) * factor.line_stride;
    if (factor.depth_stride == 1) {
      // Where all lines are there the compiler leaves out the question.
      if (present == kLines) {
        pack_along<S, Value, kLines>(from, factor.line_stride, kLines, depth, packed);
      } else {
        pack_along<S, Value, kLines>(from, factor.line_stride, present, depth, packed);
      }
      continue;
    }
    for (size_t p = 0; p < depth; ++p, from += factor.depth_stride) {
      for (size_t line = 0; line < kLines; ++line)
        packed[p * kLines + line] =
            line < present ? from[static_cast<ptrdiff_t>(line) * factor.line_stride] : Value{0};
    }
  }
}

}  // namespace pyinit::dense
