#include "dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "fill/self_check.hpp"
#include "processor.hpp"

namespace pyinit {
namespace {

// Every instruction set there is, widest first. A new one is a line here.
struct Candidate {
  const Kernels* (*kernels)();
  bool (*runs)();
};
constexpr Candidate kCandidates[] = {
    {avx512_kernels, runs_avx512},         {avx2_kernels, runs_avx2},
    {neon_kernels, [] { return true; }},   {wasm_kernels, [] { return true; }},
    {scalar_kernels, [] { return true; }},
};

const Kernels& named(std::string_view name) {
  std::string known;
  for (const Kernels* kernels : available_kernels()) {
    if (kernels->name == name) return *kernels;
    known += (known.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw std::invalid_argument("an instruction set must be one of " + known + " on this machine; got " +
                              std::string(name) + ". Unset PYINIT_ISA, or name one of them.");
}

// Null until the first call of active_kernels.
std::atomic<const Kernels*> active{nullptr};

}  // namespace

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> found;
  for (const Candidate& candidate : kCandidates) {
    if (candidate.kernels() != nullptr && candidate.runs()) found.push_back(candidate.kernels());
  }
  return found;
}

const Kernels& active_kernels() {
  const Kernels* kernels = active.load(std::memory_order_relaxed);
  if (kernels == nullptr) {
    const char* forced = std::getenv("PYINIT_ISA");
    kernels = forced != nullptr && *forced != '\0' ? &named(forced) : available_kernels().front();
    active.store(kernels, std::memory_order_relaxed);
  }
  return *kernels;
}

void check_arithmetic() {
  for (const Kernels* kernels : available_kernels()) {
    if (fill::self_check(kernels->fill) == fill::kSelfCheck) continue;
    throw std::runtime_error(
        "pyinit's kernels must make the bits of stream version 1; this build's for " +
        std::string(kernels->name) +
        " make others: its compiler changed the arithmetic. Build it without -ffast-math and "
        "options like it in CXXFLAGS, or with another compiler.");
  }
}

std::string use_isa(std::string_view name) {
  const std::string previous = active_kernels().name;
  active.store(&named(name), std::memory_order_relaxed);
  return previous;
}

}  // namespace pyinit
