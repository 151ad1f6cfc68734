// z = Phi^-1(Phi(a) + u (Phi(b) - Phi(a))), u = (w + 1/2) 2^-N, one draw an element; then z std + mean.
// Why the inverse: no rejection, so any element can be made alone.
// Why two numbers for one probability: near the median z is proportional to x = 2 p - 1, in the tails to a
// function of t = min(p, 1 - p); the integer w gives both without cancellation, counted from the median for
// x and from the nearer end for t.
// Contract: max relative error of z 3.5e-7 (float32), 1.2e-15 (float64), in both tails; never outside
// [lowest, highest]; same bits on every instruction set.
// The numbers are worked out in decimal by pyinit/recipes/truncation.py. Checked by
// tests/kernels/test_truncated_normal.py.
#pragma once

#include "compiler.hpp"
#include "rng/elementary.hpp"
#include "rng/quantile.hpp"
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

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const U32 words01 = S::pair32(words.w0, words.w1);
    const U32 words23 = S::pair32(words.w2, words.w3);
    S::store(out, weight(S::in_order(0, words01, words23)));
    S::store(out + S::kLanes, weight(S::in_order(1, words01, words23)));
  }

 private:
  PYINIT_INLINE F32 weight(U32 draw) const {
    const U32 w = S::bit_xor(draw, mirror_);
    const F32 z = far_tail_ ? far_quantile(w) : near_quantile(w);
    return S::clamp(S::add(S::mul(z, std_), mean_), lowest_, highest_);
  }

  PYINIT_INLINE F32 near_quantile(U32 w) const {
    const auto below = S::below(w, pivot_);
    const auto above = S::invert(below);
    // Draws to the nearer end: w or ~w. Draws to the pivot: w - pivot or its complement.
    const F32 to_end = S::from_unsigned(S::complement_where(w, above));
    const F32 to_pivot = S::from_unsigned(S::complement_where(S::sub(w, pivot_), below));
    const F32 tail = S::fma(to_end, tail_step_, S::choose(below, tail_low_, tail_high_));
    const F32 centre = S::fma(to_pivot, centre_step_, S::choose(below, centre_low_, centre_high_));
    return quantile<S>(S::negate_where(centre, below), tail);
  }

  // Rare, so kept out of the loop.
  PYINIT_NOINLINE F32 far_quantile(U32 w) const {
    const F32 to_end = S::from_unsigned(S::bit_xor(w, S::all(0xFFFFFFFFU)));
    const F32 tail = S::fma(to_end, tail_step_, tail_high_);
    // -ln 4 t, with t (1 - t) = t.
    const F32 omega =
        S::fma(minus_two_log<S>(tail), S::all(0.5F), S::add(log_scale_, S::all(-0x1.62e43p+0F)));
    return tail_quantile<S>(omega);
  }

  bool far_tail_;
  U32 mirror_, pivot_;
  F32 log_scale_, tail_step_, tail_low_, tail_high_, centre_step_, centre_low_, centre_high_;
  F32 std_, mean_, lowest_, highest_;
};

// The same float32 values for numbers that are symmetric().
// Why: both halves of the draws are then counted in 31 bits, so that an integer is converted as if it had a
// sign, which is one operation where there is no unsigned conversion, and nothing is chosen by the side.
template <class S>
class SymmetricTruncatedNormal {
 public:
  using Value = float;
  using F32 = typename S::F32;
  using U32 = typename S::U32;

  explicit SymmetricTruncatedNormal(const TruncatedNumbers& n)
      : ones_(S::all(0xFFFFFFFFU)),
        tail_step_(S::all(static_cast<float>(n.tail_step))),
        tail_(S::all(static_cast<float>(n.tail_low))),
        centre_step_(S::all(static_cast<float>(n.centre_step))),
        centre_(S::all(static_cast<float>(n.centre_low))),
        std_(S::all(static_cast<float>(n.std))),
        mean_(S::all(static_cast<float>(n.mean))),
        lowest_(S::all(static_cast<float>(n.lowest))),
        highest_(S::all(static_cast<float>(n.highest))) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const U32 words01 = S::pair32(words.w0, words.w1);
    const U32 words23 = S::pair32(words.w2, words.w3);
    S::store(out, weight(S::in_order(0, words01, words23)));
    S::store(out + S::kLanes, weight(S::in_order(1, words01, words23)));
  }

  PYINIT_INLINE F32 weight(U32 draw) const {
    // The top bit is clear above the median, as that of a positive sign is.
    const U32 sign = S::bit_xor(draw, ones_);
    const U32 to_end = S::smaller(draw, sign);
    const U32 to_pivot = S::bit_xor(to_end, S::all(0x7FFFFFFFU));
    const F32 tail = S::fma(S::from_signed(to_end), tail_step_, tail_);
    const F32 centre = S::fma(S::from_signed(to_pivot), centre_step_, centre_);
    const F32 z = quantile<S>(S::negate_where(centre, sign), tail);
    return S::clamp(S::add(S::mul(z, std_), mean_), lowest_, highest_);
  }

 private:
  // Not a constant: for the complement GCC 12 takes an instruction of AVX-512 that also waits for what the
  // register held before, and so for the end of the last chain.
  U32 ones_;
  F32 tail_step_, tail_, centre_step_, centre_, std_, mean_, lowest_, highest_;
};

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

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    S::store_alternating(out, weight(S::pair64(words.w1, words.w0)), weight(S::pair64(words.w3, words.w2)));
  }

 private:
  PYINIT_INLINE F64 weight(U64 draw) const {
    const U64 w = S::bit_xor(draw, mirror_);
    const F64 z = far_tail_ ? far_quantile(w) : near_quantile(w);
    return S::clamp(S::add(S::mul(z, std_), mean_), lowest_, highest_);
  }

  PYINIT_INLINE F64 near_quantile(U64 w) const {
    const auto below = S::below(w, pivot_);
    const auto above = S::invert(below);
    const F64 to_end = S::from_unsigned(S::complement_where(w, above));
    const F64 to_pivot = S::from_unsigned(S::complement_where(S::sub(w, pivot_), below));
    const F64 tail = S::fma(to_end, tail_step_, S::choose(below, tail_low_, tail_high_));
    const F64 centre = S::fma(to_pivot, centre_step_, S::choose(below, centre_low_, centre_high_));
    return quantile<S>(centre, tail, below);
  }

  PYINIT_NOINLINE F64 far_quantile(U64 w) const {
    const F64 to_end = S::from_unsigned(S::bit_xor(w, S::all64(~uint64_t{0})));
    const F64 tail = S::fma(to_end, tail_step_, tail_high_);
    return tail_quantile<S>(S::fma(log_scale_, S::all(2.0), minus_two_log<S>(tail)));
  }

  bool far_tail_;
  U64 mirror_, pivot_;
  F64 log_scale_, tail_step_, tail_low_, tail_high_, centre_step_, centre_low_, centre_high_;
  F64 std_, mean_, lowest_, highest_;
};

}  // namespace pyinit::rng
