// Functions of a uniform draw u = k 2^-24 (float32) or k 2^-53 (float64), k as in uniform.hpp:
//   log_uniform       t = 2^(start + u width): the logarithm is uniform;
//   inverse_softplus  ln(e^t - 1) of the same t: softplus makes t of it;
//   log_of_uniform    ln v, v = u width + start, each operation rounded once: the value of uniform.hpp;
//   log_decay         ln(-ln(v) / 2): a decay e^-e^y whose square is v.
// Why ln(e^t - 1) as ln t + t/2 + t^2 R(t^2) for t <= 1: ln t is the exponent that t was made of, so no
// logarithm is taken and nothing cancels; above 1 it is t + ln(1 - e^-t).
// Why v = 0 needs no care: minus_two_log(0) is finite, further out than every other value, and whoever scales
// clamps.
// Contract: max error 1.2 ULP of log_uniform; in ULP of the larger of |y| and 1, 0.9 of inverse_softplus for
// t <= 1 and 2.3 above, 1.1 of log_of_uniform, 1.5 of log_decay; same bits on every instruction set.
// Checked by csrc/tests/curves.cpp and tests/kernels/test_transformed.py.
#pragma once

#include "compiler.hpp"
#include "rng/elementary.hpp"
#include "rng/numbers.hpp"
#include "rng/power.hpp"

namespace pyinit::rng {

// What the two widths write differently.
template <class S, class T>
struct Width;
template <class S>
struct Width<S, float> {
  using Vector = typename S::F32;
  static constexpr float kStep = 0x1p-24F;
  static constexpr float kLn2[] = {0x1.62e430p-1F, -0x1.05c610p-29F};
  static constexpr float kLog2E[] = {0x1.715476p+0F, 0x1.4ae0cp-26F};
  // e^-87 is still a normal number.
  static constexpr float kFarthest = 87.0F;
  static constexpr const auto& kSoftplus = kSoftplusFloat;
};
template <class S>
struct Width<S, double> {
  using Vector = typename S::F64;
  static constexpr double kStep = 0x1p-53;
  static constexpr double kLn2[] = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
  static constexpr double kLog2E[] = {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56};
  static constexpr double kFarthest = 700.0;
  static constexpr const auto& kSoftplus = kSoftplusDouble;
};

// A curve takes k as a float.
template <class S, class T>
class LogUniform {
 public:
  using Vector = typename Width<S, T>::Vector;

  explicit LogUniform(const TransformedNumbers& n)
      : width_(parts(n.width, n.width_rest, Width<S, T>::kStep)),
        start_(parts(n.start, n.start_rest, T{1})) {}

  PYINIT_INLINE Vector operator()(Vector k) const { return power(k).value; }
  PYINIT_INLINE Power<Vector> power(Vector k) const { return power_of_two<S>(k, width_, start_); }

 private:
  // In float32 the first number has bits for both parts.
  PYINIT_INLINE static Parts<Vector> parts(double first, double second, T factor) {
    const T high = static_cast<T>(first);
    return {S::all(static_cast<T>(high * factor)),
            S::all(static_cast<T>(static_cast<T>(first - high + second) * factor))};
  }

  Parts<Vector> width_, start_;
};

template <class S, class T>
class InverseSoftplus {
 public:
  using Vector = typename Width<S, T>::Vector;

  explicit InverseSoftplus(const TransformedNumbers& n) : log_uniform_(n), is_wide_(n.is_wide) {}

  PYINIT_INLINE Vector operator()(Vector k) const {
    const auto power = log_uniform_.power(k);
    const Vector t = power.value;
    const Vector square = S::mul(t, t);
    const Vector curved =
        S::fma(square, horner<S>(square, W::kSoftplus), S::mul(t, S::all(static_cast<T>(0.5))));
    const Vector low =
        S::fma(power.rest, S::all(W::kLn2[0]), S::fma(power.whole, S::all(W::kLn2[1]), curved));
    const Vector near = S::fma(power.whole, S::all(W::kLn2[0]), low);
    return is_wide_ ? wide(t, near) : near;
  }

 private:
  using W = Width<S, T>;

  // Rare, so kept out of the loop.
  PYINIT_NOINLINE static Vector wide(Vector t, Vector near) {
    const Vector zero = S::all(T{0}), one = S::all(T{1});
    const Vector bounded = S::clamp(t, zero, S::all(W::kFarthest));
    const auto decay =
        power_of_two<S>(bounded, {S::all(-W::kLog2E[0]), S::all(-W::kLog2E[1])}, {zero, zero}).value;
    const Vector log = minus_two_log<S>(S::fma(decay, S::all(T{-1}), one));
    return S::choose(S::below(one, t), S::fma(log, S::all(static_cast<T>(-0.5)), t), near);
  }

  LogUniform<S, T> log_uniform_;
  bool is_wide_;
};

// -2 ln of the value that uniform.hpp draws.
template <class S, class T>
class UniformLog {
 public:
  using Vector = typename Width<S, T>::Vector;

  explicit UniformLog(const TransformedNumbers& n)
      : width_(S::all(static_cast<T>(static_cast<T>(n.width) * Width<S, T>::kStep))),
        start_(S::all(static_cast<T>(n.start))) {}

  PYINIT_INLINE Vector operator()(Vector k) const {
    return minus_two_log<S>(S::add(S::mul(k, width_), start_));
  }

 private:
  Vector width_, start_;
};

template <class S, class T>
class LogOfUniform {
 public:
  using Vector = typename Width<S, T>::Vector;
  explicit LogOfUniform(const TransformedNumbers& n) : log_(n) {}
  PYINIT_INLINE Vector operator()(Vector k) const { return S::mul(log_(k), S::all(static_cast<T>(-0.5))); }

 private:
  UniformLog<S, T> log_;
};

template <class S, class T>
class LogDecay {
 public:
  using Vector = typename Width<S, T>::Vector;
  explicit LogDecay(const TransformedNumbers& n) : log_(n) {}
  PYINIT_INLINE Vector operator()(Vector k) const {
    const Vector rate = S::mul(log_(k), S::all(static_cast<T>(0.25)));
    return S::mul(minus_two_log<S>(rate), S::all(static_cast<T>(-0.5)));
  }

 private:
  UniformLog<S, T> log_;
};

}  // namespace pyinit::rng
