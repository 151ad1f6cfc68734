#include "parallel.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

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

// CPUs the cgroup's quota amounts to, rounded up; 0 without a quota. Version 2, then version 1.
int quota_cpus() {
  std::string quota, period;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file >> quota >> period && quota != "max") {
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  const long long q = std::atoll(quota.c_str());
  const long long p = std::atoll(period.c_str());
  return q > 0 && p > 0 ? static_cast<int>((q + p - 1) / p) : 0;
}

}  // namespace

int default_threads() {
  const char* text = std::getenv("PYINIT_NUM_THREADS");
  if (text != nullptr && *text != '\0') {
    int wanted = 0;
    const auto [end, error] = std::from_chars(text, text + std::strlen(text), wanted);
    if (error == std::errc{} && *end == '\0' && wanted > 0) return wanted;
    throw std::invalid_argument("PYINIT_NUM_THREADS must be a positive integer; got " + std::string(text) +
                                ". Unset it for all CPUs.");
  }
  static const int quota = quota_cpus();
  const int cpus = affinity_cpus();
  return quota > 0 && quota < cpus ? quota : cpus;
}

}  // namespace pyinit
