#include "threads.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "cgroup.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

namespace pyinit {
namespace {

int affinity_cpus() {
#if defined(__linux__)
  // The kernel's mask may be wider than cpu_set_t's 1024: widen until it fits.
  for (int cpus = CPU_SETSIZE; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(cpus));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  const unsigned count = std::thread::hardware_concurrency();
  return count > 0 ? static_cast<int>(count) : 1;
}

}  // namespace

int usable_cpus() {
  static const int quota = quota_cpus("");
  const int cpus = affinity_cpus();
  return std::min(quota > 0 && quota < cpus ? quota : cpus, kMostThreads);
}

int environment_threads() {
  const char* variable = std::getenv("PYINIT_NUM_THREADS");
  const std::string_view text = variable == nullptr ? "" : variable;
  if (text.empty()) return 0;
  int wanted = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') {
      wanted = 0;
      break;
    }
    wanted = std::min(10 * wanted + (digit - '0'), kMostThreads);
  }
  if (wanted > 0) return wanted;
  throw std::invalid_argument("PYINIT_NUM_THREADS must be a positive integer; got " + std::string(text) +
                              ". Unset it for all CPUs.");
}

int default_threads() {
  const int wanted = environment_threads();
  return wanted > 0 ? wanted : usable_cpus();
}

}  // namespace pyinit
