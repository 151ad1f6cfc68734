#include "dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pyinit {
namespace {

#if defined(__x86_64__)
bool runs_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
// Clang's __builtin_cpu_supports does not know "f16c".
bool runs_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
bool runs_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && runs_f16c(); }
#else
bool runs_avx512() { return false; }
bool runs_avx2() { return false; }
#endif

std::vector<const fill::Kernels*> available() {
  std::vector<const fill::Kernels*> found;
  const auto add = [&](const fill::Kernels* kernels, bool runs) {
    if (kernels != nullptr && runs) found.push_back(kernels);
  };
  add(fill::avx512_kernels(), runs_avx512());
  add(fill::avx2_kernels(), runs_avx2());
  add(fill::neon_kernels(), true);
  add(fill::scalar_kernels(), true);
  return found;
}

const fill::Kernels* find(std::string_view name) {
  std::string known;
  for (const fill::Kernels* kernels : available()) {
    if (kernels->name == name) return kernels;
    known += (known.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw std::invalid_argument("an instruction set must be one of " + known + " on this machine; got " +
                              std::string(name) + ". Unset PYINIT_ISA, or name one of them.");
}

std::atomic<const fill::Kernels*> active{nullptr};

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const fill::Kernels* kernels : available()) names.emplace_back(kernels->name);
  return names;
}

const fill::Kernels& active_kernels() {
  const fill::Kernels* kernels = active.load(std::memory_order_acquire);
  if (kernels == nullptr) {
    const char* forced = std::getenv("PYINIT_ISA");
    kernels = forced != nullptr && *forced != '\0' ? find(forced) : available().front();
    active.store(kernels, std::memory_order_release);
  }
  return *kernels;
}

std::string use_isa(std::string_view name) {
  const std::string previous = active_kernels().name;
  active.store(find(name), std::memory_order_release);
  return previous;
}

}  // namespace pyinit
