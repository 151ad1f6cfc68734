// One line of bytes, written again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "fill/line.hpp"

namespace pyinit::fill {

// Whole lines of `out` are written at once, past the cache where `stream` is set.
template <class S>
void repeat(const void* line, void* out, size_t bytes, bool stream) {
  // Twice the line, so that it can be read from wherever the first whole line of `out` begins.
  alignas(kLine) char pattern[2 * kLine];
  std::memcpy(pattern, line, kLine);
  std::memcpy(pattern + kLine, line, kLine);
  auto* to = static_cast<char*>(out);
  const size_t to_line = (kLine - reinterpret_cast<uintptr_t>(to) % kLine) % kLine;
  const size_t head = to_line < bytes ? to_line : bytes;
  std::memcpy(to, pattern, head);
  const char* turned = pattern + head % kLine;
  size_t done = head;
  if (stream) {
    for (; done + kLine <= bytes; done += kLine) S::stream_line(to + done, turned);
    S::stream_fence();
  } else {
    for (; done + kLine <= bytes; done += kLine) std::memcpy(to + done, turned, kLine);
  }
  std::memcpy(to + done, turned, bytes - done);
}

}  // namespace pyinit::fill
