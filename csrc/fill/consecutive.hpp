// Consecutive elements of a tensor, drawn on the calling thread: what a sequential generator buffers, and
// what code without the GIL calls.
// Why beside fill.hpp: these allocate nothing, start no thread and throw nothing, so they can be called from
// anywhere; a caller with threads of its own cuts the range.
// Contract: the same values as a fill. `out` is aligned to its element.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fill/kernels.hpp"

namespace pyinit::fill {

// The four words of block n.
void block(const Kernels& kernels, rng::Key key, uint64_t n, uint32_t* words) noexcept;

// Each draws the elements from `first` to first + count - 1. `low` and `high` are finite, and low < high.
void words(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, uint32_t* out) noexcept;
void uniform(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, float low, float high,
             float* out) noexcept;
void uniform(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, double low, double high,
             double* out) noexcept;
void normal(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, float mean, float std,
            float* out) noexcept;
void normal(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, double mean, double std,
            double* out) noexcept;

}  // namespace pyinit::fill
