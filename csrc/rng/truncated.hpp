// z = Phi^-1(Phi(a) + u (Phi(b) - Phi(a))), u = (w + 1/2) 2^-N, one draw an element; then z std + mean.
// Why the inverse: no rejection, so any element can be made alone.
// Why two numbers for one probability: near the median z is proportional to x = 2 p - 1, in the tails to a
// function of t = min(p, 1 - p); the integer w gives both without cancellation, counted from the median for
// x and from the nearer end for t.
// float32: z = x P(omega), omega = -ln 4 t (1 - t), polynomials on [0, 5], [5, 16] and beyond (Giles' form).
// float64: Wichura's rational functions (AS 241) in x and sqrt(-ln t).
// Contract: max relative error of z 3.5e-7 (float32), 1.2e-15 (float64), in both tails; never outside
// [lowest, highest]; same bits on every instruction set.
// Source: Giles 2010, Approximating the erfinv function; Wichura 1988, Algorithm AS 241. The numbers are
// worked out in decimal by pyinit/recipes/truncation.py. Checked by tests/kernels/test_truncated_normal.py.
#pragma once

#include "rng/elementary.hpp"
#include "rng/stream.hpp"

namespace pyinit::rng {

template <class S, class T>
class TruncatedNormal;

template <class S>
class TruncatedNormal<S, float> {
 public:
  using Value = float;
  using F32 = typename S::F32;
  using U32 = typename S::U32;

  explicit TruncatedNormal(const TruncatedNumbers& n)
      : far_tail_(n.far_tail()),
        mirror_(S::all(n.mirrored ? 0xFFFFFFFFU : 0U)),
        pivot_(S::all(static_cast<uint32_t>(n.pivot))),
        log_scale_(S::all(static_cast<float>(n.tail_exponent) * 0x1.62e43p-1F)),
        tail_step_(S::all(static_cast<float>(n.tail_step))),
        tail_low_(S::all(static_cast<float>(n.tail_low))),
        tail_high_(S::all(static_cast<float>(n.tail_high))),
        centre_step_(S::all(static_cast<float>(n.centre_step))),
        centre_low_(S::all(static_cast<float>(n.centre_low))),
        centre_high_(S::all(static_cast<float>(n.centre_high))),
        std_(S::all(static_cast<float>(n.mirrored ? -n.std : n.std))),
        mean_(S::all(static_cast<float>(n.mean))),
        lowest_(S::all(static_cast<float>(n.lowest))),
        highest_(S::all(static_cast<float>(n.highest))) {}

  [[gnu::always_inline]] void operator()(const Words<S>& words, float* out) const {
    const U32 words01 = S::pair32(words.w0, words.w1);
    const U32 words23 = S::pair32(words.w2, words.w3);
    S::store(out, weight(S::in_order(0, words01, words23)));
    S::store(out + S::kLanes, weight(S::in_order(1, words01, words23)));
  }

 private:
  [[gnu::always_inline]] F32 weight(U32 draw) const {
    const U32 w = S::bit_xor(draw, mirror_);
    const F32 z = far_tail_ ? far_quantile(w) : quantile(w);
    return S::clamp(S::add(S::mul(z, std_), mean_), lowest_, highest_);
  }

  [[gnu::always_inline]] F32 quantile(U32 w) const {
    const auto below = S::below(w, pivot_);
    const auto above = S::negate(below);
    // Draws to the nearer end: w or ~w. Draws to the pivot: w - pivot or its complement.
    const F32 to_end = S::from_unsigned(S::complement_where(above, w));
    const F32 to_pivot = S::from_unsigned(S::complement_where(below, S::sub(w, pivot_)));
    const F32 tail = S::fma(to_end, tail_step_, S::choose(below, tail_low_, tail_high_));
    const F32 centre = S::fma(to_pivot, centre_step_, S::choose(below, centre_low_, centre_high_));
    const F32 x = S::negate_where(centre, below);
    // t - t^2, at most 1/4.
    const F32 product = S::fma(S::mul(tail, S::all(-1.0F)), tail, tail);
    const F32 omega = S::fma(minus_two_log<S>(product), S::all(0.5F), S::all(-0x1.62e43p+0F));
    const F32 centre_z = S::mul(x, polynomial<S>(omega, kQuantileCentreFloat));
    const auto central = S::below(omega, S::all(5.0F));
    if (S::every(central)) [[likely]]
      return centre_z;
    return S::choose(central, centre_z, S::mul(x, tail_root(omega)));
  }

  // sqrt(omega) times a polynomial in its inverse. Rare, so kept out of the loop.
  [[gnu::noinline]] static F32 tail_root(F32 omega) {
    const F32 root = S::sqrt(omega);
    const F32 inverse = S::div(S::all(1.0F), root);
    const F32 near = polynomial<S>(S::add(inverse, S::all(-0.35F)), kQuantileTailFloat);
    const F32 far = polynomial<S>(S::add(inverse, S::all(-0.14F)), kQuantileFarFloat);
    return S::mul(root, S::choose(S::below(omega, S::all(16.0F)), near, far));
  }

  [[gnu::noinline]] F32 far_quantile(U32 w) const {
    const F32 to_end = S::from_unsigned(S::bit_xor(w, S::all(0xFFFFFFFFU)));
    const F32 tail = S::fma(to_end, tail_step_, tail_high_);
    const F32 omega =
        S::fma(minus_two_log<S>(tail), S::all(0.5F), S::add(log_scale_, S::all(-0x1.62e43p+0F)));
    return tail_root(omega);
  }

  bool far_tail_;
  U32 mirror_, pivot_;
  F32 log_scale_, tail_step_, tail_low_, tail_high_, centre_step_, centre_low_, centre_high_;
  F32 std_, mean_, lowest_, highest_;
};

// Wichura's coefficients (PPND16), numerator and denominator: the centre, and the tail by sqrt(-ln t).
inline constexpr double kWichuraCentreTop[] = {
    3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
    4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3};
inline constexpr double kWichuraCentreBottom[] = {1.0,
                                                  4.2313330701600911252e+1,
                                                  6.8718700749205790830e+2,
                                                  5.3941960214247511077e+3,
                                                  2.1213794301586595867e+4,
                                                  3.9307895800092710610e+4,
                                                  2.8729085735721942674e+4,
                                                  5.2264952788528545610e+3};
inline constexpr double kWichuraTailTop[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                             5.76949722146069140550e0,  3.64784832476320460504e0,
                                             1.27045825245236838258e0,  2.41780725177450611770e-1,
                                             2.27238449892691845833e-2, 7.74545014278341407640e-4};
inline constexpr double kWichuraTailBottom[] = {1.0,
                                                2.05319162663775882187e0,
                                                1.67638483018380384940e0,
                                                6.89767334985100004550e-1,
                                                1.48103976427480074590e-1,
                                                1.51986665636164571966e-2,
                                                5.47593808499534494600e-4,
                                                1.05075007164441684324e-9};
inline constexpr double kWichuraFarTop[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                            1.78482653991729133580e0,  2.96560571828504891230e-1,
                                            2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                            2.71155556874348757815e-5, 2.01033439929228813265e-7};
inline constexpr double kWichuraFarBottom[] = {1.0,
                                               5.99832206555887937690e-1,
                                               1.36929880922735805310e-1,
                                               1.48753612908506148525e-2,
                                               7.86869131145613259100e-4,
                                               1.84631831751005468180e-5,
                                               1.42151175831644588870e-7,
                                               2.04426310338993978564e-15};

template <class S>
class TruncatedNormal<S, double> {
 public:
  using Value = double;
  using F64 = typename S::F64;
  using U64 = typename S::U64;

  explicit TruncatedNormal(const TruncatedNumbers& n)
      : far_tail_(n.far_tail()),
        mirror_(S::all64(n.mirrored ? ~uint64_t{0} : 0)),
        pivot_(S::all64(n.pivot)),
        log_scale_(S::all(n.tail_exponent * 0x1.62e42fefa39efp-1)),
        tail_step_(S::all(n.tail_step)),
        tail_low_(S::all(n.tail_low)),
        tail_high_(S::all(n.tail_high)),
        centre_step_(S::all(n.centre_step)),
        centre_low_(S::all(n.centre_low)),
        centre_high_(S::all(n.centre_high)),
        std_(S::all(n.mirrored ? -n.std : n.std)),
        mean_(S::all(n.mean)),
        lowest_(S::all(n.lowest)),
        highest_(S::all(n.highest)) {}

  [[gnu::always_inline]] void operator()(const Words<S>& words, double* out) const {
    S::store_alternating(out, weight(S::pair64(words.w1, words.w0)), weight(S::pair64(words.w3, words.w2)));
  }

 private:
  [[gnu::always_inline]] F64 weight(U64 draw) const {
    const U64 w = S::xor2(draw, mirror_);
    const F64 z = far_tail_ ? far_quantile(w) : quantile(w);
    return S::clamp(S::add(S::mul(z, std_), mean_), lowest_, highest_);
  }

  [[gnu::always_inline]] F64 quantile(U64 w) const {
    const auto below = S::below(w, pivot_);
    const auto above = S::negate(below);
    const F64 to_end = S::from_unsigned(S::complement_where(above, w));
    const F64 to_pivot = S::from_unsigned(S::complement_where(below, S::sub(w, pivot_)));
    const F64 tail = S::fma(to_end, tail_step_, S::choose(below, tail_low_, tail_high_));
    const F64 centre = S::fma(to_pivot, centre_step_, S::choose(below, centre_low_, centre_high_));
    const F64 half = S::mul(centre, S::all(0.5));
    const F64 square = S::fma(S::mul(half, S::all(-1.0)), half, S::all(0.180625));
    const F64 centre_z = S::mul(
        half, S::div(polynomial<S>(square, kWichuraCentreTop), polynomial<S>(square, kWichuraCentreBottom)));
    const auto central = S::below(half, S::all(0.425));
    F64 z = centre_z;
    if (!S::every(central)) z = S::choose(central, centre_z, tail_root(minus_two_log<S>(tail)));
    return S::negate_where(z, below);
  }

  // The quantile of the tail probability whose -2 ln is given.
  [[gnu::noinline]] static F64 tail_root(F64 minus_two_log_tail) {
    const F64 root = S::sqrt(S::mul(minus_two_log_tail, S::all(0.5)));
    const F64 near = S::add(root, S::all(-1.6));
    const F64 z = S::div(polynomial<S>(near, kWichuraTailTop), polynomial<S>(near, kWichuraTailBottom));
    const auto is_near = S::below(root, S::all(5.0));
    if (S::every(is_near)) [[likely]]
      return z;
    const F64 far = S::add(root, S::all(-5.0));
    return S::choose(is_near, z,
                     S::div(polynomial<S>(far, kWichuraFarTop), polynomial<S>(far, kWichuraFarBottom)));
  }

  [[gnu::noinline]] F64 far_quantile(U64 w) const {
    const F64 to_end = S::from_unsigned(S::xor2(w, S::all64(~uint64_t{0})));
    const F64 tail = S::fma(to_end, tail_step_, tail_high_);
    return tail_root(S::fma(log_scale_, S::all(2.0), minus_two_log<S>(tail)));
  }

  bool far_tail_;
  U64 mirror_, pivot_;
  F64 log_scale_, tail_step_, tail_low_, tail_high_, centre_step_, centre_low_, centre_high_;
  F64 std_, mean_, lowest_, highest_;
};

}  // namespace pyinit::rng
