#include "processor.hpp"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>
#endif

namespace pyinit {
#if defined(__x86_64__)
namespace {

// What CPUID says of the processor, and XGETBV of the registers that the system keeps for each thread.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapters 14.3, 14.5 and 15.3.
struct Features {
  uint32_t basic = 0;     // leaf 1, ECX
  uint32_t extended = 0;  // leaf 7.0, EBX
  uint32_t kept = 0;      // register XCR0

  bool has(uint32_t in_basic, uint32_t in_extended, uint32_t in_kept) const {
    return (basic & in_basic) == in_basic && (extended & in_extended) == in_extended &&
           (kept & in_kept) == in_kept;
  }
};

Features found() {
  Features features;
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return features;
  features.basic = ecx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) features.extended = ebx;
  if ((features.basic & bit_OSXSAVE) != 0) {
    uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(features.kept), "=d"(high) : "c"(0));
  }
  return features;
}

// The bits of XCR0: SSE's and AVX's registers; AVX-512's masks, and its two halves of vectors.
constexpr uint32_t kAvxState = 0x06;
#if defined(__APPLE__)
// macOS begins to keep them when a thread uses the first one.
constexpr uint32_t kAvx512State = kAvxState;
#else
constexpr uint32_t kAvx512State = 0xE6;
#endif

constexpr uint32_t kAvx2Basic = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C;
constexpr uint32_t kAvx512Extended = bit_AVX2 | bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;

}  // namespace

bool runs_avx2() { return found().has(kAvx2Basic, bit_AVX2, kAvxState); }

bool runs_avx512() { return found().has(kAvx2Basic, kAvx512Extended, kAvx512State); }

#else
bool runs_avx2() { return false; }

bool runs_avx512() { return false; }
#endif

}  // namespace pyinit
