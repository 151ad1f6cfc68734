// Asks for memory that is written soon.
// Why: a step of a staged draw stores in a burst, and a store that misses the cache waits for its line. Asked for
// while words are made, the line is there in time. 2^26 elements, one thread, AVX-512, nanoseconds an element:
// normal 0.79 -> 0.62 on a quiet machine and 1.07 -> 0.66 beside work, log-uniform 1.00 -> 0.65, normal in float16
// 0.73 -> 0.58. A draw that is made at once gains nothing: uniform 0.45 -> 0.47, beside work 0.56 -> 0.51.
// Contract: no byte changes, and any address may be given, such as one past the end of an output.
#pragma once

#include <cstddef>

#include "compiler.hpp"
#include "fill/line.hpp"
#include "simd/interface.hpp"

namespace pyinit::fill {

template <size_t kBytes>
PYINIT_INLINE void prefetch_to_write(const char* memory) {
  PYINIT_UNROLL(32)
  for (size_t byte = 0; byte < kBytes; byte += kLine) PYINIT_PREFETCH_TO_WRITE(memory + byte);
}

// What is asked for before `out` is written: nothing of what goes past the cache.
template <class Value>
PYINIT_INLINE const char* asked_for(const Value* out) {
  return reinterpret_cast<const char*>(out);
}
template <class Value>
PYINIT_INLINE const char* asked_for(simd::PastCache<Value>) {
  return nullptr;
}

}  // namespace pyinit::fill
