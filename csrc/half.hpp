// Storage of the half types and of the two of 8 bits; their arithmetic is float32, rounded once on the way out.
#pragma once

#include <cstdint>

namespace pyinit {

struct Bfloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};
// Formats of 8 bits: digits and largest number are in float8.hpp. Source: Micikevicius et al. 2022.
struct Float8E4m3fn {
  uint8_t bits;
};
struct Float8E5m2 {
  uint8_t bits;
};

}  // namespace pyinit
