// Consecutive elements of a tensor, drawn on the calling thread: what a sequential generator buffers, and
// what code without the GIL calls.
// Why beside fill.hpp: these allocate nothing, start no thread and throw nothing, so they can be called from
// anywhere; who has threads of their own cuts the range.
// Contract: the same values as a fill. `out` is aligned to its element; active_isa() has been called once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rng/numbers.hpp"

namespace pyinit::fill {

// The four words of block n.
void block(rng::Key key, uint64_t n, uint32_t* words) noexcept;

// Each draws elements first to first + count - 1. low < high, both finite.
void words(rng::Key key, uint64_t first, size_t count, uint32_t* out) noexcept;
void uniform(rng::Key key, uint64_t first, size_t count, float low, float high, float* out) noexcept;
void uniform(rng::Key key, uint64_t first, size_t count, double low, double high, double* out) noexcept;
void normal(rng::Key key, uint64_t first, size_t count, float mean, float std, float* out) noexcept;
void normal(rng::Key key, uint64_t first, size_t count, double mean, double std, double* out) noexcept;

}  // namespace pyinit::fill
