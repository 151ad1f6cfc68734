// The 32-bit draws themselves.
// Why: masks compare draws with a threshold of 32 bits, more than a float32 uniform keeps; sequential
// generators hand the words on.
// Contract: bit-equal to the stream. Checked by tests/kernels/test_sparse.py and csrc/tests/sequence.cpp.
#pragma once

#include "compiler.hpp"
#include "rng/stream.hpp"

namespace pyinit::rng {

template <class S>
class Bits {
 public:
  using Value = uint32_t;

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const auto words01 = S::pair32(words.w0, words.w1);
    const auto words23 = S::pair32(words.w2, words.w3);
    S::store(out, S::in_order(0, words01, words23));
    S::store(out + S::kLanes, S::in_order(1, words01, words23));
  }
};

}  // namespace pyinit::rng
