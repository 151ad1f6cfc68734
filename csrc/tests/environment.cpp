// in_default_environment: what is computed inside is rounded to nearest with subnormals kept, whatever the
// thread was set to and however it is written, and the thread's mode is as before.
#include <cfenv>
#include <cmath>
#include <cstdio>

#include "float_environment.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::printf("%s\n", what);
}

// As the guard it once was could not: the compiler sees the operands before and the result after.
[[gnu::noinline]] double product_and_sum(double a, double b, double c) {
  double result = 0;
  pyinit::in_default_environment([&]() noexcept { result = a * b + c; });
  return result;
}

[[gnu::noinline]] float narrowed(double x) {
  float result = 0;
  pyinit::in_default_environment([&]() noexcept { result = static_cast<float>(x); });
  return result;
}

[[gnu::noinline]] double chain(const double* numbers, int count) {
  double sum = 0;
  pyinit::in_default_environment([&]() noexcept {
    for (int i = 0; i < count; ++i) sum += numbers[i] * 3.0;
  });
  return sum;
}

[[gnu::noinline]] float halved(float x) {
  float result = 0;
  pyinit::in_default_environment([&]() noexcept { result = x * 0.5F; });
  return result;
}

}  // namespace

int main() {
  constexpr int kCount = 100;
  double numbers[kCount];
  for (int i = 0; i < kCount; ++i) numbers[i] = 1.0 / (i + 1);
  const double product = product_and_sum(0.1, 0.3, 0.7), sum = chain(numbers, kCount);
  const float narrow = narrowed(0.1);
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST}) {
    std::fesetround(mode);
    const double product_here = product_and_sum(0.1, 0.3, 0.7), sum_here = chain(numbers, kCount);
    const float narrow_here = narrowed(0.1);
    const int after = std::fegetround();
    std::fesetround(FE_TONEAREST);
    expect(product_here == product, "a product and a sum depend on the thread's mode");
    expect(sum_here == sum, "a chain of sums depends on the thread's mode");
    expect(narrow_here == narrow, "a conversion depends on the thread's mode");
    expect(after == mode, "the thread's mode is not what it was");
  }
#if defined(__x86_64__)
  constexpr unsigned kFlush = 0x8040;
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | kFlush);
  const float half = halved(0x1p-126F);
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  expect((after & kFlush) == kFlush, "flush-to-zero is not what it was");
#else
  const float half = halved(0x1p-126F);
#endif
  expect(std::fpclassify(half) == FP_SUBNORMAL, "a subnormal number was flushed");
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
