// The vector operations kernels are written in, for WebAssembly's SIMD, which has no fused multiply-add. The
// compiler makes vectors of Scalar's loops; only float32's fma has to be put together.
//
// fma(a, b, c): p = a b is exact in float64, as 24 + 24 bits fit into 53. s = p + c is rounded there to the
// nearest, and TwoSum gives its error e. Where e is not zero and the last bit of s is even, s moves by one place
// towards the exact sum: so it is rounded to odd, and from there to float32 there is one rounding.
// Why: of 53 >= 24 + 2 bits, a sum rounded to odd is a tie of float32 only where the exact sum is one.
// Contract: the bits of fusedMultiplyAdd, subnormal results among them.
// Source: Boldo & Melquiond 2008, "Emulation of a FMA and correctly rounded sums: proved algorithms using
// rounding to odd". Checked by csrc/tests/simd.cpp on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/scalar.hpp"

namespace pyinit::simd {

struct Wasm : Scalar {
  static constexpr const char* kName = "wasm";

  // float64's is a call of the C library: no kernel of float32 makes it.
  using Scalar::fma;
  PYINIT_OPERATION F32 fma(F32 a, F32 b, F32 c) {
    return each<F32>([&](size_t i) {
      const double p = static_cast<double>(a.v[i]) * static_cast<double>(b.v[i]);
      const auto addend = static_cast<double>(c.v[i]);
      const double s = p + addend;
      const double part = s - p;
      const double e = (p - (s - part)) + (addend - part);
      auto sum = __builtin_bit_cast(uint64_t, s);
      // Of an infinity or NaN, e is NaN: neither comparison holds.
      const uint64_t is_inexact = (e > 0) | (e < 0);
      const uint64_t step = (e > 0) == (s > 0) ? 1 : ~uint64_t{0};
      sum += (is_inexact & ~sum & 1) * step;
      return static_cast<float>(__builtin_bit_cast(double, sum));
    });
  }
};

static_assert(InstructionSet<Wasm>);

}  // namespace pyinit::simd
