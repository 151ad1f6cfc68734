// Every operation of every instruction set against Scalar, bit by bit.
#include <cstdio>
#include <string>

#include "dispatch.hpp"
#include "simd_comparison.hpp"
#include "simd_operations.hpp"

namespace {

using namespace pyinit::tests;

constexpr int kRounds = 4000;

Operations operations_of(const std::string& isa) {
  if (isa == "avx512") return avx512_operations();
  if (isa == "avx2") return avx2_operations();
  if (isa == "neon") return neon_operations();
  return scalar_operations();
}

}  // namespace

int main() {
  const Operations scalar = scalar_operations();
  int failures = 0;
  for (const std::string& isa : pyinit::available_isas()) {
    const Operations found = operations_of(isa);
    if (found.count != scalar.count) {
      std::printf("%s: %zu operations, not %zu\n", isa.c_str(), found.count, scalar.count);
      ++failures;
      continue;
    }
    for (size_t k = 0; k < found.count; ++k) {
      const Operation& operation = found.begin[k];
      int wrong = 0;
      for (int round = 0; round < kRounds; ++round) {
        const Inputs in = drawn();
        unsigned char expected[kBytes] = {}, made[kBytes] = {};
        scalar.begin[k].run(in, expected);
        operation.run(in, made);
        wrong += !agree(operation.differ, made, expected);
      }
      if (wrong == 0) continue;
      ++failures;
      std::printf("%s: %s differs from scalar in %d of %d vectors\n", isa.c_str(), operation.name, wrong,
                  kRounds);
    }
    std::printf("%s: %zu operations\n", isa.c_str(), found.count);
  }
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
