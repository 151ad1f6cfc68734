// A draw made at once: the words of a group become values in registers, and only values go to memory.
// Why beside staged.hpp: the shortest way, and the fastest one where values take little more than words.
#pragma once

#include <cstddef>

#include "compiler.hpp"
#include "fill/prefetch.hpp"
#include "rng/stream.hpp"

namespace pyinit::fill {

template <class S, class Draw>
class Direct {
 public:
  using Value = typename Draw::Value;
  using WordSet = S;
  // Blocks that are read past the last group.
  static constexpr size_t kBlocksAhead = 0;

  explicit Direct(const Draw& draw) : draw_(draw) {}

  // `count` groups of values. As many bytes from `soon` on are written soon, if it is no null pointer: `out` itself
  // need not be asked for, as its stores are spread over the work.
  template <class Blocks, class To>
  PYINIT_INLINE void operator()(const Blocks& blocks, size_t count, To out, const char* soon) const {
    size_t group = 0;
    for (; group + S::kGroups <= count; group += S::kGroups) at_once<S::kGroups>(blocks, group, out, soon);
    for (; group < count; ++group) at_once<1>(blocks, group, out, soon);
  }

 private:
  static constexpr size_t kPerGroup = S::kBlocks * rng::kPerBlock<Value>;

  // As many groups as keep the registers busy.
  template <int kCount, class Blocks, class To>
  PYINIT_INLINE void at_once(const Blocks& blocks, size_t group, To out, const char* soon) const {
    rng::Words<S> words[kCount];
    blocks.words(group * S::kBlocks, words);
    if (soon != nullptr)
      prefetch_to_write<kCount * kPerGroup * sizeof(Value)>(soon + group * kPerGroup * sizeof(Value));
    PYINIT_UNROLL(8)
    for (int g = 0; g < kCount; ++g) draw_(words[g], out + (group + static_cast<size_t>(g)) * kPerGroup);
  }

  Draw draw_;
};

}  // namespace pyinit::fill
