// The numbers of the functions of a uniform in digests.cpp, by dtype, as
// pyinit/recipes/transformation.py works them out for the recipes of tests/kernels/test_digests.py.
#pragma once

#include <iterator>

#include "dtype.hpp"
#include "rng/numbers.hpp"

namespace pyinit::tests {

struct NamedCurve {
  const char* name;
  // In the order of Dtype.
  rng::TransformedNumbers of[std::size(kDtypes)];

  constexpr bool has_all() const {
    for (const rng::TransformedNumbers& numbers : of)
      if (numbers.scale == 0) return false;
    return true;
  }
};

inline constexpr NamedCurve kCurves[] = {
    {"log_uniform",
     {
         {rng::Transform::kLogUniform, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, 0x1.0624de0000000p-10, 0x1.9999980000000p-4},
         {rng::Transform::kLogUniform, false, -0x1.3ee7b471b3a00p+3, -0x1.2a0705bd785f9p-42,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, 0x1.0624dd2f1a9fcp-10, 0x1.9999999999999p-4},
         {rng::Transform::kLogUniform, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, 0x1.0800000000000p-10, 0x1.9800000000000p-4},
         {rng::Transform::kLogUniform, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, 0x1.0640000000000p-10, 0x1.9980000000000p-4},
         {rng::Transform::kLogUniform, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, 0x1.0000000000000p-9, 0x1.8000000000000p-4},
         {rng::Transform::kLogUniform, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, 0x1.4000000000000p-10, 0x1.8000000000000p-4},
     }},
    {"inverse_softplus",
     {
         {rng::Transform::kInverseSoftplus, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, -0x1.8dabc00000000p+2, -0x1.2047100000000p+1},
         {rng::Transform::kInverseSoftplus, false, -0x1.3ee7b471b3a00p+3, -0x1.2a0705bd785f9p-42,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, -0x1.8dabc09a4398dp+2, -0x1.20470e5ea22dcp+1},
         {rng::Transform::kInverseSoftplus, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, -0x1.8c00000000000p+2, -0x1.2200000000000p+1},
         {rng::Transform::kInverseSoftplus, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, -0x1.8d80000000000p+2, -0x1.2080000000000p+1},
         {rng::Transform::kInverseSoftplus, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, -6.0, -0x1.4000000000000p+1},
         {rng::Transform::kInverseSoftplus, false, -0x1.3ee7c00000000p+3, 0x1.71c98ad5f8fa4p-18,
          0x1.a934f0979a371p+2, 0x1.b8d9c8786c6e5p-52, 1.0, -6.0, -0x1.4000000000000p+1},
     }},
    {"inverse_softplus_wide",
     {
         {rng::Transform::kInverseSoftplus, true, -1.0, 0.0, 0x1.4ae00d1cfdeb4p+1, 0x1.e7e802c48281ap-54, 1.0,
          -0x1.bb235e0000000p-2, 0x1.7976900000000p+1},
         {rng::Transform::kInverseSoftplus, true, -1.0, 0.0, 0x1.4ae00d1cfdeb4p+1, 0x1.e7e802c48281ap-54, 1.0,
          -0x1.bb235fcf0fcccp-2, 0x1.797690a902405p+1},
         {rng::Transform::kInverseSoftplus, true, -1.0, 0.0, 0x1.4ae00d1cfdeb4p+1, 0x1.e7e802c48281ap-54, 1.0,
          -0x1.ba00000000000p-2, 0x1.7800000000000p+1},
         {rng::Transform::kInverseSoftplus, true, -1.0, 0.0, 0x1.4ae00d1cfdeb4p+1, 0x1.e7e802c48281ap-54, 1.0,
          -0x1.bb00000000000p-2, 0x1.7940000000000p+1},
         {rng::Transform::kInverseSoftplus, true, -1.0, 0.0, 0x1.4ae00d1cfdeb4p+1, 0x1.e7e802c48281ap-54, 1.0,
          -0x1.a000000000000p-2, 0x1.6000000000000p+1},
         {rng::Transform::kInverseSoftplus, true, -1.0, 0.0, 0x1.4ae00d1cfdeb4p+1, 0x1.e7e802c48281ap-54, 1.0,
          -0x1.8000000000000p-2, 0x1.4000000000000p+1},
     }},
    {"log_of_uniform",
     {
         {rng::Transform::kLogOfUniform, true, 0.0, 0.0, 16.0, 0.0, 1.0, -0x1.d1cb7e0000000p+3,
          0x1.62e42e0000000p+1},
         {rng::Transform::kLogOfUniform, true, 0.0, 0.0, 16.0, 0.0, 1.0, -0x1.1542457337d43p+5,
          0x1.62e42fefa39eep+1},
         {rng::Transform::kLogOfUniform, true, 0.0, 0.0, 16.0, 0.0, 1.0, -0x1.d000000000000p+3,
          0x1.6200000000000p+1},
         {rng::Transform::kLogOfUniform, true, 0.0, 0.0, 16.0, 0.0, 1.0, -0x1.d1c0000000000p+3,
          0x1.62c0000000000p+1},
         {rng::Transform::kLogOfUniform, true, 0.0, 0.0, 16.0, 0.0, 1.0, -14.0, 0x1.6000000000000p+1},
         {rng::Transform::kLogOfUniform, true, 0.0, 0.0, 16.0, 0.0, 1.0, -14.0, 0x1.4000000000000p+1},
     }},
    {"log_decay",
     {
         {rng::Transform::kLogDecay, true, 0x1.9eb8520000000p-1, 0.0, 0x1.8106a80000000p-3, 0.0, 1.0,
          -0x1.ba104c0000000p+2, -0x1.200c0a0000000p+1},
         {rng::Transform::kLogDecay, true, 0x1.9eb851eb851ecp-1, 0.0, 0x1.8106ab14ec204p-3, 0.0, 1.0,
          -0x1.ba10779241e4dp+2, -0x1.200c095d659dfp+1},
         {rng::Transform::kLogDecay, true, 0x1.9eb8520000000p-1, 0.0, 0x1.8106a80000000p-3, 0.0, 1.0,
          -0x1.ba00000000000p+2, -0x1.2200000000000p+1},
         {rng::Transform::kLogDecay, true, 0x1.9eb8520000000p-1, 0.0, 0x1.8106a80000000p-3, 0.0, 1.0,
          -0x1.ba00000000000p+2, -0x1.2040000000000p+1},
         {rng::Transform::kLogDecay, true, 0x1.9eb8520000000p-1, 0.0, 0x1.8106a80000000p-3, 0.0, 1.0,
          -0x1.a000000000000p+2, -0x1.4000000000000p+1},
         {rng::Transform::kLogDecay, true, 0x1.9eb8520000000p-1, 0.0, 0x1.8106a80000000p-3, 0.0, 1.0, -6.0,
          -0x1.4000000000000p+1},
     }},
};

static_assert(
    [] {
      for (const NamedCurve& curve : kCurves)
        if (!curve.has_all()) return false;
      return true;
    }(),
    "each curve has numbers for each dtype");

}  // namespace pyinit::tests
