#include "fill/consecutive.hpp"

#include <cmath>
#include <limits>

#include "dtype.hpp"
#include "float_environment.hpp"

namespace pyinit::fill {
namespace {

template <class T>
inline constexpr Dtype kDtype = sizeof(T) == sizeof(float) ? Dtype::kFloat32 : Dtype::kFloat64;

template <class T>
void draw_uniform(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, T low, T high, T* out) {
  in_default_environment([&]() noexcept {
    const T highest = std::nextafter(high, -std::numeric_limits<T>::infinity());
    kernels.uniform(kDtype<T>, {low, high, low, highest}, key, {first, 0, count, 1}, out);
  });
}

template <class T>
void draw_normal(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, T mean, T std, T* out) {
  in_default_environment(
      [&]() noexcept { kernels.normal(kDtype<T>, {mean, std}, key, {first, 0, count, 1}, out); });
}

}  // namespace

void block(const Kernels& kernels, rng::Key key, uint64_t n, uint32_t* words) noexcept {
  kernels.words({key.seed, key.offset + n}, {0, 0, 4, 1}, words);
}

void words(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, uint32_t* out) noexcept {
  kernels.words(key, {first, 0, count, 1}, out);
}

void uniform(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, float low, float high,
             float* out) noexcept {
  draw_uniform(kernels, key, first, count, low, high, out);
}
void uniform(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, double low, double high,
             double* out) noexcept {
  draw_uniform(kernels, key, first, count, low, high, out);
}

void normal(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, float mean, float std,
            float* out) noexcept {
  draw_normal(kernels, key, first, count, mean, std, out);
}
void normal(const Kernels& kernels, rng::Key key, uint64_t first, size_t count, double mean, double std,
            double* out) noexcept {
  draw_normal(kernels, key, first, count, mean, std, out);
}

}  // namespace pyinit::fill
