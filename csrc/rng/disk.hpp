// Complex numbers z = scale r (cos 2 pi v, sin 2 pi v), of which both parts are values of the stream: u is the
// draw of the real part, v that of the imaginary part, as in normal.hpp. r = sqrt(u) makes z uniform on the disk
// of radius `scale`; r = sqrt(-2 ln(floor + (1 - floor) u)) makes it normal, cut at |z|^2 = -2 scale^2 ln(floor).
// Why on a disk: the cut and the uniform have no direction, as the normal has none.
// Contract: |z| is within 4 ULP of the radius or below; max error of a part 4.2 ULP of |z|; same bits on every
// instruction set.
// Source: the inverse of each distribution of |z|^2; jax.nn.initializers makes the same. Checked by
// tests/kernels/test_disk.py.
#pragma once

#include "compiler.hpp"
#include "rng/elementary.hpp"
#include "rng/stream.hpp"

namespace pyinit::rng {

template <class S, class T>
class Disk;

template <class S>
class Disk<S, float> {
 public:
  using Value = float;

  explicit Disk(const DiskNumbers& n)
      : scale_(S::all(static_cast<float>(n.scale))),
        step_(S::mul(S::all(static_cast<float>(1 - n.floor)), S::all(0x1p-32F))),
        low_(S::fma(step_, S::all(0.5F), S::all(static_cast<float>(n.floor)))),
        normal_(n.normal) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const auto drawn = S::fma(S::from_unsigned(S::pair32(words.w0, words.w2)), step_, low_);
    const auto u = S::clamp(drawn, low_, S::all(1.0F));
    const auto r = S::sqrt(normal_ ? minus_two_log<S>(u) : u);
    const auto z = polar<S>(r, S::pair32(words.w1, words.w3));
    S::store_alternating(out, S::mul(z.cos, scale_), S::mul(z.sin, scale_));
  }

 private:
  typename S::F32 scale_, step_, low_;
  bool normal_;
};

template <class S>
class Disk<S, double> {
 public:
  using Value = double;

  explicit Disk(const DiskNumbers& n)
      : scale_(S::all(n.scale)),
        step_(S::mul(S::all(1 - n.floor), S::all(0x1p-64))),
        low_(S::fma(step_, S::all(0.5), S::all(n.floor))),
        normal_(n.normal) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const auto drawn = S::fma(S::from_unsigned(S::pair64(words.w1, words.w0)), step_, low_);
    const auto u = S::clamp(drawn, low_, S::all(1.0));
    const auto r = S::sqrt(normal_ ? minus_two_log<S>(u) : u);
    const auto z = polar<S>(r, S::pair64(words.w3, words.w2));
    S::store_alternating(out, S::mul(z.cos, scale_), S::mul(z.sin, scale_));
  }

 private:
  typename S::F64 scale_, step_, low_;
  bool normal_;
};

}  // namespace pyinit::rng
