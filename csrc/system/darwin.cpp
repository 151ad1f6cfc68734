// macOS: no affinity and no quota that a process could read, and no huge pages for memory that exists already.
#include <sys/sysctl.h>
#include <time.h>
#include <unistd.h>

#include "system/system.hpp"

namespace pyinit::system {

int usable_cpus() {
  // Those that power management leaves on.
  int cpus = 0;
  size_t bytes = sizeof(cpus);
  return sysctlbyname("hw.activecpu", &cpus, &bytes, nullptr, 0) == 0 && cpus > 0 ? cpus : 1;
}

size_t page_bytes() { return static_cast<size_t>(getpagesize()); }

size_t huge_page_bytes() { return 0; }

// mincore answers for the pages of the whole object, not for who asks.
bool is_resident(uintptr_t) { return true; }

bool ask_for_huge_pages(uintptr_t, size_t) { return false; }

void supply_pages(uintptr_t, size_t) {}

std::chrono::nanoseconds thread_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace pyinit::system
