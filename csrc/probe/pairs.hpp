// c[0] + c[1] x + ... by pairs: (c[0] + c[1] x) + x^2 ((c[2] + c[3] x) + x^2 (...)), each step one fma.
// Why not rng/horner.hpp: the chain of dependent operations is half as long, for one multiplication more, and
// activations are limited by the length of their chains. The two round differently, so each is part of its
// callers' bits.
#pragma once

#include <cstddef>

namespace pyinit::probe {

template <class S, size_t kCount>
[[gnu::always_inline]] inline typename S::F32 pairs(typename S::F32 x, typename S::F32 square,
                                                    const float (&c)[kCount]) {
  const auto pair = [&](size_t k) {
    return k + 1 < kCount ? S::fma(x, S::all(c[k + 1]), S::all(c[k])) : S::all(c[k]);
  };
  size_t k = (kCount - 1) / 2 * 2;
  auto sum = pair(k);
#pragma GCC unroll 16
  while (k > 0) {
    k -= 2;
    sum = S::fma(sum, square, pair(k));
  }
  return sum;
}

}  // namespace pyinit::probe
