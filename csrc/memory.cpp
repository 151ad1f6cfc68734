#include "memory.hpp"

#include <algorithm>
#include <cstdint>

#include "system/system.hpp"

namespace pyinit {
namespace {

// What the 512 small pages of a huge one take to be touched.
constexpr std::chrono::microseconds kSlow{1000};
HugePageJudge judge;

// Whether the system is slow to supply a huge page. A virtual machine that gives free blocks back to its host
// has to ask for them again: that took 6 ms a page, 20 times its clearing, where small pages came from what
// was in use a moment ago.
bool is_slow(uintptr_t page) {
  const auto start = system::thread_time();
  // A write that changes nothing, and that no compiler leaves out.
  auto* const byte = reinterpret_cast<volatile unsigned char*>(page);
  *byte = *byte;
  return system::thread_time() - start > kSlow;
}

}  // namespace

Pages advise_huge_pages(void* out, size_t bytes) {
  // NumPy asks from 4 MiB up; below, a fault or two are not worth a system call.
  constexpr size_t kWorthIt = size_t{4} << 20;
  constexpr int kSamples = 8;
  if (bytes < kWorthIt) return Pages::kAsTheyAre;
  const uintptr_t page = system::page_bytes();
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(out) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(out) + bytes) / page * page;
  for (int k = 0; k < kSamples; ++k) {
    // The ends of a block are often touched by the allocator's own records: look between.
    const uintptr_t probe =
        begin + (end - begin) / kSamples * static_cast<uintptr_t>(k) + (end - begin) / kSamples / 2;
    if (system::is_resident(probe / page * page)) return Pages::kAsTheyAre;
  }
  const uintptr_t huge = system::huge_page_bytes();
  if (huge == 0 || judge.goes_without(bytes)) return Pages::kSmall;
  const uintptr_t first = (begin + huge - 1) / huge * huge;
  // The host of a virtual machine may take a moment from any one page: two have to be slow.
  const uintptr_t pages = std::min<uintptr_t>((end - first) / huge, 2);
  if (!system::ask_for_huge_pages(first, pages * huge)) return Pages::kSmall;
  bool slow = true;
  for (uintptr_t k = 0; slow && k < pages; ++k) slow = is_slow(first + k * huge);
  judge.note(slow);
  if (slow) return Pages::kSmall;
  // A refusal changes the speed only.
  (void)system::ask_for_huge_pages(begin, end - begin);
  return Pages::kHuge;
}

void supply(void* out, size_t bytes) {
  const uintptr_t page = system::page_bytes();
  const uintptr_t begin = reinterpret_cast<uintptr_t>(out) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(out) + bytes + page - 1) / page * page;
  system::supply_pages(begin, end - begin);
}

}  // namespace pyinit
