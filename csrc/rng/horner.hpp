// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule, each step one fma.
// Why not in pairs, as probe/pairs.hpp: one multiplication fewer. The two round differently, so each is part
// of its callers' bits.
#pragma once

#include <cstddef>

#include "compiler.hpp"

namespace pyinit::rng {

template <class S, class Vector, class Value, size_t kCount>
PYINIT_INLINE Vector horner(Vector x, const Value (&c)[kCount]) {
  Vector sum = S::all(c[kCount - 1]);
  PYINIT_UNROLL(16)
  for (size_t k = kCount - 1; k > 0; --k) sum = S::fma(sum, x, S::all(c[k - 1]));
  return sum;
}

}  // namespace pyinit::rng
