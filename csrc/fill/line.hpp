// The unit in which caches and memory exchange bytes, on every CPU that is built for.
#pragma once

#include <cstddef>

namespace pyinit::fill {

inline constexpr size_t kLine = 64;

}  // namespace pyinit::fill
