// Every operation of every instruction set against Scalar, and of a thread of a GPU, bit by bit.
#include <cstdio>
#include <string_view>

#include "dispatch.hpp"
#include "simd_comparison.hpp"
#include "simd_operations.hpp"

namespace {

using namespace pyinit::tests;

constexpr int kRounds = 4000;

Operations operations_of(std::string_view isa) {
  if (isa == "avx512") return avx512_operations();
  if (isa == "avx2") return avx2_operations();
  if (isa == "neon") return neon_operations();
  if (isa == "wasm") return wasm_operations();
  if (isa == "scalar") return scalar_operations();
  // a set without a line here has no operations, and fails
  return {};
}

// The operations of a set that differ from Scalar's.
int differences(const char* name, const Operations& found, const Operations& scalar, size_t expected) {
  if (count_of(found) != expected) {
    std::printf("%s: %zu operations, not %zu\n", name, count_of(found), expected);
    return 1;
  }
  int failures = 0;
  for (size_t k = 0; k < expected; ++k) {
    int wrong = 0;
    for (int round = 0; round < kRounds; ++round) {
      const Inputs in = drawn();
      unsigned char right[kBytes] = {}, made[kBytes] = {};
      operation(scalar, k).run(in, right);
      operation(found, k).run(in, made);
      wrong += !agree(operation(found, k).differ, made, right);
    }
    if (wrong == 0) continue;
    ++failures;
    std::printf("%s: %s differs from scalar in %d of %d vectors\n", name, operation(found, k).name, wrong,
                kRounds);
  }
  std::printf("%s: %zu operations\n", name, expected);
  return failures;
}

}  // namespace

int main() {
  const Operations scalar = scalar_operations();
  int failures = differences("cuda", cuda_operations(), scalar, scalar.drawing_count);
  failures += differences("wasm", wasm_operations(), scalar, count_of(scalar));
  for (const pyinit::Kernels* set : pyinit::available_kernels())
    failures += differences(set->name, operations_of(set->name), scalar, count_of(scalar));
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
