// A function of a uniform draw, times `scale`: one draw an element. The functions are those of curves.hpp.
// Why not a uniform fill and a pass over it: a pass would be bound by memory, and library functions have other
// bits on every machine.
// Contract: that of the function and one rounding for the scale; clamped to the closed interval [lowest,
// highest] of the output type; same bits on every instruction set.
// The numbers are worked out in decimal by pyinit/recipes/transformation.py. Checked by
// tests/kernels/test_transformed.py.
#pragma once

#include "compiler.hpp"
#include "rng/curves.hpp"
#include "rng/stream.hpp"

namespace pyinit::rng {

template <class S, class T, template <class, class> class Curve>
class Transformed;

template <class S, template <class, class> class Curve>
class Transformed<S, float, Curve> {
 public:
  using Value = float;

  explicit Transformed(const TransformedNumbers& n)
      : curve_(n),
        scale_(S::all(static_cast<float>(n.scale))),
        lowest_(S::all(static_cast<float>(n.lowest))),
        highest_(S::all(static_cast<float>(n.highest))) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    const auto words01 = S::pair32(words.w0, words.w1);
    const auto words23 = S::pair32(words.w2, words.w3);
    S::store(out, weight(S::in_order(0, words01, words23)));
    S::store(out + S::kLanes, weight(S::in_order(1, words01, words23)));
  }

  PYINIT_INLINE typename S::F32 weight(typename S::U32 draw) const {
    const auto k = S::from_signed(S::bit_and(draw, S::all(0xFFFFFFU)));
    return S::clamp(S::mul(curve_(k), scale_), lowest_, highest_);
  }

 private:
  Curve<S, float> curve_;
  typename S::F32 scale_, lowest_, highest_;
};

template <class S, template <class, class> class Curve>
class Transformed<S, double, Curve> {
 public:
  using Value = double;

  explicit Transformed(const TransformedNumbers& n)
      : curve_(n), scale_(S::all(n.scale)), lowest_(S::all(n.lowest)), highest_(S::all(n.highest)) {}

  template <class To>
  PYINIT_INLINE void operator()(const Words<S>& words, To out) const {
    S::store_alternating(out, weight(S::pair64(words.w1, words.w0)), weight(S::pair64(words.w3, words.w2)));
  }

 private:
  PYINIT_INLINE typename S::F64 weight(typename S::U64 draw) const {
    const auto k = S::from_signed(S::bit_and(draw, S::all64((uint64_t{1} << 53) - 1)));
    return S::clamp(S::mul(curve_(k), scale_), lowest_, highest_);
  }

  Curve<S, double> curve_;
  typename S::F64 scale_, lowest_, highest_;
};

}  // namespace pyinit::rng
