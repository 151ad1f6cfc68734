// A layer's weights, from memory or drawn where they are used.
// Contract: a drawn part has the bits that a fill of the whole (inputs, outputs) tensor has there.
#pragma once

#include <cstddef>
#include <variant>

#include "dense/panels.hpp"
#include "fill/kernels.hpp"
#include "probe/moments.hpp"
#include "rng/numbers.hpp"
#include "team.hpp"

namespace pyinit::probe {

struct Drawn {
  rng::Key key;
  std::variant<rng::UniformNumbers, rng::NormalNumbers, rng::TruncatedNumbers> numbers;
};

struct Weight {
  size_t inputs, outputs;
  // Element (i, j) is data[i input_stride + j output_stride]. Null where the weights are drawn.
  const float* data;
  ptrdiff_t input_stride, output_stride;
  Drawn drawn;
};

// The kernels that draw weights and those that pack them.
struct WeightKernels {
  const fill::Kernels& draws;
  const dense::Kernels& dense;
};

// Packs the weights' parts for a product, each part once; what is drawn passes through a buffer of its
// thread.
class WeightPacker {
 public:
  using Part = dense::PanelPart<float>;

  // `recorder`, which may be null, is shown each part that pack_outputs makes. Throws std::bad_alloc.
  WeightPacker(const WeightKernels& kernels, const Weight& weight, Recorder* recorder, size_t members);

  // Packs the second factor of x W: columns are outputs, depth is inputs.
  void pack_outputs(Team& team, size_t member, const Part& part) const noexcept;
  // Packs that of dz W^T: columns are inputs, depth is outputs.
  void pack_inputs(Team& team, size_t member, const Part& part) const noexcept;

 private:
  // Copies or draws the inputs [row, row + rows) of the outputs [column, column + columns), one row after the
  // other.
  void fetch(size_t row, size_t rows, size_t column, size_t columns, float* to) const;

  WeightKernels kernels_;
  const Weight& weight_;
  Recorder* recorder_;
  // The columns of a task.
  size_t width_;
  Scratch<float> buffers_;
};

}  // namespace pyinit::probe
