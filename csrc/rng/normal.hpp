// z = sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v), from neighbouring draws u (even) and v (odd); then z std +
// mean. u = fl(fl(w) 2^-32 + 2^-33) in (0, 1], both roundings to float32; v = (w' + 1/2) 2^-32 turns, exact.
// float64: the same with 64-bit draws, 2^-64 and 2^-65.
// Why Box-Muller: two words in, two normals out, always; any element can be made alone.
// A mean of 0: one fma of z, std and +0. Adding +0 rounds nothing, so the value is that of the two roundings.
// The sign of a zero is not: where z std underflows to 0, a negative z makes -0 and two roundings would make
// +0. Stream version 1 has the -0.
// Contract: |z| <= 6.77 in float32, 9.5 in float64; max error of z 4.2 ULP (csrc/tests/elementary.cpp), at
// most 6e-7 from torch.func._random.normal in its vectors; same bits on every instruction set.
// Source: Box & Muller 1958; design of PyTorch 2.14's stateless generator. Checked by
// tests/kernels/test_normal.py.
#pragma once

#include "compiler.hpp"
#include "rng/elementary.hpp"
#include "rng/stream.hpp"

namespace pyinit::rng {

template <class S, class T>
class Normal;

template <class S>
class Normal<S, float> {
 public:
  using Value = float;

  explicit Normal(const NormalNumbers& n)
      : mean_(S::all(static_cast<float>(n.mean))),
        std_(S::all(static_cast<float>(n.std))),
        centred_(n.mean == 0) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const auto r = radius(S::pair32(words.w0, words.w2));
    const auto turn = S::pair32(words.w1, words.w3);
    centred_ ? weights<true>(r, turn, out) : weights<false>(r, turn, out);
  }

  // The two steps, for loops that take one at a time: sqrt(-2 ln u) of the even draws; then the weights, of
  // the odd draws and with kCentred = centred().
  PYINIT_INLINE static typename S::F32 radius(typename S::U32 draw) {
    const auto u = S::fma(S::from_unsigned(draw), S::all(0x1p-32F), S::all(0x1p-33F));
    return S::sqrt(minus_two_log<S>(u));
  }
  template <bool kCentred, class To>
  PYINIT_INLINE void weights(typename S::F32 radius, typename S::U32 turn, To out) const {
    const auto z = polar<S>(radius, turn);
    S::store_alternating(out, weight<kCentred>(z.cos), weight<kCentred>(z.sin));
  }
  bool centred() const { return centred_; }

 private:
  template <bool kCentred>
  PYINIT_INLINE typename S::F32 weight(typename S::F32 z) const {
    // One fma is then the two roundings, but for the sign of a zero.
    return kCentred ? S::fma(z, std_, mean_) : S::add(S::mul(z, std_), mean_);
  }

  typename S::F32 mean_, std_;
  bool centred_;
};

template <class S>
class Normal<S, double> {
 public:
  using Value = double;

  explicit Normal(const NormalNumbers& n)
      : mean_(S::all(n.mean)), std_(S::all(n.std)), centred_(n.mean == 0) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const auto draw = S::from_unsigned(S::pair64(words.w1, words.w0));
    const auto u = S::fma(draw, S::all(0x1p-64), S::all(0x1p-65));
    const auto radius = S::sqrt(minus_two_log<S>(u));
    const auto z = polar<S>(radius, S::pair64(words.w3, words.w2));
    S::store_alternating(out, weight(z.cos), weight(z.sin));
  }

 private:
  PYINIT_INLINE typename S::F64 weight(typename S::F64 z) const {
    // One fma is then the two roundings, but for the sign of a zero.
    return centred_ ? S::fma(z, std_, mean_) : S::add(S::mul(z, std_), mean_);
  }

  typename S::F64 mean_, std_;
  bool centred_;
};

}  // namespace pyinit::rng
