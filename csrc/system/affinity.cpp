#include "system/affinity.hpp"

#include <bit>
#include <cstring>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pyinit {

Affinity Affinity::of_this_thread() noexcept {
  Affinity affinity;
#if defined(__linux__)
  // Not the library's function, which clears all that the kernel does not write.
  const long written = syscall(SYS_sched_getaffinity, 0, sizeof(affinity.mask_), affinity.mask_);
  if (written > 0) affinity.bytes_ = static_cast<size_t>(written);
#endif
  return affinity;
}

int Affinity::count() const noexcept {
  int count = 0;
  for (size_t i = 0; i < bytes_; ++i) count += std::popcount(mask_[i]);
  return count;
}

int Affinity::cpu_of_this_thread() noexcept {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

Affinity Affinity::without(int cpu) const noexcept {
  Affinity rest = *this;
  // As the kernel counts CPUs: from the lowest bit of the first word.
  using Word = unsigned long;
  constexpr size_t kBits = 8 * sizeof(Word);
  const size_t at = static_cast<size_t>(cpu) / kBits * sizeof(Word);
  if (cpu < 0 || at + sizeof(Word) > bytes_) return rest;
  Word word;
  std::memcpy(&word, rest.mask_ + at, sizeof(word));
  word &= ~(Word{1} << static_cast<size_t>(cpu) % kBits);
  std::memcpy(rest.mask_ + at, &word, sizeof(word));
  return rest.count() > 0 ? rest : *this;
}

void Affinity::give_to([[maybe_unused]] std::thread& thread) const noexcept {
#if defined(__linux__)
  // A set that has no usable CPU any more is refused, and the thread stays where it was.
  if (bytes_ > 0) {
    cpu_set_t set[kMostBytes / sizeof(cpu_set_t)];
    std::memcpy(set, mask_, bytes_);
#if defined(__ANDROID__)
    // Its library has the other function only since version 36.
    sched_setaffinity(pthread_gettid_np(thread.native_handle()), bytes_, set);
#else
    pthread_setaffinity_np(thread.native_handle(), bytes_, set);
#endif
  }
#endif
}

bool Affinity::operator==(const Affinity& other) const noexcept {
  return bytes_ == other.bytes_ && std::memcmp(mask_, other.mask_, bytes_) == 0;
}

}  // namespace pyinit
