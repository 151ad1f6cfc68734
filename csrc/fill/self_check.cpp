#include "fill/self_check.hpp"

#include <cstddef>
#include <limits>

#include "float_environment.hpp"

namespace pyinit::fill {

extern const uint64_t kSelfCheck = 0xFAA1A2994CF98ECA;

uint64_t self_check(const Kernels& kernels) noexcept {
  constexpr size_t kCount = 16;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr rng::Key kKey{0x9E3779B97F4A7C15, 3};
  constexpr Runs kRuns{5, 0, kCount, 1};
  struct Made {
    double wide[kCount];
    float uniform[kCount], normal[kCount], tiny[kCount];
  } made;
  static_assert(sizeof(made) == kCount * (sizeof(double) + 3 * sizeof(float)));
  in_default_environment([&]() noexcept {
    kernels.normal(Dtype::kFloat64, {0.1, 0.02}, kKey, kRuns, made.wide);
    kernels.uniform(Dtype::kFloat32, {-0.3, 0.7, -kInfinity, kInfinity}, kKey, kRuns, made.uniform);
    kernels.normal(Dtype::kFloat32, {0.1, 0.02}, kKey, kRuns, made.normal);
    kernels.normal(Dtype::kFloat32, {0.0, 0x1p-127}, kKey, kRuns, made.tiny);
  });
  // 64-bit FNV-1a.
  uint64_t hash = 0xCBF29CE484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&made);
  for (size_t i = 0; i < sizeof(made); ++i) hash = (hash ^ bytes[i]) * 0x100000001B3;
  return hash;
}

}  // namespace pyinit::fill
