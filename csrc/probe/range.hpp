// On which side of 0 an argument is, and how far; none of these loses a NaN.
#pragma once

namespace pyinit::probe {

// Whether x > 0.
template <class S>
[[gnu::always_inline]] inline typename S::M32 positive(typename S::F32 x) {
  return S::below(S::all(0.0F), x);
}

// min(x, 0).
template <class S>
[[gnu::always_inline]] inline typename S::F32 nonpositive_part(typename S::F32 x) {
  return S::at_most(x, S::all(0.0F));
}

// x held between -most and most.
template <class S>
[[gnu::always_inline]] inline typename S::F32 hold(typename S::F32 x, float most) {
  return S::at_most(S::at_least(x, S::all(-most)), S::all(most));
}

// |x|, at most `most`.
template <class S>
[[gnu::always_inline]] inline typename S::F32 magnitude(typename S::F32 x, float most) {
  return S::at_most(S::as_float(S::bit_and(S::bits(x), S::all(0x7FFFFFFFU))), S::all(most));
}

// -|x|.
template <class S>
[[gnu::always_inline]] inline typename S::F32 minus_magnitude(typename S::F32 x) {
  return S::negate_where(x, S::bit_xor(S::bits(x), S::all(0x80000000U)));
}

}  // namespace pyinit::probe
