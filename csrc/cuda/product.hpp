// A tile of a matrix product by one block of threads: sums(i, j) += a(i, 0) b(0, j) + a(i, 1) b(1, j) + ...
// Why plain fma and no tensor cores: each element is one chain of fma in ascending depth (dense/tile.hpp), and
// so has the bits of the CPU.
// Why through shared memory: each number of a and b is read from memory once for a whole tile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/launch.hpp"

namespace pyinit::cuda {

inline constexpr uint32_t kTileRows = 32, kTileColumns = 64, kTileDepth = 32;
// What one thread has of a tile.
inline constexpr uint32_t kSumRows = 2, kSumColumns = 4;
inline constexpr uint32_t kThreadsAcross = kTileColumns / kSumColumns;
static_assert(kThreadsAcross * (kTileRows / kSumRows) == kBlockThreads);

PYINIT_INLINE float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
PYINIT_INLINE double fused(double a, double b, double c) { return __fma_rn(a, b, c); }
PYINIT_INLINE float times(float a, float b) { return __fmul_rn(a, b); }
PYINIT_INLINE double times(double a, double b) { return __dmul_rn(a, b); }
PYINIT_INLINE float plus(float a, float b) { return __fadd_rn(a, b); }
PYINIT_INLINE double plus(double a, double b) { return __dadd_rn(a, b); }

template <class Value>
struct Sums {
  Value v[kSumRows][kSumColumns];
};

// Calls use(i, j, sum) for each of a thread's sums.
template <class Value, class Use>
PYINIT_INLINE void each_sum(uint32_t thread, Sums<Value>& sums, const Use& use) {
  const uint32_t row = thread / kThreadsAcross * kSumRows, column = thread % kThreadsAcross * kSumColumns;
  PYINIT_UNROLL(2)
  for (uint32_t i = 0; i < kSumRows; ++i) {
    PYINIT_UNROLL(4)
    for (uint32_t j = 0; j < kSumColumns; ++j) use(row + i, column + j, sums.v[i][j]);
  }
}

// Parts of both factors, as a block of threads shares them.
template <class Value>
struct Stage {
  alignas(16) Value a[kTileDepth][kTileRows];
  alignas(16) Value b[kTileDepth][kTileColumns];
};

// a(p, i) and b(p, j) return a number of a factor, and 0 beyond its edge.
template <class Value, class A, class B>
PYINIT_INLINE void add_products(const Block& block, Stage<Value>& stage, uint64_t depth, const A& a,
                                const B& b, PerThread<Sums<Value>>& sums) {
  for (uint64_t first = 0; first < depth; first += kTileDepth) {
    const uint32_t count = static_cast<uint32_t>(depth - first < kTileDepth ? depth - first : kTileDepth);
    block.step([&](uint32_t thread) {
      for (uint32_t k = thread; k < count * kTileRows; k += kBlockThreads)
        stage.a[k / kTileRows][k % kTileRows] = a(first + k / kTileRows, k % kTileRows);
      for (uint32_t k = thread; k < count * kTileColumns; k += kBlockThreads)
        stage.b[k / kTileColumns][k % kTileColumns] = b(first + k / kTileColumns, k % kTileColumns);
    });
    block.step([&](uint32_t thread) {
      Sums<Value>& own = sums[thread];
      for (uint32_t p = 0; p < count; ++p) {
        each_sum(thread, own,
                 [&](uint32_t i, uint32_t j, Value& sum) { sum = fused(stage.a[p][i], stage.b[p][j], sum); });
      }
    });
  }
}

}  // namespace pyinit::cuda
