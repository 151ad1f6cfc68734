// Stream version 1: element index -> block and word. The only such mapping in the project.
//   block(b) = philox4x32-10(key = (lo seed, hi seed), counter = (lo(offset + b), hi(offset + b), 0, 0))
//   32-bit draws: element i is word i mod 4 of block i div 4.
//   64-bit draws: element i is (w0 << 32 | w1) for even i, (w2 << 32 | w3) for odd i, of block i div 2.
// Source: design of torch.func._random (PyTorch 2.14); checked by tests/stream/test_key.py.
#pragma once

#include <cstdint>

#include "rng/frozen.hpp"
#include "rng/numbers.hpp"
#include "rng/philox.hpp"

namespace pyinit::rng {

// The words of one block. S only names the translation unit: see isa/table.hpp.
template <class S>
PhiloxBlock block(Key key, uint64_t b) {
  const uint64_t counter = key.offset + b;
  return philox4x32<S>({{static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0}},
                       {{static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)}});
}

// The n-th part of a key.
template <class S>
Key fold_in(Key key, uint64_t n) {
  const PhiloxBlock w = block<S>(key, n);
  return {w[0] | uint64_t{w[1]} << 32, w[2] | uint64_t{w[3]} << 32};
}

}  // namespace pyinit::rng
