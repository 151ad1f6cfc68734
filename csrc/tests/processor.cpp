// What the processor is said to run is what Linux or Windows says, elsewhere what the compiler's own library says.
// Why not the library everywhere: that of Zig 0.17 knows no features.
#include "processor.hpp"

#include <cstdio>
#include <initializer_list>
#include <string>

#if defined(__linux__)
#include <fstream>
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

namespace {

#if defined(__x86_64__) && defined(__linux__)
// Returns whether /proc/cpuinfo lists all of these features.
bool has(std::initializer_list<const char*> features) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && line.rfind("flags", 0) != 0) {
  }
  line += ' ';
  for (const char* feature : features) {
    if (line.find(' ' + std::string(feature) + ' ') == std::string::npos) return false;
  }
  return true;
}
#endif

}  // namespace

int main() {
#if defined(__x86_64__) && defined(__linux__)
  const bool avx2 = has({"avx2", "fma", "f16c"});
  const bool avx512 = avx2 && has({"avx512f", "avx512dq", "avx512bw", "avx512vl"});
#elif defined(__x86_64__) && defined(_WIN32)
  // PF_AVX2_INSTRUCTIONS_AVAILABLE, which headers of MinGW may lack. Wine 8.0 says nothing of AVX-512.
  const bool avx2 = IsProcessorFeaturePresent(40) != 0, avx512 = pyinit::runs_avx512();
#elif defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
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
