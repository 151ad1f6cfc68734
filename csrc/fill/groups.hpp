// Whole groups of values, in the stream's order: blocks of the stream -> values (rng/) -> memory.
// Why apart from filler.hpp: this is all that depends on the distribution, and it is compiled once for every
// output type.
// Contract: value i of a group depends on its global index alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"
#include "fill/blocks.hpp"
#include "fill/direct.hpp"
#include "fill/staged.hpp"
#include "rng/stream.hpp"

namespace pyinit::fill {

template <class S, class Draw>
class Groups {
  // At once, or in stages.
  using Loop = LoopOf<S, Draw>;
  using WordSet = typename Loop::WordSet;

 public:
  using Value = typename Draw::Value;
  static constexpr size_t kBlocks = S::kBlocks;
  static constexpr size_t kPerBlock = rng::kPerBlock<Value>;
  static constexpr size_t kPerGroup = S::kBlocks * kPerBlock;
  // How many block numbers `scattered` reads past those of the last group; what they are does not matter.
  static constexpr size_t kBlocksAhead = Loop::kBlocksAhead;

  Groups(const Draw& draw, rng::Key key)
      : loop_(draw), keys_(key.seed), seed_(key.seed), offset_(key.offset) {}

  // `count` groups from block number `first` of the tensor on, to a pointer or past the cache. As many bytes
  // from `soon` on are written soon; a null pointer is `out`.
  template <class To>
  PYINIT_NOINLINE void consecutive(uint64_t first, size_t count, To out, const char* soon = nullptr) const {
    uint64_t block = offset_ + first;
    while (count > 0) {
      const uint64_t to_carry = (uint64_t{1} << 32) - static_cast<uint32_t>(block);
      const size_t near = to_carry / S::kBlocks < count ? to_carry / S::kBlocks : count;
      if (near == 0) {
        // The high counter word changes inside this group.
        uint64_t blocks[S::kBlocks + kBlocksAhead] = {};
        for (size_t k = 0; k < S::kBlocks; ++k) blocks[k] = block - offset_ + k;
        scattered(blocks, 1, simd::address(out));
      } else {
        loop_(BlocksInOrder<WordSet>(block, seed_, keys_), near, out, soon);
      }
      const size_t drawn = near > 0 ? near : 1;
      block += drawn * S::kBlocks;
      out = out + drawn * kPerGroup;
      if (soon != nullptr) soon += drawn * kPerGroup * sizeof(Value);
      count -= drawn;
    }
  }

  // `count` groups, of any blocks of the tensor: S::kBlocks numbers for each.
  PYINIT_NOINLINE void scattered(const uint64_t* blocks, size_t count, Value* out) const {
    loop_(AnyBlocks<WordSet>(blocks, offset_, keys_), count, out, nullptr);
  }

 private:
  Loop loop_;
  rng::PhiloxKeys<WordSet> keys_;
  uint64_t seed_, offset_;
};

}  // namespace pyinit::fill
