// The fills: constants, uniforms, normals and truncated normals over a window.
// Why one block of the stream at a time: its values are 16 bytes of float32 or float64, one vector store; a
// warp's stores are consecutive.
// Contract: the bytes of fill/, for any grid; nothing outside the window is written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/launch.hpp"
#include "cuda/store.hpp"
#include "cuda/window.hpp"
#include "rng/normal.hpp"
#include "rng/stream.hpp"
#include "rng/truncated.hpp"
#include "rng/uniform.hpp"

namespace pyinit::cuda {

// `out` is aligned to its element.
template <class Numbers>
struct DrawTask {
  void* out;
  rng::Key key;
  Window window;
  Numbers numbers;
};

// The words of one block.
PYINIT_INLINE rng::Words<simd::Cuda> words_of(const rng::PhiloxKeys<simd::Cuda>& keys, uint64_t counter) {
  const simd::Cuda::U64 counters[1] = {simd::Cuda::block_counters(counter)};
  rng::Words<simd::Cuda> words[1];
  rng::philox<simd::Cuda, 1>(counters, keys, words);
  return words[0];
}

template <class Draw, class Out, class Numbers>
PYINIT_INLINE void draw(const DrawTask<Numbers>& task, const Thread& thread) {
  using Value = typename Draw::Value;
  constexpr uint32_t kPer = rng::kPerBlock<Value>;
  const Draw drawn(task.numbers);
  const rng::PhiloxKeys<simd::Cuda> keys(task.key.seed);
  const Pieces pieces(task.window, kPer);
  const uint64_t size = pieces.size();
  for (uint64_t number = thread.index; number < size; number += thread.count) {
    const Piece piece = pieces[number];
    if (piece.count == 0) continue;
    Value values[kPer];
    drawn(words_of(keys, task.key.offset + piece.block), values);
    store_piece(static_cast<Out*>(task.out) + piece.at, values, piece.skip, piece.count);
  }
}

// The bytes of one element, repeated over 16 bytes, to `bytes` bytes from `out` on, a multiple of the
// element's size.
struct ConstantTask {
  void* out;
  uint64_t bytes;
  uint64_t pattern;
  uint64_t element_bytes;  // 1, 2, 4 or 8
};

PYINIT_INLINE void repeat(const ConstantTask& task, const Thread& thread) {
  struct alignas(16) Line {
    uint64_t v[2];
  };
  auto* out = static_cast<unsigned char*>(task.out);
  // An element's borders are at multiples of its size, so every line begins with a whole element.
  const uint64_t to_line = (16 - reinterpret_cast<uintptr_t>(out) % 16) % 16;
  const uint64_t head = to_line < task.bytes ? to_line : task.bytes;
  const uint64_t lines = (task.bytes - head) / 16;
  const uint64_t tail = task.bytes - head - 16 * lines;
  for (uint64_t k = thread.index; k < lines; k += thread.count)
    *reinterpret_cast<Line*>(out + head + 16 * k) = {{task.pattern, task.pattern}};
  for (uint64_t k = thread.index; k < head + tail; k += thread.count) {
    const uint64_t at = k < head ? k : k + 16 * lines;
    out[at] = static_cast<unsigned char>(task.pattern >> 8 * (at % task.element_bytes));
  }
}

}  // namespace pyinit::cuda
