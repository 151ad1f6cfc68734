// The stream read in order, one draw after the other, as sequential generators read.
//   position: the number of 32-bit words passed, 4 block + word, modulo 2^66.
//   32-bit draw: the next word. 64-bit draw: the next (even word << 32 | odd word); where the position is
//   odd, the one word before it is passed over.
// Why: the position alone is the state, whatever widths were mixed; and from a fresh start draw i of either
// width is element i of the key's tensor of that width.
// Contract: bit-equal to rng/stream.hpp. Checked by csrc/tests/sequence.cpp.
#pragma once

#include <cstdint>

#include "fill/consecutive.hpp"
#include "rng/numbers.hpp"

namespace pyinit::fill {

// A sequence is read after `seek`.
class Sequence {
 public:
  // Goes to a word, 0 to 3, of a block, counted from the key's first. `kernels` must outlive the sequence.
  void seek(const Kernels& kernels, rng::Key key, uint64_t block, uint32_t word) noexcept {
    kernels_ = &kernels;
    key_ = key;
    draw_from(block);
    at_ = word;
  }

  rng::Key key() const { return key_; }
  uint64_t block() const { return first_block_ + at_ / 4; }
  uint32_t word() const { return at_ % 4; }

  uint32_t next32() noexcept {
    if (at_ == kAhead) draw_from(first_block_ + kBlocks);
    return ahead_[at_++];
  }

  uint64_t next64() noexcept {
    at_ += at_ % 2;
    if (at_ == kAhead) draw_from(first_block_ + kBlocks);
    const uint64_t draw = uint64_t{ahead_[at_]} << 32 | ahead_[at_ + 1];
    at_ += 2;
    return draw;
  }

  // Uniform in [0, 1), as a float64 fill draws it.
  double next_double() noexcept {
    return static_cast<double>(static_cast<int64_t>(next64() & ((uint64_t{1} << 53) - 1))) * 0x1p-53;
  }

 private:
  // Blocks drawn at once: enough that the time to set up the round keys does not count.
  static constexpr uint32_t kBlocks = 256;
  static constexpr uint32_t kAhead = 4 * kBlocks;

  void draw_from(uint64_t block) noexcept {
    first_block_ = block;
    at_ = 0;
    // Element numbers end before blocks do: the block goes into the offset.
    words(*kernels_, {key_.seed, key_.offset + block}, 0, kAhead, ahead_);
  }

  const Kernels* kernels_ = nullptr;
  rng::Key key_{};
  uint64_t first_block_ = 0;
  uint32_t at_ = 0;
  uint32_t ahead_[kAhead] = {};
};

}  // namespace pyinit::fill
