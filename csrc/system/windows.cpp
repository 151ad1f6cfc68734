// Windows: the mask of affinity and the job's hard cap, as containers set it; large pages need a privilege that
// nobody has by default.
#define NOMINMAX
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <bit>

#include "system/system.hpp"

namespace pyinit::system {
namespace {

int affinity_cpus() {
  const auto everywhere = static_cast<int>(GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
  DWORD_PTR process = 0, machine = 0;
  // The masks are of one group of up to 64 CPUs. They are 0 where the process has threads in several groups, and
  // equal where nobody has narrowed it: since Windows 11 its threads then use all groups.
  if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &machine)) return everywhere;
  return process == 0 || process == machine ? everywhere : std::popcount(process);
}

// The CPUs that the job's hard cap amounts to, rounded up; 0 without one.
int capped_cpus() {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate = {};
  if (!QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &rate, sizeof(rate), nullptr))
    return 0;
  constexpr DWORD kHard = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
  if ((rate.ControlFlags & kHard) != kHard) return 0;
  // In ten-thousandths of the whole machine.
  constexpr DWORD kWhole = 10000;
  const DWORD machine = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return static_cast<int>((rate.CpuRate * machine + kWhole - 1) / kWhole);
}

}  // namespace

int usable_cpus() {
  const int cap = capped_cpus();
  const int cpus = affinity_cpus();
  const int usable = cap > 0 && cap < cpus ? cap : cpus;
  return usable > 0 ? usable : 1;
}

size_t page_bytes() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

size_t huge_page_bytes() { return 0; }

bool is_resident(uintptr_t) { return true; }

bool ask_for_huge_pages(uintptr_t, size_t) { return false; }

void supply_pages(uintptr_t, size_t) {}

std::chrono::nanoseconds thread_time() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace pyinit::system
