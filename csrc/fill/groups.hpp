// Whole groups of values, in the stream's order: blocks of the stream -> values (rng/) -> memory.
// Why apart from filler.hpp: this is all that depends on the distribution, and it is compiled once for every
// output type.
// Contract: value i of a group depends on its global index alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rng/stream.hpp"

namespace pyinit::fill {

template <class S, class Draw>
class Groups {
 public:
  using Value = typename Draw::Value;
  static constexpr size_t kPerBlock = rng::kPerBlock<Value>;
  static constexpr size_t kPerGroup = S::kBlocks * kPerBlock;

  Groups(const Draw& draw, rng::Key key)
      : draw_(draw), keys_(key.seed), seed_(key.seed), offset_(key.offset) {}

  // `count` groups from group number `group` of the tensor.
  [[gnu::noinline]] void consecutive(uint64_t group, size_t count, Value* out) const {
    uint64_t block = offset_ + group * S::kBlocks;
    while (count > 0) {
      const uint64_t to_carry = (uint64_t{1} << 32) - static_cast<uint32_t>(block);
      const size_t near = to_carry / S::kBlocks < count ? to_carry / S::kBlocks : count;
      if (near == 0) {
        // The high counter word changes inside this group.
        uint64_t blocks[S::kBlocks];
        for (size_t k = 0; k < S::kBlocks; ++k) blocks[k] = block - offset_ + k;
        scattered(blocks, out);
      } else {
        sharing_high(block, near, out);
      }
      const size_t drawn = near > 0 ? near : 1;
      block += drawn * S::kBlocks;
      out += drawn * kPerGroup;
      count -= drawn;
    }
  }

  // One group, of any S::kBlocks blocks of the tensor.
  [[gnu::noinline]] void scattered(const uint64_t* blocks, Value* out) const {
    typename S::U64 counters[1] = {S::add(S::load_counters(blocks), S::all64(offset_))};
    rng::Words<S> words[1];
    rng::philox<S, 1>(counters, keys_, words);
    draw_(words[0], out);
  }

 private:
  // Groups whose blocks share the high word of their counters.
  [[gnu::always_inline]] void sharing_high(uint64_t block, size_t count, Value* out) const {
    const rng::SharedHigh<S> shared(static_cast<uint32_t>(block >> 32), seed_);
    for (; count >= S::kGroups; count -= S::kGroups) {
      at_once<S::kGroups>(block, shared, out);
      block += S::kGroups * S::kBlocks;
      out += S::kGroups * kPerGroup;
    }
    for (; count > 0; --count) {
      at_once<1>(block, shared, out);
      block += S::kBlocks;
      out += kPerGroup;
    }
  }

  // As many groups as keep the registers busy.
  template <int kCount>
  [[gnu::always_inline]] void at_once(uint64_t block, const rng::SharedHigh<S>& shared, Value* out) const {
    typename S::U64 counters[kCount];
    rng::Words<S> words[kCount];
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) {
      counters[g] = S::block_counters(block + static_cast<uint64_t>(g) * S::kBlocks);
    }
    rng::philox_shared<S, kCount>(counters, keys_, shared, words);
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) draw_(words[g], out + static_cast<size_t>(g) * kPerGroup);
  }

  Draw draw_;
  rng::PhiloxKeys<S> keys_;
  uint64_t seed_, offset_;
};

}  // namespace pyinit::fill
