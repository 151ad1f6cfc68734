// Storage of the two half types; their arithmetic is float32, rounded once on the way out.
#pragma once

#include <cstdint>

namespace pyinit {

struct Bfloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

}  // namespace pyinit
