// The errors that rng/elementary.hpp and rng/normal.hpp state, measured against a higher-precision oracle.
// `elementary STRIDE`: every STRIDE-th argument; 1 is every float32 argument there is.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "parallel.hpp"
#include "rng/elementary.hpp"
#include "rng/normal.hpp"
#include "simd/scalar.hpp"
#include "threads.hpp"

namespace {

using S = pyinit::simd::Scalar;
using pyinit::rng::minus_two_log;
using pyinit::rng::polar;

// Error in units in the last place of the exact value, for a significand of `digits` bits.
long double ulps(long double value, long double exact, int digits) {
  if (exact == 0) return value == 0 ? 0 : 1e9L;
  return std::fabs(value - exact) / std::ldexp(1.0L, std::ilogb(exact) - digits + 1);
}

struct Largest {
  const char* name;
  long double bound;
  long double seen = 0;
  std::mutex mutex;

  void raise(long double error) {
    const std::lock_guard<std::mutex> guard(mutex);
    if (error > seen) seen = error;
  }
  bool report() const {
    std::printf("%-24s %.4Lf ULP, stated %.2Lf\n", name, seen, bound);
    return seen <= bound && seen > 0;
  }
};

constexpr uint64_t kChunk = uint64_t{1} << 16;

// visit(first, count) over chunks of [begin, end) in steps of `stride`.
template <class Visit>
void sweep(uint64_t begin, uint64_t end, uint64_t stride, const Visit& visit) {
  const uint64_t count = (end - begin + stride - 1) / stride;
  pyinit::parallel_for((count + kChunk - 1) / kChunk,
                       pyinit::Demand(static_cast<size_t>(pyinit::default_threads())),
                       [&](size_t chunk) noexcept {
                         const uint64_t first = chunk * kChunk;
                         const uint64_t last = first + kChunk < count ? first + kChunk : count;
                         visit(first, last);
                       });
}

bool log_float(uint64_t stride) {
  Largest largest{"-2 ln x, float32", 1.1L, 0, {}};
  constexpr uint32_t kFirst = 0x00800000, kOne = 0x3F800000;
  sweep(kFirst, kOne, stride, [&](uint64_t first, uint64_t last) {
    long double worst = 0;
    for (uint64_t i = first; i < last; i += S::kLanes) {
      S::U32 bits;
      for (int k = 0; k < S::kLanes; ++k) {
        const uint64_t at = kFirst + (i + static_cast<uint64_t>(k)) * stride;
        bits.v[k] = static_cast<uint32_t>(at < kOne ? at : kOne - 1);
      }
      const S::F32 x = S::as_float(bits);
      const S::F32 value = minus_two_log<S>(x);
      for (int k = 0; k < S::kLanes; ++k) {
        worst = std::max(worst, ulps(value.v[k], -2 * std::log(static_cast<double>(x.v[k])), 24));
      }
    }
    largest.raise(worst);
  });
  return largest.report();
}

constexpr double kTurn = 6.283185307179586476925286766559;

bool sincos_float(uint64_t stride) {
  Largest sin{"sin, float32", 2.9L, 0, {}}, cos{"cos, float32", 2.9L, 0, {}};
  sweep(0, uint64_t{1} << 32, stride, [&](uint64_t first, uint64_t last) {
    long double worst_sin = 0, worst_cos = 0;
    for (uint64_t i = first; i < last; i += S::kLanes) {
      S::U32 w;
      for (int k = 0; k < S::kLanes; ++k)
        w.v[k] = static_cast<uint32_t>((i + static_cast<uint64_t>(k)) * stride);
      const auto turn = polar<S>(S::all(1.0F), w);
      for (int k = 0; k < S::kLanes; ++k) {
        // From the nearest quarter turn, so that the oracle keeps its relative accuracy.
        const uint32_t quarter = (w.v[k] + 0x20000000U) >> 30;
        const auto rest = static_cast<int32_t>(w.v[k] << 2);
        const double y = (rest + 2.0) * 0x1p-34 * kTurn;
        const double s = std::sin(y), c = std::cos(y);
        const double exact_sin[] = {s, c, -s, -c}, exact_cos[] = {c, -s, -c, s};
        worst_sin = std::max(worst_sin, ulps(turn.sin.v[k], exact_sin[quarter], 24));
        worst_cos = std::max(worst_cos, ulps(turn.cos.v[k], exact_cos[quarter], 24));
      }
    }
    sin.raise(worst_sin);
    cos.raise(worst_cos);
  });
  const bool good = sin.report();
  return cos.report() && good;
}

// A fixed, well-spread sequence of 64-bit arguments.
uint64_t spread(uint64_t i) { return i * 0x9E3779B97F4A7C15 ^ (i * 0xBF58476D1CE4E5B9 >> 29); }

bool double_functions(uint64_t count) {
  Largest log{"-2 ln x, float64", 1.0L, 0, {}}, sin{"sin, float64", 2.6L, 0, {}},
      cos{"cos, float64", 2.6L, 0, {}};
  sweep(0, count, 1, [&](uint64_t first, uint64_t last) {
    long double worst_log = 0, worst_sin = 0, worst_cos = 0;
    for (uint64_t i = first; i < last; i += S::kBlocks) {
      S::U64 x;
      S::F64 u;
      for (int k = 0; k < S::kBlocks; ++k) {
        x.v[k] = spread(i + static_cast<uint64_t>(k) + 1);
        // Every exponent from 2^-65 to 1, and the neighbourhood of 1.
        u.v[k] =
            std::ldexp(1.0 - static_cast<double>(x.v[k] >> 12) * 0x1p-53, -static_cast<int>(x.v[k] % 66));
        if (i % 5 == 0) u.v[k] = 1.0 - static_cast<double>(x.v[k] >> 40) * 0x1p-53;
      }
      const S::F64 value = minus_two_log<S>(u);
      const auto turn = polar<S>(S::all(1.0), x);
      for (int k = 0; k < S::kBlocks; ++k) {
        if (u.v[k] != 1.0) {
          worst_log =
              std::max(worst_log, ulps(value.v[k], -2 * std::log(static_cast<long double>(u.v[k])), 53));
        }
        const uint64_t quarter = (x.v[k] + (uint64_t{1} << 61)) >> 62;
        const auto rest = static_cast<int64_t>(x.v[k] << 2);
        const long double y =
            (static_cast<long double>(rest) + 2) * 0x1p-66L * 6.283185307179586476925286766559006L;
        const long double s = std::sin(y), c = std::cos(y);
        const long double exact_sin[] = {s, c, -s, -c}, exact_cos[] = {c, -s, -c, s};
        worst_sin = std::max(worst_sin, ulps(turn.sin.v[k], exact_sin[quarter], 53));
        worst_cos = std::max(worst_cos, ulps(turn.cos.v[k], exact_cos[quarter], 53));
      }
    }
    log.raise(worst_log);
    sin.raise(worst_sin);
    cos.raise(worst_cos);
  });
  bool good = log.report();
  good = sin.report() && good;
  return cos.report() && good;
}

// z itself, from pairs of draws: sqrt(-2 ln u) cos(2 pi v) in float32.
bool normal_float(uint64_t count) {
  Largest largest{"z, float32", 4.2L, 0, {}};
  const pyinit::rng::Normal<S, float> normal({0.0, 1.0});
  sweep(0, count, 1, [&](uint64_t first, uint64_t last) {
    long double worst = 0;
    for (uint64_t i = first; i < last; ++i) {
      pyinit::rng::Words<S> words;
      uint32_t draws[S::kBlocks][4];
      for (int k = 0; k < S::kBlocks; ++k) {
        const uint64_t a = spread(2 * (i * S::kBlocks + static_cast<uint64_t>(k)) + 1);
        const uint64_t b = spread(2 * (i * S::kBlocks + static_cast<uint64_t>(k)) + 2);
        const uint32_t w[] = {static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32),
                              static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32)};
        std::memcpy(draws[k], w, sizeof(w));
        words.w0.v[k] = w[0];
        words.w1.v[k] = w[1];
        words.w2.v[k] = w[2];
        words.w3.v[k] = w[3];
      }
      float z[4 * S::kBlocks];
      normal(words, z);
      for (int k = 0; k < S::kBlocks; ++k) {
        for (int pair = 0; pair < 2; ++pair) {
          const float scaled = static_cast<float>(draws[k][2 * pair]) * 0x1p-32F;
          const double u = scaled + 0x1p-33F;
          if (u == 1.0) continue;
          const uint32_t v = draws[k][2 * pair + 1];
          const double y = (static_cast<int32_t>(v << 2) + 2.0) * 0x1p-34 * kTurn;
          const double c = std::cos(y), s = std::sin(y), r = std::sqrt(-2 * std::log(u));
          const double cosines[] = {c, -s, -c, s};
          worst = std::max(worst, ulps(z[4 * k + 2 * pair], r * cosines[(v + 0x20000000U) >> 30], 24));
        }
      }
    }
    largest.raise(worst);
  });
  return largest.report();
}

}  // namespace

int main(int count, char** arguments) {
  const uint64_t stride = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1;
  if (stride == 0) return 2;
  const uint64_t samples = (uint64_t{1} << 28) / stride + 4096;
  bool good = log_float(stride);
  good = sincos_float(stride) && good;
  good = double_functions(samples / 8) && good;
  good = normal_float(samples / 16) && good;
  return good ? 0 : 1;
}
