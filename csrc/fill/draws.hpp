// The draws of a distribution, and the 32-bit words themselves, over a window.
#pragma once

#include <cstdint>

#include "fill/filler.hpp"
#include "fill/typed.hpp"
#include "rng/bits.hpp"

namespace pyinit::fill {

template <class S, template <class, class> class Draw, class Numbers>
void draw(Dtype dtype, const Numbers& numbers, rng::Key key, const Runs& runs, void* out) {
  with_dtype<S>(dtype, out, [&]<class Value, class Out>(Value, Out* typed) {
    Filler<S, Draw<S, Value>, Out>(Draw<S, Value>(numbers), key)(runs, typed);
  });
}

template <class S>
void draw_words(rng::Key key, const Runs& runs, uint32_t* out) {
  Filler<S, rng::Bits<S>, uint32_t>({}, key)(runs, out);
}

}  // namespace pyinit::fill
