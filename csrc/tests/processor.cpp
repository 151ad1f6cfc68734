// What the processor is said to run is what the compiler's own library says.
#include "processor.hpp"

#include <cstdio>

int main() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  const bool avx2 = pyinit::runs_avx2(), avx512 = pyinit::runs_avx512();
#endif
  std::printf("avx2 %d, expected %d; avx512 %d, expected %d\n", pyinit::runs_avx2(), avx2,
              pyinit::runs_avx512(), avx512);
  const bool is_nested = pyinit::runs_avx2() || !pyinit::runs_avx512();
  return pyinit::runs_avx2() == avx2 && pyinit::runs_avx512() == avx512 && is_nested ? 0 : 1;
}
