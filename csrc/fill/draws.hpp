// The draws of a distribution, and the 32-bit words themselves, over a window.
#pragma once

#include <cstdint>
#include <type_traits>

#include "fill/filler.hpp"
#include "fill/typed.hpp"
#include "rng/bits.hpp"
#include "rng/curves.hpp"
#include "rng/disk.hpp"
#include "rng/transformed.hpp"
#include "rng/truncated.hpp"
#include "rng/uniform.hpp"
#include "simd/interface.hpp"

namespace pyinit::fill {

// Draws of one step: nothing but words needs registers.
template <class S>
using WordGroups = Groups<simd::WordSet<S>, rng::Bits<simd::WordSet<S>>>;

template <class S>
void uniform(Dtype dtype, const rng::UniformNumbers& numbers, rng::Key key, const Runs& runs, void* out) {
  with_dtype<S>(dtype, out, [&]<class Value, class Out>(Value, Out* typed) {
    using Set = simd::WordSet<S>;
    using Drawn = rng::Uniform<Set, Value>;
    Filler<S, Groups<Set, Drawn>, Out>(Drawn(numbers), key)(runs, typed);
  });
}

template <class S, template <class, class> class Draw, class Numbers>
void draw(Dtype dtype, const Numbers& numbers, rng::Key key, const Runs& runs, void* out) {
  with_dtype<S>(dtype, out, [&]<class Value, class Out>(Value, Out* typed) {
    using Drawn = Draw<S, Value>;
    Filler<S, Groups<S, Drawn>, Out>(Drawn(numbers), key)(runs, typed);
  });
}

template <class S>
void truncated_normal(Dtype dtype, const rng::TruncatedNumbers& numbers, rng::Key key, const Runs& runs,
                      void* out) {
  if (dtype == Dtype::kFloat64 || !numbers.symmetric())
    return draw<S, rng::TruncatedNormal>(dtype, numbers, key, runs, out);
  with_dtype<S>(dtype, out, [&]<class Value, class Out>(Value, Out* typed) {
    if constexpr (!std::is_same_v<Value, double>) {
      using Drawn = rng::SymmetricTruncatedNormal<simd::ChainSet<S>>;
      Filler<S, Groups<S, Drawn>, Out>(Drawn(numbers), key)(runs, typed);
    }
  });
}

template <class S, template <class, class> class Curve>
void draw_curve(Dtype dtype, const rng::TransformedNumbers& numbers, rng::Key key, const Runs& runs,
                void* out) {
  with_dtype<S>(dtype, out, [&]<class Value, class Out>(Value, Out* typed) {
    // In float64 a loop at once, as for all draws.
    using Set = std::conditional_t<std::is_same_v<Value, double>, S, simd::ChainSet<S>>;
    using Drawn = rng::Transformed<Set, Value, Curve>;
    Filler<S, Groups<S, Drawn>, Out>(Drawn(numbers), key)(runs, typed);
  });
}

template <class S>
void transformed(Dtype dtype, const rng::TransformedNumbers& numbers, rng::Key key, const Runs& runs,
                 void* out) {
  using rng::Transform;
  switch (numbers.function) {
    case Transform::kLogUniform:
      return draw_curve<S, rng::LogUniform>(dtype, numbers, key, runs, out);
    case Transform::kInverseSoftplus:
      return draw_curve<S, rng::InverseSoftplus>(dtype, numbers, key, runs, out);
    case Transform::kLogOfUniform:
      return draw_curve<S, rng::LogOfUniform>(dtype, numbers, key, runs, out);
    case Transform::kLogDecay:
      return draw_curve<S, rng::LogDecay>(dtype, numbers, key, runs, out);
  }
}

template <class S>
void disk(Dtype dtype, const rng::DiskNumbers& numbers, rng::Key key, const Runs& runs, void* out) {
  const auto fill = [&]<class Value>(Value* typed) {
    using Drawn = rng::Disk<S, Value>;
    Filler<S, Groups<S, Drawn>, Value>(Drawn(numbers), key)(runs, typed);
  };
  dtype == Dtype::kFloat64 ? fill(static_cast<double*>(out)) : fill(static_cast<float*>(out));
}

template <class S>
void draw_words(rng::Key key, const Runs& runs, uint32_t* out) {
  Filler<S, WordGroups<S>, uint32_t>(rng::Bits<simd::WordSet<S>>(), key)(runs, out);
}

}  // namespace pyinit::fill
