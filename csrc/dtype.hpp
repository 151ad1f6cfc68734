// The element types a fill can write, and the width of the draws behind each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "half.hpp"

namespace pyinit {

enum class Dtype { kFloat32, kFloat64, kBfloat16, kFloat16, kFloat8E4m3fn, kFloat8E5m2 };

constexpr size_t itemsize(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat32:
      return 4;
    case Dtype::kFloat64:
      return 8;
    case Dtype::kBfloat16:
    case Dtype::kFloat16:
      return 2;
    case Dtype::kFloat8E4m3fn:
    case Dtype::kFloat8E5m2:
      return 1;
  }
  return 0;
}

struct NamedDtype {
  std::string_view name;
  Dtype dtype;
};

inline constexpr NamedDtype kDtypes[] = {{"float32", Dtype::kFloat32},
                                         {"float64", Dtype::kFloat64},
                                         {"bfloat16", Dtype::kBfloat16},
                                         {"float16", Dtype::kFloat16},
                                         {"float8_e4m3fn", Dtype::kFloat8E4m3fn},
                                         {"float8_e5m2", Dtype::kFloat8E5m2}};

}  // namespace pyinit
