// The sizes that are part of the stream: another value of any of them makes other bits, and breaks
// tests/data/dense_v1_digests.txt. Every other size in this folder is for speed alone.
#pragma once

#include <cstddef>

namespace pyinit::dense {

// Reflectors of a block, and numbers of a row of its V. Why 96: it is a multiple of the rows and of the
// columns of every instruction set's tile, so that no tile hangs over.
inline constexpr size_t kReflectors = 96;
// Rows of V whose products are one chain of a number of V'V; the sums of the chains are added. One chain of
// all rows would double the error of Q: V'V decides how well a block's reflectors fit together.
inline constexpr size_t kGramRows = 48;
// Rows of V whose squares are summed together, in float64, and the chains of such a sum.
inline constexpr size_t kSquareRows = 192;
inline constexpr size_t kSquareChains = 8;
static_assert(kSquareRows % kGramRows == 0);
// Chunks of kSquareRows rows in a span of a thin matrix. A power of two, so that pairs of spans are the pairs
// of their chunks.
inline constexpr size_t kSpanChunks = 32;

}  // namespace pyinit::dense
