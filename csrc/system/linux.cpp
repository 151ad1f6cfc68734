// Linux: the mask of affinity and the quota of cgroups; transparent huge pages.
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "system/affinity.hpp"
#include "system/cgroup.hpp"
#include "system/system.hpp"

namespace pyinit::system {
namespace {

int affinity_cpus() {
  const int count = Affinity::of_this_thread().count();
  if (count > 0) return count;
  const unsigned processors = std::thread::hardware_concurrency();
  return processors > 0 ? static_cast<int>(processors) : 1;
}

// Returns whether the system says that it gives nobody huge pages; madvise succeeds all the same.
bool has_none() {
  char text[64] = {};
  const int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t length = read(file, text, sizeof(text) - 1);
  close(file);
  return length > 0 && std::strstr(text, "[never]") != nullptr;
}

}  // namespace

int usable_cpus() {
  static const int quota = quota_cpus("");
  const int cpus = affinity_cpus();
  return quota > 0 && quota < cpus ? quota : cpus;
}

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t huge_page_bytes() {
  static const bool none = has_none();
  return none ? 0 : size_t{2} << 20;
}

bool is_resident(uintptr_t page) {
  unsigned char resident = 0;
  return mincore(reinterpret_cast<void*>(page), page_bytes(), &resident) != 0 || (resident & 1) != 0;
}

bool ask_for_huge_pages(uintptr_t begin, size_t bytes) {
  return madvise(reinterpret_cast<void*>(begin), bytes, MADV_HUGEPAGE) == 0;
}

void supply_pages([[maybe_unused]] uintptr_t begin, [[maybe_unused]] size_t bytes) {
#if defined(MADV_POPULATE_WRITE)
  // Since Linux 5.14.
  (void)madvise(reinterpret_cast<void*>(begin), bytes, MADV_POPULATE_WRITE);
#endif
}

std::chrono::nanoseconds thread_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace pyinit::system
