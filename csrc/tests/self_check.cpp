// The self-check: every instruction set passes it, and kernels whose compiler contracts products and sums do
// not.
#include "fill/self_check.hpp"

#include <cinttypes>
#include <cstdio>
#include <stdexcept>

#include "dispatch.hpp"

namespace pyinit {
// Of contracted.cpp.
const fill::Kernels& contracted_kernels();
}  // namespace pyinit

int main() {
  using namespace pyinit;
  int failures = 0;
  for (const Kernels* kernels : available_kernels()) {
    const uint64_t found = fill::self_check(kernels->fill);
    if (found == fill::kSelfCheck) continue;
    ++failures;
    std::printf("%s makes %016" PRIX64 "\n", kernels->name, found);
  }
  try {
    check_arithmetic();
  } catch (const std::runtime_error& error) {
    ++failures;
    std::printf("%s\n", error.what());
  }
  // Scalar alone: the CPU has no such instruction.
  if (available_kernels().size() > 1 && fill::self_check(contracted_kernels()) == fill::kSelfCheck) {
    ++failures;
    std::printf("contracted kernels pass\n");
  }
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
