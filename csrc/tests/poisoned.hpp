// Memory that holds NaN from the start, on a border: what reads it before it is written shows. Fresh pages are
// zero and would hide it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#if defined(_WIN32)
#include <malloc.h>
#endif

namespace pyinit::tests {

inline void* poisoned(size_t bytes, size_t border) {
  // aligned_alloc takes multiples only, and Windows has none.
#if defined(_WIN32)
  void* memory = _aligned_malloc(bytes, border);
#else
  void* memory = std::aligned_alloc(border, (bytes + border - 1) / border * border);
#endif
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0xFF, bytes);
  return memory;
}

inline void release(void* memory) noexcept {
#if defined(_WIN32)
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

}  // namespace pyinit::tests
