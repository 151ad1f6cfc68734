#include "dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "fill/self_check.hpp"

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

// Null where the build has none.
const fill::Kernels* kernels_of(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return fill::avx512_kernels();
    case Isa::kAvx2:
      return fill::avx2_kernels();
    case Isa::kNeon:
      return fill::neon_kernels();
    case Isa::kScalar:
      break;
  }
  return fill::scalar_kernels();
}

std::vector<Isa> available() {
  std::vector<Isa> found;
  const auto add = [&](Isa isa, bool runs) {
    if (kernels_of(isa) != nullptr && runs) found.push_back(isa);
  };
  add(Isa::kAvx512, runs_avx512());
  add(Isa::kAvx2, runs_avx2());
  add(Isa::kNeon, true);
  add(Isa::kScalar, true);
  return found;
}

Isa find(std::string_view name) {
  std::string known;
  for (const std::string& isa : available_isas()) known += (known.empty() ? "" : ", ") + isa;
  for (const Isa isa : available()) {
    if (kernels_of(isa)->name == name) return isa;
  }
  throw std::invalid_argument("an instruction set must be one of " + known + " on this machine; got " +
                              std::string(name) + ". Unset PYINIT_ISA, or name one of them.");
}

constexpr int kUndecided = -1;
std::atomic<int> active{kUndecided};

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa isa : available()) names.emplace_back(kernels_of(isa)->name);
  return names;
}

Isa active_isa() {
  int isa = active.load(std::memory_order_relaxed);
  if (isa == kUndecided) {
    const char* forced = std::getenv("PYINIT_ISA");
    isa = static_cast<int>(forced != nullptr && *forced != '\0' ? find(forced) : available().front());
    active.store(isa, std::memory_order_relaxed);
  }
  return static_cast<Isa>(isa);
}

const fill::Kernels& active_kernels() { return *kernels_of(active_isa()); }

void check_arithmetic() {
  for (const Isa isa : available()) {
    const fill::Kernels& kernels = *kernels_of(isa);
    if (fill::self_check(kernels) == fill::kSelfCheck) continue;
    throw std::runtime_error(
        "pyinit's kernels must make the bits of stream version 1; this build's for " +
        std::string(kernels.name) +
        " make others: its compiler changed the arithmetic. Build it without -ffast-math and "
        "options like it in CXXFLAGS, or with another compiler.");
  }
}

std::string use_isa(std::string_view name) {
  const std::string previous = active_kernels().name;
  active.store(static_cast<int>(find(name)), std::memory_order_relaxed);
  return previous;
}

}  // namespace pyinit
