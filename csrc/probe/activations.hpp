// What each activation is: phi(x) and, at the pre-activation x, its slope phi'(x). How to loop over them is
// activate.hpp's.
//
// Why from e = e^-|x|: it never overflows, and each formula below divides once and subtracts nothing near its
// like, so the tails keep their relative accuracy. value and slope of one x share their terms: where both are
// wanted in one loop the compiler finds them.
//
// Contract: every x. NaN gives NaN, but for a slope that is one of two numbers. At infinity the value is the
// limit. At a kink the slope is the one torch's backward pass takes: that of the left side, and 0 at both
// ends of hardtanh. Max error in ULP, value and slope, checked by csrc/tests/activations.cpp; of a slope that
// is a sum of two terms, in ULP of the larger one; where e is subnormal, in units of |x| 2^-149:
//
//     linear relu hardtanh  0    0       gelu       5.5  5.5     sigmoid    3    5
//     leaky_relu            0.5  0       gelu_tanh  below        softplus   2    3
//     elu                   1.2  1.2     silu       4    5       softsign   1.5  3.6
//     selu                  2    2       mish       4    6       erf        4.6  2.6
//     tanh                  4.8  4.5     sin        2.3  2.4
//
// gelu_tanh: 2.6 (1 + |v|), v its argument: that is what the rounding of v costs.
// Same bits on every instruction set, but for the sign and payload of a NaN, which are the machine's; in the
// environment of float_environment.hpp.
// Source: Clevert et al. 2016 (elu); Klambauer et al. 2017 (selu); Hendrycks & Gimpel 2016 (gelu, silu);
// Misra 2019 (mish); torch.nn.functional for the conventions.
#pragma once

#include "probe/erf.hpp"
#include "probe/exponential.hpp"
#include "probe/hyperbolic.hpp"
#include "probe/logarithm.hpp"
#include "probe/range.hpp"
#include "probe/sine.hpp"

namespace pyinit::probe {

// From here on e^-|x| is 0.
inline constexpr float kExpEnd = 104.0F;

// The logistic function by e = e^-|v|: 1 / (1 + e) right of 0, e / (1 + e) left of it.
template <class S>
struct Logistic {
  typename S::F32 e, inverse, value;

  [[gnu::always_inline]] Logistic(typename S::M32 right, typename S::F32 decay)
      : e(decay),
        inverse(S::div(S::all(1.0F), S::add(e, S::all(1.0F)))),
        value(S::mul(S::choose(right, S::all(1.0F), e), inverse)) {}

  // e / (1 + e)^2.
  [[gnu::always_inline]] typename S::F32 slope() const { return S::mul(S::mul(e, inverse), inverse); }
};

// x.
struct Linear {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return x;
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32) {
    return S::all(1.0F);
  }
};

// max(x, 0).
struct Relu {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return S::at_least(x, S::all(0.0F));
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return S::choose(positive<S>(x), S::all(1.0F), S::all(0.0F));
  }
};

// x above 0, negative_slope x below.
struct LeakyRelu {
  float negative_slope;

  template <class S>
  [[gnu::always_inline]] typename S::F32 value(typename S::F32 x) const {
    return S::choose(positive<S>(x), x, S::mul(x, S::all(negative_slope)));
  }
  template <class S>
  [[gnu::always_inline]] typename S::F32 slope(typename S::F32 x) const {
    return S::choose(positive<S>(x), S::all(1.0F), S::all(negative_slope));
  }
};

// x above 0, e^x - 1 below.
struct Elu {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return S::choose(positive<S>(x), x, expm1_nonpositive<S>(nonpositive_part<S>(x)));
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return exp_nonpositive<S>(nonpositive_part<S>(x));
  }
};

// scale x above 0, scale alpha (e^x - 1) below: mean 0 and variance 1 are a fixed point.
struct Selu {
  static constexpr float kScale = 1.0507009873554804934F, kScaleAlpha = 1.7580993408473768600F;

  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    const auto below = S::mul(expm1_nonpositive<S>(nonpositive_part<S>(x)), S::all(kScaleAlpha));
    return S::choose(positive<S>(x), S::mul(x, S::all(kScale)), below);
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    const auto below = S::mul(exp_nonpositive<S>(nonpositive_part<S>(x)), S::all(kScaleAlpha));
    return S::choose(positive<S>(x), S::all(kScale), below);
  }
};

// x Phi(x) = max(x, 0) - |x| Q(|x|), Q the upper tail of the normal.
struct Gelu {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    const auto t = magnitude<S>(x, kEnd);
    return S::fma(minus_magnitude<S>(t), normal_tail<S>(t).tail, S::at_least(x, S::all(0.0F)));
  }
  // Phi(x) + x phi(x): Q(t) - t phi(t) left of 0, 1 less the same right of it.
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    const auto t = magnitude<S>(x, kEnd);
    const auto normal = normal_tail<S>(t);
    const auto density = S::mul(S::mul(t, S::all(0.39894228040143267794F)), normal.bell);
    const auto left = S::sub(normal.tail, density);
    return S::choose(positive<S>(x), S::sub(S::all(1.0F), left), left);
  }

 private:
  static constexpr float kEnd = 14.5F;
};

// 1 / (1 + e^-x).
struct Sigmoid {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return logistic<S>(x).value;
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return logistic<S>(x).slope();
  }
  template <class S>
  [[gnu::always_inline]] static Logistic<S> logistic(typename S::F32 x) {
    return {positive<S>(x), exp_nonpositive<S>(minus_magnitude<S>(x))};
  }
};

// x / (1 + e^-x).
struct Silu {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return S::mul(S::at_least(x, S::all(-kExpEnd)), Sigmoid::logistic<S>(x).value);
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    const auto logistic = Sigmoid::logistic<S>(x);
    const auto bounded = hold<S>(x, kExpEnd);
    return S::fma(bounded, logistic.slope(), logistic.value);
  }
};

// x (1 + tanh(v / 2)) / 2 = x / (1 + e^-v), v / 2 = sqrt(2 / pi) (x + 0.044715 x^3).
struct GeluTanh {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return S::mul(S::at_least(x, S::all(-kEnd)), logistic<S>(x).value);
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    const auto bounded = hold<S>(x, kEnd);
    const auto v_slope = S::fma(S::mul(bounded, bounded), S::all(3.0F * kCubic), S::all(kLinear));
    const auto s = logistic<S>(x);
    return S::fma(S::mul(bounded, v_slope), s.slope(), s.value);
  }

 private:
  // 2 sqrt(2 / pi), and that times 0.044715.
  static constexpr float kLinear = 1.5957691216057307117F, kCubic = 0.071354816272600248277F;
  // v is past 104.
  static constexpr float kEnd = 11.0F;

  template <class S>
  [[gnu::always_inline]] static Logistic<S> logistic(typename S::F32 x) {
    const auto t = magnitude<S>(x, kEnd);
    const auto v = S::mul(t, S::fma(S::mul(t, t), S::all(kCubic), S::all(kLinear)));
    return {positive<S>(x), exp_nonpositive<S>(S::mul(v, S::all(-1.0F)))};
  }
};

// x tanh(ln(1 + e^x)) = x n / d, n = w^2 + 2 w, d = n + 2, w = e^x; by e = 1 / w right of 0, both times e^2.
struct Mish {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    const Quotient<S> q(x);
    return S::mul(S::mul(S::at_least(x, S::all(-kExpEnd)), q.top), q.inverse);
  }
  // n / d + 4 x w (w + 1) / d^2.
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    const Quotient<S> q(x);
    const auto bounded = hold<S>(x, kExpEnd);
    const auto twice = S::add(q.inverse, q.inverse);
    const auto growth = S::mul(S::mul(S::fma(q.e, q.factor, q.factor), twice), twice);
    return S::fma(bounded, growth, S::mul(q.top, q.inverse));
  }

 private:
  template <class S>
  struct Quotient {
    typename S::F32 e, factor, top, inverse;

    [[gnu::always_inline]] explicit Quotient(typename S::F32 x)
        : e(exp_nonpositive<S>(minus_magnitude<S>(x))) {
      const auto right = positive<S>(x);
      const auto two = S::all(2.0F);
      const auto square = S::mul(e, e);
      factor = S::choose(right, square, e);
      top = S::choose(right, S::fma(e, two, S::all(1.0F)), S::fma(e, two, square));
      inverse = S::div(S::all(1.0F), S::fma(S::choose(right, square, S::all(1.0F)), two, top));
    }
  };
};

struct Tanh {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return tanh<S>(x);
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return tanh_slope<S>(x);
  }
};

// x, held between -1 and 1.
struct Hardtanh {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return hold<S>(x, 1.0F);
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return S::choose(S::below(magnitude<S>(x, 2.0F), S::all(1.0F)), S::all(1.0F), S::all(0.0F));
  }
};

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|); the slope is the sigmoid.
struct Softplus {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return S::add(S::at_least(x, S::all(0.0F)), log1p<S>(exp_nonpositive<S>(minus_magnitude<S>(x))));
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return Sigmoid::value<S>(x);
  }
};

// x / (1 + |x|).
struct Softsign {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    const auto most = magnitude<S>(x, 0x1.fffffep127F);
    return S::negate_where(S::div(most, S::add(most, S::all(1.0F))), S::bits(x));
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    const auto inverse = S::div(S::all(1.0F), S::sub(S::all(1.0F), minus_magnitude<S>(x)));
    return S::mul(inverse, inverse);
  }
};

struct Erf {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return erf<S>(x);
  }
  // 2 / sqrt(pi) e^-x^2, which is 0 from 10.5.
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return S::mul(bell<S>(magnitude<S>(x, 10.5F), 1.0F), S::all(1.1283791670955125739F));
  }
};

struct Sin {
  template <class S>
  [[gnu::always_inline]] static typename S::F32 value(typename S::F32 x) {
    return sin<S>(x);
  }
  template <class S>
  [[gnu::always_inline]] static typename S::F32 slope(typename S::F32 x) {
    return cos<S>(x);
  }
};

}  // namespace pyinit::probe
