// The Philox blocks that a fill asks for, as the words of a few groups at a time: blocks that follow each
// other, or any. A group is S::kBlocks blocks; blocks are counted from the first one asked for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"
#include "rng/stream.hpp"

namespace pyinit::fill {

// The blocks from counter `first` on, whose counters share their high word.
template <class S>
class BlocksInOrder {
 public:
  BlocksInOrder(uint64_t first, uint64_t seed, const rng::PhiloxKeys<S>& keys)
      : first_(first), shared_(static_cast<uint32_t>(first >> 32), seed), keys_(keys) {}

  // The same from block `block` on.
  BlocksInOrder from(size_t block) const {
    BlocksInOrder later = *this;
    later.first_ += block;
    return later;
  }

  // The words of kCount groups, from block `block` on.
  template <int kCount>
  PYINIT_INLINE void words(size_t block, rng::Words<S> (&out)[kCount]) const {
    typename S::U64 counters[kCount];
    PYINIT_UNROLL(8)
    for (int g = 0; g < kCount; ++g)
      counters[g] = S::block_counters(first_ + block + static_cast<size_t>(g) * S::kBlocks);
    rng::philox_shared<S, kCount>(counters, keys_, shared_, out);
  }

 private:
  uint64_t first_;
  rng::SharedHigh<S> shared_;
  const rng::PhiloxKeys<S>& keys_;
};

// The blocks whose numbers, without the key's offset, lie in memory.
template <class S>
class AnyBlocks {
 public:
  AnyBlocks(const uint64_t* blocks, uint64_t offset, const rng::PhiloxKeys<S>& keys)
      : blocks_(blocks), offset_(offset), keys_(keys) {}

  AnyBlocks from(size_t block) const {
    AnyBlocks later = *this;
    later.blocks_ += block;
    return later;
  }

  template <int kCount>
  PYINIT_INLINE void words(size_t block, rng::Words<S> (&out)[kCount]) const {
    typename S::U64 counters[kCount];
    PYINIT_UNROLL(8)
    for (int g = 0; g < kCount; ++g) {
      const uint64_t* from = blocks_ + block + static_cast<size_t>(g) * S::kBlocks;
      counters[g] = S::add(S::load_counters(from), S::all64(offset_));
    }
    rng::philox<S, kCount>(counters, keys_, out);
  }

 private:
  const uint64_t* blocks_;
  uint64_t offset_;
  const rng::PhiloxKeys<S>& keys_;
};

}  // namespace pyinit::fill
