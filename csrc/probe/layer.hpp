// One dense layer of a probed network, forward and backward, with its statistics.
//
//     z = x W + b, y = phi(z);    dz = dy phi'(z), dx = dz W^T, dW = x^T dz, db = the column sums of dz
//
// Why fused: the weights may be drawn straight into the product's panels, so that a layer needs no more
// memory than its panels; and the statistics look at a panel of the product while it is near.
// Contract: each product is one chain of fma an element in ascending depth (dense/matmul.hpp); the bias is
// added by one rounding after it, dz is one rounding of a product, db is one chain of double additions in
// ascending row order, rounded once. Bits depend on neither threads nor instruction set, but for the sign and
// payload of a NaN, which are the machine's. Matrices are row-major without gaps; outputs overlap nothing,
// but that y may be z, dz may be z and dx may be dy.
#pragma once

#include <optional>

#include "probe/kernels.hpp"
#include "probe/weight.hpp"

namespace pyinit::probe {

// The kernels that a layer needs, all of one instruction set.
struct LayerKernels {
  const Kernels& probe;
  WeightKernels weight;
};

struct Layer {
  size_t batch;
  Weight weight;
  Activation activation;
  float parameter;
  // At least 1.
  int threads;
};

struct Forward {
  const float* x;
  // Null where there is no bias.
  const float* bias;
  // z and y may be the same memory, which then holds y.
  float* z;
  float* y;
  std::optional<Question> ask_z, ask_y, ask_weight;
};

struct ForwardMoments {
  std::optional<Moments> z, y, weight;
};

// A unit of y is dead where it is zero, or its slope is, in every row. Throws std::bad_alloc.
ForwardMoments forward(const LayerKernels& kernels, const Layer& layer, const Forward& task);

// dz and z may be the same memory, which then holds dz; so may dx and dy.
struct Backward {
  // x is needed for dw and its statistics.
  const float* x;
  const float* z;
  const float* dy;
  float* dz;
  // Null where it is not wanted.
  float* dx;
  float* dw;
  float* db;
  std::optional<Question> ask_dz, ask_dw;
};

struct BackwardMoments {
  std::optional<Moments> dz, dw;
};

// A unit of dz is dead where it is zero in every row. Throws std::bad_alloc.
BackwardMoments backward(const LayerKernels& kernels, const Layer& layer, const Backward& task);

}  // namespace pyinit::probe
