// The 32-bit draws themselves, carried as the bits of floats.
// Why: masks compare draws with a threshold of 32 bits, more than a float32 uniform keeps.
// Contract: bit-equal to the stream. Checked by tests/kernels/test_sparse.py.
#pragma once

#include "rng/stream.hpp"

namespace pyinit::rng {

template <class S>
class Bits {
 public:
  using Value = float;

  [[gnu::always_inline]] void operator()(const Words<S>& words, float* out) const {
    const auto words01 = S::pair32(words.w0, words.w1);
    const auto words23 = S::pair32(words.w2, words.w3);
    S::store(out, S::as_float(S::in_order(0, words01, words23)));
    S::store(out + S::kLanes, S::as_float(S::in_order(1, words01, words23)));
  }
};

}  // namespace pyinit::rng
