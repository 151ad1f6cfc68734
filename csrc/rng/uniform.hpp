// u = (w mod 2^24) 2^-24 in float32, (x mod 2^53) 2^-53 in float64; then u (high - low) + low.
// Why so few bits: each is a multiple of the spacing below 1, so that u is exact and every value is as
// likely.
// Contract: each operation rounded once, no fma; clamped to the closed interval [lowest, highest] of the
// output type, which keeps the open bound open. Bit-equal to torch.func._random.uniform.
// Source: design of PyTorch 2.14's stateless generator. Checked by tests/kernels/test_uniform.py.
#pragma once

#include "compiler.hpp"
#include "rng/stream.hpp"

namespace pyinit::rng {

template <class S, class T>
class Uniform;

template <class S>
class Uniform<S, float> {
 public:
  using Value = float;

  explicit Uniform(const UniformNumbers& n)
      : range_(S::all(static_cast<float>(n.high) - static_cast<float>(n.low))),
        low_(S::all(static_cast<float>(n.low))),
        lowest_(S::all(static_cast<float>(n.lowest))),
        highest_(S::all(static_cast<float>(n.highest))) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const auto words01 = S::pair32(words.w0, words.w1);
    const auto words23 = S::pair32(words.w2, words.w3);
    S::store(out, value(S::in_order(0, words01, words23)));
    S::store(out + S::kLanes, value(S::in_order(1, words01, words23)));
  }

 private:
  PYINIT_INLINE typename S::F32 value(typename S::U32 w) const {
    // Below 2^24 the signed conversion is exact, and cheaper where there is no unsigned one.
    const auto integer = S::from_signed(S::bit_and(w, S::all(0xFFFFFFU)));
    const auto u = S::mul(integer, S::all(0x1p-24F));
    return S::clamp(S::add(S::mul(u, range_), low_), lowest_, highest_);
  }

  typename S::F32 range_, low_, lowest_, highest_;
};

template <class S>
class Uniform<S, double> {
 public:
  using Value = double;

  explicit Uniform(const UniformNumbers& n)
      : range_(S::all(n.high - n.low)),
        low_(S::all(n.low)),
        lowest_(S::all(n.lowest)),
        highest_(S::all(n.highest)) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    S::store_alternating(out, value(S::pair64(words.w1, words.w0)), value(S::pair64(words.w3, words.w2)));
  }

 private:
  PYINIT_INLINE typename S::F64 value(typename S::U64 x) const {
    const auto integer = S::from_signed(S::bit_and(x, S::all64((uint64_t{1} << 53) - 1)));
    const auto u = S::mul(integer, S::all(0x1p-53));
    return S::clamp(S::add(S::mul(u, range_), low_), lowest_, highest_);
  }

  typename S::F64 range_, low_, lowest_, highest_;
};

}  // namespace pyinit::rng
