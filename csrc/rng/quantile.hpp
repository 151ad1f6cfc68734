// z = Phi^-1(p), the quantile of the normal, from two numbers for one probability: x = |2 p - 1|, exact near
// the median, and t = min(p, 1 - p), exact in the tails.
// float32: z = x P(omega), omega = -ln 4 t (1 - t), polynomials on [0, 5], [5, 16] and beyond (Giles' form).
// float64: Wichura's rational functions (AS 241) of x / 2 and of sqrt(-ln t).
// Why these: no iteration and no table, and only one branch, which is rare.
// Contract: max relative error of z 3.5e-7 (float32), 1.2e-15 (float64), in both tails.
// Source: Giles 2010, Approximating the erfinv function; Wichura 1988, Algorithm AS 241. Checked by
// tests/kernels/test_truncated_normal.py.
#pragma once

#include "compiler.hpp"
#include "rng/coefficients.hpp"
#include "rng/elementary.hpp"
#include "rng/frozen.hpp"
#include "rng/horner.hpp"
#include "rng/wichura.hpp"

namespace pyinit::rng {

// z / x of omega > 5: sqrt(omega) times a polynomial in its inverse. Rare, so kept out of the loop.
template <class S>
PYINIT_NOINLINE typename S::F32 tail_quantile(typename S::F32 omega) {
  const auto root = S::sqrt(omega);
  const auto inverse = S::div(S::all(1.0F), root);
  const auto near = horner<S>(S::add(inverse, S::all(-kGilesTailCentre)), kQuantileTailFloat);
  const auto far = horner<S>(S::add(inverse, S::all(-kGilesFarCentre)), kQuantileFarFloat);
  return S::mul(root, S::choose(S::below(omega, S::all(kGilesTailEnd)), near, far));
}

// z of x, with the sign of z, and t.
template <class S>
PYINIT_INLINE typename S::F32 quantile(typename S::F32 signed_x, typename S::F32 t) {
  // t - t^2, at most 1/4.
  const auto product = S::fma(S::mul(t, S::all(-1.0F)), t, t);
  const auto omega = S::fma(minus_two_log<S>(product), S::all(0.5F), S::all(-0x1.62e43p+0F));
  const auto centre_z = S::mul(signed_x, horner<S>(omega, kQuantileCentreFloat));
  const auto central = S::below(omega, S::all(kGilesCentreEnd));
  if (S::every(central)) [[likely]]
    return centre_z;
  return S::choose(central, centre_z, S::mul(signed_x, tail_quantile<S>(omega)));
}

// z of -2 ln t, in the tail.
template <class S>
PYINIT_NOINLINE typename S::F64 tail_quantile(typename S::F64 minus_two_log_t) {
  const auto root = S::sqrt(S::mul(minus_two_log_t, S::all(0.5)));
  const auto near = S::add(root, S::all(-kWichuraTailCentre));
  const auto z = S::div(horner<S>(near, kWichuraTailTop), horner<S>(near, kWichuraTailBottom));
  const auto is_near = S::below(root, S::all(kWichuraTailEnd));
  if (S::every(is_near)) [[likely]]
    return z;
  const auto far = S::add(root, S::all(-kWichuraTailEnd));
  return S::choose(is_near, z, S::div(horner<S>(far, kWichuraFarTop), horner<S>(far, kWichuraFarBottom)));
}

// z of x and t; negative where `below`.
template <class S>
PYINIT_INLINE typename S::F64 quantile(typename S::F64 x, typename S::F64 t, typename S::M64 below) {
  const auto half = S::mul(x, S::all(0.5));
  const auto square = S::fma(S::mul(half, S::all(-1.0)), half, S::all(kWichuraCentreSquare));
  const auto centre_z =
      S::mul(half, S::div(horner<S>(square, kWichuraCentreTop), horner<S>(square, kWichuraCentreBottom)));
  const auto central = S::below(half, S::all(kWichuraCentreEnd));
  auto z = centre_z;
  if (!S::every(central)) z = S::choose(central, centre_z, tail_quantile<S>(minus_two_log<S>(t)));
  return S::negate_where(z, below);
}

}  // namespace pyinit::rng
