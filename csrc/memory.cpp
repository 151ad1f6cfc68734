#include "memory.hpp"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace pyinit {

void advise_huge_pages([[maybe_unused]] void* out, [[maybe_unused]] size_t bytes) {
#if defined(__linux__)
  // NumPy asks from 4 MiB up; below, a fault or two are not worth a system call.
  constexpr size_t kWorthIt = size_t{4} << 20;
  constexpr int kSamples = 8;
  if (bytes < kWorthIt) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(out) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(out) + bytes) / page * page;
  for (int k = 0; k < kSamples; ++k) {
    // The ends of a block are often touched by the allocator's own records: look between.
    const uintptr_t probe =
        begin + (end - begin) / kSamples * static_cast<uintptr_t>(k) + (end - begin) / kSamples / 2;
    unsigned char resident = 0;
    if (mincore(reinterpret_cast<void*>(probe / page * page), page, &resident) != 0 || (resident & 1) != 0)
      return;
  }
  // A refusal changes the speed only.
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace pyinit
