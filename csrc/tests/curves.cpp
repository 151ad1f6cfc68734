// The errors that rng/curves.hpp states, measured against long double.
// `curves STRIDE`: every STRIDE-th of the 2^24 draws of float32, and as many of float64; 1 is every one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include "rng/curves.hpp"
#include "simd/scalar.hpp"

namespace {

using namespace pyinit::rng;
using S = pyinit::simd::Scalar;

// The bounds of t, of v, or the squares of radii.
struct Bounds {
  Transform function;
  double low, high;
};

// What is drawn of every function: near and far from 1, narrow and as wide as a format goes.
constexpr Bounds kBounds[] = {
    {Transform::kLogUniform, 1e-3, 0.1},        {Transform::kLogUniform, 1e-37, 1e38},
    {Transform::kLogUniform, 1.0, 1.001},       {Transform::kInverseSoftplus, 1e-3, 0.1},
    {Transform::kInverseSoftplus, 1e-30, 1.0},  {Transform::kInverseSoftplus, 0.5, 3.0},
    {Transform::kInverseSoftplus, 1e-20, 1e30}, {Transform::kLogOfUniform, 0.0, 16.0},
    {Transform::kLogOfUniform, 1.0, 999.0},     {Transform::kLogOfUniform, 0.9, 1.1},
    {Transform::kLogOfUniform, 1e-30, 1e30},    {Transform::kLogDecay, 0.0, 1.0},
    {Transform::kLogDecay, 0.81, 0.998},        {Transform::kLogDecay, 1e-4, 2e-4},
};

constexpr const char* kNames[] = {"log_uniform", "inverse_softplus", "log_of_uniform", "log_decay"};
constexpr double kStated[] = {1.2, 2.3, 1.1, 1.5};
// Of steps up to 1, as all models have them.
constexpr double kStatedNear = 0.9;

template <class T>
TransformedNumbers numbers_of(const Bounds& bounds) {
  TransformedNumbers n{};
  n.function = bounds.function;
  if (bounds.function == Transform::kLogUniform || bounds.function == Transform::kInverseSoftplus) {
    const long double start = std::log2(static_cast<long double>(bounds.low));
    const long double width = std::log2(static_cast<long double>(bounds.high) / bounds.low);
    const long double grid = std::is_same_v<T, float> ? 0x1p15L : 0x1p40L;
    n.start = static_cast<double>(std::round(start * grid) / grid);
    n.start_rest = static_cast<double>(start - n.start);
    n.width = static_cast<double>(width);
    n.width_rest = static_cast<double>(width - n.width);
    n.is_wide = bounds.high > 1;
  } else {
    n.start = static_cast<T>(bounds.low);
    n.width = static_cast<T>(static_cast<T>(bounds.high) - static_cast<T>(bounds.low));
  }
  return n;
}

// The function of the k-th draw; NaN where it is infinite.
template <class T>
long double exact(const TransformedNumbers& n, T k) {
  if (n.function == Transform::kLogUniform || n.function == Transform::kInverseSoftplus) {
    const long double u = static_cast<long double>(k) * Width<S, T>::kStep;
    const long double x = (u * n.width + n.start) + (u * n.width_rest + n.start_rest);
    const long double t = std::exp2(x);
    if (n.function == Transform::kLogUniform) return t;
    return t > 40 ? t + std::log1p(-std::exp(-t)) : std::log(std::expm1(t));
  }
  const T product = k * static_cast<T>(static_cast<T>(n.width) * Width<S, T>::kStep);
  const long double v = static_cast<T>(product + static_cast<T>(n.start));
  if (v == 0 || (v == 1 && n.function == Transform::kLogDecay)) return NAN;
  return n.function == Transform::kLogOfUniform ? std::log(v) : std::log(-std::log(v) / 2);
}

template <class T, template <class, class> class Curve>
double largest_error(const TransformedNumbers& n, uint64_t stride) {
  const Curve<S, T> curve(n);
  constexpr int kDigits = std::is_same_v<T, float> ? 24 : 53;
  double worst = 0;
  for (uint64_t i = 0; i < uint64_t{1} << 24; i += stride) {
    const T k = static_cast<T>(kDigits == 24 ? i : (i << 29 | (i * 0x9E3779B97F4A7C15) >> 35));
    T value[S::kLanes];
    S::store(value, curve(S::all(k)));
    const long double right = exact(n, k);
    if (std::isnan(right)) continue;
    long double size = std::fabs(right);
    if (n.function != Transform::kLogUniform) size = std::max(size, 1.0L);
    const long double ulp = std::ldexp(1.0L, std::ilogb(size) - kDigits + 1);
    worst = std::max(worst, static_cast<double>(std::fabs(value[0] - right) / ulp));
  }
  return worst;
}

template <class T>
double error_of(const TransformedNumbers& n, uint64_t stride) {
  switch (n.function) {
    case Transform::kLogUniform:
      return largest_error<T, LogUniform>(n, stride);
    case Transform::kInverseSoftplus:
      return largest_error<T, InverseSoftplus>(n, stride);
    case Transform::kLogOfUniform:
      return largest_error<T, LogOfUniform>(n, stride);
    case Transform::kLogDecay:
      return largest_error<T, LogDecay>(n, stride);
  }
  return INFINITY;
}

template <class T>
bool is_as_stated(const Bounds& bounds, uint64_t stride) {
  const TransformedNumbers n = numbers_of<T>(bounds);
  const double seen = error_of<T>(n, stride);
  const auto which = static_cast<size_t>(bounds.function);
  const bool near = bounds.function == Transform::kInverseSoftplus && !n.is_wide;
  const double stated = near ? kStatedNear : kStated[which];
  std::printf("%-16s [%g, %g) float%zu: %.3f ULP, stated %.1f\n", kNames[which], bounds.low, bounds.high,
              8 * sizeof(T), seen, stated);
  return seen > 0 && seen <= stated;
}

}  // namespace

int main(int count, char** arguments) {
  const uint64_t stride = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1;
  if (stride == 0) return 2;
  bool good = true;
  for (const Bounds& bounds : kBounds) {
    good = is_as_stated<float>(bounds, stride) && good;
    good = is_as_stated<double>(bounds, stride) && good;
  }
  return good ? 0 : 1;
}
