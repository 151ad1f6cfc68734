// The errors that probe/activations.hpp and its neighbours state, measured against double libm; the same bits
// on every instruction set this machine runs; limits and kinks.
// `activations STRIDE [NAME]`: every STRIDE-th float32 argument there is, of all functions or of one.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <string_view>
#include <vector>

#include "dispatch.hpp"
#include "parallel.hpp"
#include "probe/exponential.hpp"
#include "probe/logarithm.hpp"
#include "simd/scalar.hpp"
#include "threads.hpp"

namespace {

using S = pyinit::simd::Scalar;
using pyinit::probe::Activation;

constexpr double kPi = 3.141592653589793238462643383280, kSmallest = 0x1p-149;
constexpr float kNegativeSlope = 0.1F;

// What a result should be, and the size whose last place its error is counted in.
struct Exact {
  double value, size;
  Exact(double exact) : value(exact), size(std::fabs(exact)) {}
  Exact(double exact, double larger) : value(exact), size(larger) {}
};

double unit(double size) { return size < 0x1p-126 ? kSmallest : std::ldexp(1.0, std::ilogb(size) - 23); }

// A sum, in ULP of its larger term.
Exact sum_of(Exact a, Exact b) { return {a.value + b.value, std::max(a.size, b.size)}; }

// factor times what may be subnormal, and so right to half of 2^-149 at best.
Exact product(double factor, double other) {
  const double exact = other == 0 ? 0 : factor * other;
  return {exact, std::max(std::fabs(exact), std::min(std::fabs(factor), 0x1p10) * 0x1p-126)};
}

double decay(double x) { return std::exp(-std::fabs(x)); }
double sigmoid(double x) { return x > 0 ? 1 / (1 + decay(x)) : decay(x) / (1 + decay(x)); }
double sigmoid_slope(double x) { return decay(x) / ((1 + decay(x)) * (1 + decay(x))); }
double normal(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double bell(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * kPi); }
double gelu_argument(double x) { return 2 * std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x); }
double mish_ratio(double x) {
  const double w = std::exp(std::min(x, 300.0));
  return (w * w + 2 * w) / (w * w + 2 * w + 2);
}

// The error that gelu_tanh's argument brings.
Exact by_argument(Exact exact, double x) {
  return {exact.value, exact.size * (1 + std::min(std::fabs(gelu_argument(x)), 104.0))};
}

struct Row {
  const char* name;
  Exact (*value)(double), (*slope)(double);
  double value_bound, slope_bound;
  // No value is larger.
  double most = INFINITY;
};

const Row kRows[] = {
    {"linear", [](double x) -> Exact { return x; }, [](double) -> Exact { return 1; }, 0, 0},
    {"relu", [](double x) -> Exact { return std::max(x, 0.0); }, [](double x) -> Exact { return x > 0; }, 0,
     0},
    {"leaky_relu", [](double x) -> Exact { return x > 0 ? x : x * double{kNegativeSlope}; },
     [](double x) -> Exact { return x > 0 ? 1 : double{kNegativeSlope}; }, 0.5, 0},
    {"elu", [](double x) -> Exact { return x > 0 ? x : std::expm1(x); },
     [](double x) -> Exact { return x > 0 ? 1 : std::exp(x); }, 1.2, 1.2},
    {"selu",
     [](double x) -> Exact {
       return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * std::expm1(x));
     },
     [](double x) -> Exact {
       return 1.0507009873554804934 * (x > 0 ? 1 : 1.6732632423543772848 * std::exp(x));
     },
     2, 2},
    {"gelu", [](double x) -> Exact { return product(x, normal(x)); },
     [](double x) -> Exact { return sum_of(normal(x), product(x, bell(x))); }, 5.5, 5.5},
    {"gelu_tanh", [](double x) { return by_argument(product(x, sigmoid(gelu_argument(x))), x); },
     [](double x) {
       const double v = gelu_argument(x), v_slope = 2 * std::sqrt(2 / kPi) * (1 + 3 * 0.044715 * x * x);
       return by_argument(sum_of(sigmoid(v), product(x * v_slope, sigmoid_slope(v))), x);
     },
     2.6, 2.6},
    {"silu", [](double x) { return product(x, sigmoid(x)); },
     [](double x) { return sum_of(sigmoid(x), product(x, sigmoid_slope(x))); }, 4, 5},
    {"mish", [](double x) { return product(x, mish_ratio(x)); },
     [](double x) {
       const double g = mish_ratio(x);
       return sum_of(g, product(x, (1 - g) * (1 + g) * sigmoid(x)));
     },
     4, 6},
    {"tanh", [](double x) -> Exact { return std::tanh(x); },
     [](double x) -> Exact { return 4 * sigmoid_slope(2 * x); }, 4.8, 4.5, 1},
    {"sigmoid", [](double x) -> Exact { return sigmoid(x); },
     [](double x) -> Exact { return sigmoid_slope(x); }, 3, 5, 1},
    {"hardtanh", [](double x) -> Exact { return std::min(std::max(x, -1.0), 1.0); },
     [](double x) -> Exact { return std::fabs(x) < 1; }, 0, 0, 1},
    {"softplus", [](double x) -> Exact { return std::max(x, 0.0) + std::log1p(decay(x)); },
     [](double x) -> Exact { return sigmoid(x); }, 2, 3},
    {"softsign",
     [](double x) -> Exact { return std::isinf(x) ? std::copysign(1, x) : x / (1 + std::fabs(x)); },
     [](double x) -> Exact { return 1 / ((1 + std::fabs(x)) * (1 + std::fabs(x))); }, 1.5, 3.6, 1},
    {"erf", [](double x) -> Exact { return std::erf(x); },
     [](double x) -> Exact { return 2 / std::sqrt(kPi) * std::exp(-x * x); }, 4.6, 2.6, 1},
    {"sin", [](double x) -> Exact { return std::sin(x); }, [](double x) -> Exact { return std::cos(x); }, 2.3,
     2.4, 1},
};

class Largest {
 public:
  void raise(double error, float at) {
    if (error <= seen_.load(std::memory_order_relaxed)) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!(error <= seen_)) {
      seen_ = error;
      at_ = at;
    }
  }
  // A bound of 0 asks for the exact result; elsewhere an error far below what is stated was not measured.
  bool report(const char* name, const char* what, double bound) const {
    std::printf("%-10s %-5s %8.4f ULP, stated %.2f, at %a\n", name, what, seen_.load(), bound,
                static_cast<double>(at_));
    return seen_ <= bound && seen_ >= bound / 4;
  }
  // Where nothing may be seen.
  bool none(const char* name, const char* what) const {
    if (seen_ > 0) std::printf("%-10s %s, at %a\n", name, what, static_cast<double>(at_));
    return seen_ == 0;
  }

 private:
  std::atomic<double> seen_{0};
  float at_ = 0;
  std::mutex mutex_;
};

float from_bits(uint64_t bits) {
  const auto narrow = static_cast<uint32_t>(bits);
  float x;
  std::memcpy(&x, &narrow, sizeof(x));
  return x;
}

constexpr size_t kChunk = 8192;

// visit(arguments) over every stride-th float32 from `begin` to `end` in the order of their bits, in
// parallel.
template <class Visit>
void sweep(uint64_t begin, uint64_t end, uint64_t stride, const Visit& visit) {
  const uint64_t count = (end - begin + stride - 1) / stride;
  pyinit::parallel_for(
      (count + kChunk - 1) / kChunk, pyinit::Demand(static_cast<size_t>(pyinit::default_threads())),
      [&](size_t chunk) noexcept {
        std::vector<float> x;
        for (uint64_t i = chunk * kChunk; i < std::min<uint64_t>(count, (chunk + 1) * kChunk); ++i)
          x.push_back(from_bits(begin + i * stride));
        visit(x);
      });
}

// Ends, kinks, zeros, and where a formula gives way to another.
std::vector<float> special() {
  std::vector<float> found{std::numeric_limits<float>::quiet_NaN()};
  for (const float x :
       {0.0F, 0x1p-149F, 0x1.fffffcp-127F, 0x1p-126F, 1.0F, 3.92F, 9.0F, 10.5F, 11.0F, 14.5F, 87.4F, 104.0F,
        65535.996F, 65536.0F, 0x1.fffffep127F, std::numeric_limits<float>::infinity()}) {
    for (const float turned : {x, -x}) {
      found.push_back(turned);
      found.push_back(std::nextafter(turned, 0.0F));
    }
  }
  return found;
}

// Error of `found`; 0 where both are NaN.
double error_of(float found, Exact exact) {
  if (std::isnan(exact.value) || std::isnan(found))
    return std::isnan(exact.value) == std::isnan(found) ? 0 : INFINITY;
  if (static_cast<double>(found) == exact.value) return 0;
  // Infinity is right where the largest float32 is half a unit too small.
  if (std::isinf(found)) return (found > 0 ? exact.value : -exact.value) >= 0x1.ffffffp127 ? 0 : INFINITY;
  return std::fabs(static_cast<double>(found) - exact.value) / unit(exact.size);
}

using Kernel = void (*)(Activation, float, const float*, size_t, float*);

bool same(float a, float b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0 || (std::isnan(a) && std::isnan(b));
}

// Measured on the widest instruction set; the others must give its bits.
bool check(const char* name, const char* what, Kernel pyinit::probe::Kernels::* member,
           Exact (*exact)(double), double bound, double most, uint64_t stride) {
  const Activation activation = pyinit::probe::find_activation(name).value();
  const auto all = pyinit::available_kernels();
  Largest error, excess, difference;
  const auto visit = [&](const std::vector<float>& x) {
    std::vector<float> y(x.size()), other(x.size());
    (all.front()->probe.*member)(activation, kNegativeSlope, x.data(), x.size(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double of = error_of(y[i], exact(static_cast<double>(x[i])));
      // A slope that is one of two numbers says nothing of NaN.
      if (of > 0 && !(bound == 0 && std::isnan(x[i]))) error.raise(of, x[i]);
      if (std::fabs(static_cast<double>(y[i])) > most) excess.raise(1, x[i]);
    }
    for (size_t k = 1; k < all.size(); ++k) {
      (all[k]->probe.*member)(activation, kNegativeSlope, x.data(), x.size(), other.data());
      for (size_t i = 0; i < x.size(); ++i) {
        if (!same(y[i], other[i])) difference.raise(1, x[i]);
      }
    }
  };
  visit(special());
  sweep(0, uint64_t{1} << 32, stride, visit);
  bool good = error.report(name, what, bound);
  good = excess.none(name, "is larger than it can be") && good;
  return difference.none(name, "differs between instruction sets") && good;
}

// A building block on its own interval.
template <class Function>
bool check_block(const char* name, uint64_t begin, uint64_t end, const Function& function,
                 double (*exact)(double), double bound, uint64_t stride) {
  Largest error;
  sweep(begin, end, stride, [&](const std::vector<float>& x) {
    for (size_t i = 0; i < x.size(); i += S::kLanes) {
      S::F32 lanes = S::all(x[i]);
      for (size_t k = 0; k < std::min<size_t>(S::kLanes, x.size() - i); ++k) lanes.v[k] = x[i + k];
      const S::F32 y = function(lanes);
      for (size_t k = 0; k < S::kLanes; ++k)
        error.raise(error_of(y.v[k], exact(static_cast<double>(lanes.v[k]))), lanes.v[k]);
    }
  });
  return error.report(name, "value", bound);
}

bool check_blocks(std::string_view only, uint64_t stride) {
  constexpr uint64_t kOne = 0x3F800000, kMinusZero = 0x80000000, kEnd = uint64_t{1} << 32;
  bool good = true;
  if (only.empty() || only == "exp") {
    good = check_block(
               "exp", kMinusZero, kEnd, [](S::F32 x) { return pyinit::probe::exp_nonpositive<S>(x); },
               std::exp, 1.1, stride) &&
           good;
    good = check_block(
               "expm1", kMinusZero, kEnd, [](S::F32 x) { return pyinit::probe::expm1_nonpositive<S>(x); },
               std::expm1, 1.1, stride) &&
           good;
  }
  if (only.empty() || only == "log1p") {
    const auto log1p = [](S::F32 x) { return pyinit::probe::log1p<S>(x); };
    good = check_block("log1p", 0, kMinusZero, log1p, std::log1p, 1.2, stride) && good;
    // From -0 to before -1.
    good = check_block("log1p", kMinusZero, kMinusZero + kOne, log1p, std::log1p, 1.2, stride) && good;
  }
  return good;
}

}  // namespace

int main(int count, char** arguments) {
  const uint64_t stride = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1;
  if (stride == 0) return 2;
  const std::string_view only = count > 2 ? arguments[2] : "";
  bool good = check_blocks(only, stride);
  for (const Row& row : kRows) {
    if (!only.empty() && only != row.name) continue;
    good = check(row.name, "value", &pyinit::probe::Kernels::activate, row.value, row.value_bound, row.most,
                 stride) &&
           good;
    good = check(row.name, "slope", &pyinit::probe::Kernels::slope, row.slope, row.slope_bound, INFINITY,
                 stride) &&
           good;
  }
  return good ? 0 : 1;
}
