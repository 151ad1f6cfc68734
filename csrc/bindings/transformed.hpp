// The numbers of a function of a uniform, as Python and XLA hand them over.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "rng/numbers.hpp"

// A function by the name of its distribution; none for another one.
inline std::optional<pyinit::rng::Transform> transform_named(std::string_view name) {
  using pyinit::rng::Transform;
  if (name == "log_uniform") return Transform::kLogUniform;
  if (name == "inverse_softplus") return Transform::kInverseSoftplus;
  if (name == "log_of_uniform") return Transform::kLogOfUniform;
  if (name == "log_decay") return Transform::kLogDecay;
  return std::nullopt;
}

// In the order of pyinit.stream.plan.NUMBERS.
using TransformedValues = std::array<double, 7>;

inline pyinit::rng::TransformedNumbers transformed(pyinit::rng::Transform function,
                                                   const TransformedValues& x) {
  return {function, x[0] + x[1] + x[2] > 0, x[0], x[1], x[2], x[3], x[4], x[5], x[6]};
}
