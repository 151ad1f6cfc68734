#include "float_environment.hpp"

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif !defined(__aarch64__)
#include <cfenv>
#endif

namespace pyinit {
namespace {

// Sets the mode and returns what it was; sets it back. Nothing that touches memory passes.
#if defined(__x86_64__)
// All exceptions masked, nearest even, no flush-to-zero, no denormals-are-zero.
constexpr unsigned kDefault = 0x1F80;
using Mode = unsigned;
Mode enter() {
  const Mode before = _mm_getcsr();
  _mm_setcsr(kDefault);
  asm volatile("" : : : "memory");
  return before;
}
void leave(const Mode& before) {
  asm volatile("" : : : "memory");
  _mm_setcsr(before);
}
#elif defined(__aarch64__)
using Mode = uint64_t;
Mode enter() {
  Mode before;
  asm volatile("mrs %0, fpcr" : "=r"(before) : : "memory");
  asm volatile("msr fpcr, %0" : : "r"(uint64_t{0}) : "memory");
  return before;
}
void leave(const Mode& before) { asm volatile("msr fpcr, %0" : : "r"(before) : "memory"); }
#else
using Mode = std::fenv_t;
Mode enter() {
  Mode before;
  std::fegetenv(&before);
  std::fesetenv(FE_DFL_ENV);
  return before;
}
void leave(const Mode& before) { std::fesetenv(&before); }
#endif

}  // namespace

// Not inlined by optimization at link time either.
[[gnu::noinline]] void run_in_default_environment(void (*run)(const void* work) noexcept,
                                                  const void* work) noexcept {
  const Mode before = enter();
  run(work);
  leave(before);
}

}  // namespace pyinit
