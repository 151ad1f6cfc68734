#include "memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#endif

namespace pyinit {
#if defined(__linux__)
namespace {

constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
// What the 512 small pages of a huge one take to be touched.
constexpr std::chrono::microseconds kSlow{1000};
HugePageJudge judge;

// Returns whether the system says that it gives nobody huge pages; madvise succeeds all the same.
bool has_none() {
  char text[64] = {};
  const int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t length = read(file, text, sizeof(text) - 1);
  close(file);
  return length > 0 && std::strstr(text, "[never]") != nullptr;
}

// Whether the system is slow to supply a huge page. A virtual machine that gives free blocks back to its host
// has to ask for them again: that took 6 ms a page, 20 times its clearing, where small pages came from what
// was in use a moment ago.
bool is_slow(uintptr_t page) {
  const auto start = thread_time();
  // A write that changes nothing, and that no compiler leaves out.
  auto* const byte = reinterpret_cast<volatile unsigned char*>(page);
  *byte = *byte;
  return thread_time() - start > kSlow;
}

}  // namespace
#endif

std::chrono::nanoseconds thread_time() {
#if defined(__linux__)
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
#else
  return std::chrono::steady_clock::now().time_since_epoch();
#endif
}

Pages advise_huge_pages([[maybe_unused]] void* out, [[maybe_unused]] size_t bytes) {
#if defined(__linux__)
  // NumPy asks from 4 MiB up; below, a fault or two are not worth a system call.
  constexpr size_t kWorthIt = size_t{4} << 20;
  constexpr int kSamples = 8;
  if (bytes < kWorthIt) return Pages::kAsTheyAre;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(out) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(out) + bytes) / page * page;
  for (int k = 0; k < kSamples; ++k) {
    // The ends of a block are often touched by the allocator's own records: look between.
    const uintptr_t probe =
        begin + (end - begin) / kSamples * static_cast<uintptr_t>(k) + (end - begin) / kSamples / 2;
    unsigned char resident = 0;
    if (mincore(reinterpret_cast<void*>(probe / page * page), page, &resident) != 0 || (resident & 1) != 0)
      return Pages::kAsTheyAre;
  }
  static const bool none = has_none();
  if (none || judge.goes_without(bytes)) return Pages::kSmall;
  const uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  // The host of a virtual machine may take a moment from any one page: two have to be slow.
  const uintptr_t pages = std::min<uintptr_t>((end - first) / kHugePage, 2);
  if (madvise(reinterpret_cast<void*>(first), pages * kHugePage, MADV_HUGEPAGE) != 0) return Pages::kSmall;
  bool slow = true;
  for (uintptr_t k = 0; slow && k < pages; ++k) slow = is_slow(first + k * kHugePage);
  judge.note(slow);
  if (slow) return Pages::kSmall;
  // A refusal changes the speed only.
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  return Pages::kHuge;
#else
  return Pages::kAsTheyAre;
#endif
}

void supply([[maybe_unused]] void* out, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_POPULATE_WRITE)
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(out) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(out) + bytes + page - 1) / page * page;
  // A refusal (before Linux 5.14) changes the speed only.
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE);
#endif
}

}  // namespace pyinit
