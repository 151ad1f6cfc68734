// The fills: constants, uniforms and functions of them, normals and truncated normals over a window.
// Why one block of the stream at a time: its values are 16 bytes of float32 or float64, one vector store; a
// warp's stores are consecutive.
// Contract: the bytes of fill/, for any grid; nothing outside the window is written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/launch.hpp"
#include "cuda/store.hpp"
#include "cuda/window.hpp"
#include "rng/curves.hpp"
#include "rng/disk.hpp"
#include "rng/normal.hpp"
#include "rng/stream.hpp"
#include "rng/transformed.hpp"
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

// Normals whose mean is +0: that is known when the kernel is compiled, and takes nothing from each value.
template <class S, class T>
class CentredNormal : public rng::Normal<S, T> {
 public:
  explicit CentredNormal(const rng::NormalNumbers& n) : rng::Normal<S, T>({0.0, n.std}) {}
};

// The numbers of a truncated normal that is drawn in float32, rounded to it already. Why: a device converts
// float64 at an eighth of its speed, and does it again for each block rather than keep twelve registers.
struct TruncatedFloats {
  float mean, std, lowest, highest;
  float tail_step, tail_low, tail_high, centre_step, centre_low, centre_high;
  int tail_exponent;
  uint32_t pivot;
  uint32_t mirrored;

  PYINIT_INLINE rng::TruncatedNumbers exact() const {
    return {mean,      std,      lowest,    highest,     mirrored != 0, tail_exponent, pivot,
            tail_step, tail_low, tail_high, centre_step, centre_low,    centre_high};
  }
};

// The same of a function of a uniform. A first part is exact in float32, and the second has the rest.
struct TransformedFloats {
  float start, start_rest, width, width_rest, scale, lowest, highest;
  uint32_t is_wide;

  PYINIT_INLINE rng::TransformedNumbers exact() const {
    return {{}, is_wide != 0, start, start_rest, width, width_rest, scale, lowest, highest};
  }
};

template <class S, class T>
using LogUniform = rng::Transformed<S, T, rng::LogUniform>;
template <class S, class T>
using InverseSoftplus = rng::Transformed<S, T, rng::InverseSoftplus>;
template <class S, class T>
using LogOfUniform = rng::Transformed<S, T, rng::LogOfUniform>;
template <class S, class T>
using LogDecay = rng::Transformed<S, T, rng::LogDecay>;

template <class Numbers>
PYINIT_INLINE const Numbers& exact(const Numbers& numbers) {
  return numbers;
}
PYINIT_INLINE rng::TruncatedNumbers exact(const TruncatedFloats& numbers) { return numbers.exact(); }
PYINIT_INLINE rng::TransformedNumbers exact(const TransformedFloats& numbers) { return numbers.exact(); }

// The words of one block.
PYINIT_INLINE rng::Words<simd::Cuda> words_of(const rng::PhiloxKeys<simd::Cuda>& keys, uint64_t counter) {
  const simd::Cuda::U64 counters[1] = {simd::Cuda::block_counters(counter)};
  rng::Words<simd::Cuda> words[1];
  rng::philox<simd::Cuda, 1>(counters, keys, words);
  return words[0];
}

// Draws whole blocks of a single run, whose counters share their high word, to aligned memory, and returns
// true; or returns false. Why apart: most fills are that, and a block then takes no arithmetic but its own.
template <class Draw, class Out, class Numbers>
PYINIT_INLINE bool draw_whole_blocks(const DrawTask<Numbers>& task, const Thread& thread, const Draw& drawn,
                                     const rng::PhiloxKeys<simd::Cuda>& keys) {
  using S = simd::Cuda;
  using Value = typename Draw::Value;
  constexpr uint32_t kPer = rng::kPerBlock<Value>;
  const uint64_t first = task.window.base, end = first + task.window.length;
  const uint64_t low = (first + kPer - 1) / kPer, high = end / kPer;
  if (task.window.runs != 1 || low >= high) return false;
  Out* out = static_cast<Out*>(task.out) + (low * kPer - first);
  const uint64_t counter = task.key.offset + low, last = counter + (high - low - 1);
  if (!is_aligned(out, kPer) || counter >> 32 != last >> 32) return false;
  const rng::SharedHigh<S> shared(static_cast<uint32_t>(counter >> 32), task.key.seed);
  for (uint64_t block = thread.index; block < high - low; block += thread.count) {
    const S::U64 counters[1] = {S::block_counters(counter + block)};
    rng::Words<S> words[1];
    rng::philox_shared<S, 1>(counters, keys, shared, words);
    Value values[kPer];
    drawn(words[0], values);
    store_block(out + block * kPer, values);
  }
  return true;
}

template <class Draw, class Out, class Numbers>
PYINIT_INLINE void draw(const DrawTask<Numbers>& task, const Thread& thread) {
  using Value = typename Draw::Value;
  constexpr uint32_t kPer = rng::kPerBlock<Value>;
  const Draw drawn(exact(task.numbers));
  const rng::PhiloxKeys<simd::Cuda> keys(task.key.seed);
  const bool is_done = draw_whole_blocks<Draw, Out>(task, thread, drawn, keys);
  const Pieces pieces(task.window, kPer);
  const uint64_t size = pieces.size();
  // Where the whole blocks are done, the first and the last two pieces may be parts of blocks.
  for (uint64_t turn = thread.index; turn < (is_done ? 3 : size); turn += thread.count) {
    if (is_done && turn > 0 && turn >= size) break;
    const Piece piece = pieces[is_done && turn > 0 ? size - turn : turn];
    if (piece.count == 0 || (is_done && piece.count == kPer)) continue;
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
  auto* out = static_cast<unsigned char*>(task.out);
  // An element's borders are at multiples of its size, so every line begins with a whole element.
  const uint64_t to_line = (16 - reinterpret_cast<uintptr_t>(out) % 16) % 16;
  const uint64_t head = to_line < task.bytes ? to_line : task.bytes;
  const uint64_t lines = (task.bytes - head) / 16;
  const uint64_t tail = task.bytes - head - 16 * lines;
  for (uint64_t k = thread.index; k < lines; k += thread.count)
    store_words(out + head + 16 * k, task.pattern, task.pattern);
  for (uint64_t k = thread.index; k < head + tail; k += thread.count) {
    const uint64_t at = k < head ? k : k + 16 * lines;
    out[at] = static_cast<unsigned char>(task.pattern >> 8 * (at % task.element_bytes));
  }
}

}  // namespace pyinit::cuda
