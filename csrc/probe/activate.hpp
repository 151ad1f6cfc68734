// Applies an activation to an array: finds the formula of a name, and loops over vectors.
#pragma once

#include <cstddef>
#include <cstring>

#include "probe/activation.hpp"
#include "probe/activations.hpp"

namespace pyinit::probe {

// Calls use(the formula). It is a template over S only because of the linker (isa/table.hpp).
template <class S, class Use>
void with_activation(Activation activation, float parameter, const Use& use) {
  switch (activation) {
    case Activation::kLinear:
      return use(Linear{});
    case Activation::kRelu:
      return use(Relu{});
    case Activation::kLeakyRelu:
      return use(LeakyRelu{parameter});
    case Activation::kElu:
      return use(Elu{});
    case Activation::kSelu:
      return use(Selu{});
    case Activation::kGelu:
      return use(Gelu{});
    case Activation::kGeluTanh:
      return use(GeluTanh{});
    case Activation::kSilu:
      return use(Silu{});
    case Activation::kMish:
      return use(Mish{});
    case Activation::kTanh:
      return use(Tanh{});
    case Activation::kSigmoid:
      return use(Sigmoid{});
    case Activation::kHardtanh:
      return use(Hardtanh{});
    case Activation::kSoftplus:
      return use(Softplus{});
    case Activation::kSoftsign:
      return use(Softsign{});
    case Activation::kErf:
      return use(Erf{});
    case Activation::kSin:
      return use(Sin{});
  }
}

// y = function(x), vector by vector. A last one that is not full goes through a copy.
template <class S, class Function>
void map(const Function& function, const float* x, size_t n, float* y) {
  size_t i = 0;
  for (; i + S::kLanes <= n; i += S::kLanes) S::store(y + i, function(S::load(x + i)));
  if (i == n) return;
  float lanes[S::kLanes] = {};
  std::memcpy(lanes, x + i, (n - i) * sizeof(float));
  S::store(lanes, function(S::load(lanes)));
  std::memcpy(y + i, lanes, (n - i) * sizeof(float));
}

template <class S>
void activate(Activation activation, float parameter, const float* x, size_t n, float* y) {
  with_activation<S>(activation, parameter, [&](auto phi) {
    map<S>([&](typename S::F32 lanes) { return phi.template value<S>(lanes); }, x, n, y);
  });
}

template <class S>
void slope(Activation activation, float parameter, const float* x, size_t n, float* y) {
  with_activation<S>(activation, parameter, [&](auto phi) {
    map<S>([&](typename S::F32 lanes) { return phi.template slope<S>(lanes); }, x, n, y);
  });
}

}  // namespace pyinit::probe
