// The fills: check what memory safety needs, release the GIL, call, return.
#include <cmath>
#include <string_view>

#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/register.hpp"
#include "bindings/released.hpp"
#include "bindings/transformed.hpp"
#include "bindings/truncated.hpp"
#include "fill/fill.hpp"
#include "float_environment.hpp"

namespace {

using pyinit::Dtype;
using pyinit::fill::Region;
using pyinit::fill::Target;
using Axes = std::vector<uint64_t>;

Region region_of(const py::array& out, const Axes& global_shape, const Axes& start) {
  const auto axes = static_cast<size_t>(out.ndim());
  if (global_shape.size() != axes || start.size() != axes)
    throw py::value_error("window and out differ in rank");
  Axes shape(axes);
  for (size_t d = 0; d < axes; ++d) {
    shape[d] = static_cast<uint64_t>(out.shape(static_cast<py::ssize_t>(d)));
    if (start[d] > global_shape[d] || shape[d] > global_shape[d] - start[d]) {
      throw py::value_error("the window leaves the tensor");
    }
  }
  return Region(global_shape, start, shape);
}

// The kernels of a fill, where it goes, and which part of the stream it takes.
struct Place {
  const pyinit::fill::Kernels& kernels;
  Target target;
  Region region;
  pyinit::rng::Key key;
};

Place place(py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
            const Axes& start, int threads) {
  const Dtype known = dtype_named(dtype);
  const Settled call = settled(threads);
  return {call.kernels.fill,
          {writable(out, pyinit::itemsize(known)), known, call.threads},
          region_of(out, global_shape, start),
          {seed, offset}};
}

// sparsity 2^32, rounded to nearest even as Python's round does, whatever the mode of the caller's thread is.
uint64_t chance_threshold(double sparsity) {
  uint64_t threshold = 0;
  pyinit::in_default_environment(
      [&]() noexcept { threshold = static_cast<uint64_t>(std::nearbyint(sparsity * 0x1p32)); });
  return threshold;
}

}  // namespace

void register_fill(py::module_& module) {
  module.def(
      "fill_uniform",
      [](py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
         const Axes& start, double low, double high, double lowest, double highest, int threads) {
        const Place to = place(out, dtype, seed, offset, global_shape, start, threads);
        const GilReleased released;
        pyinit::fill::uniform(to.kernels, to.target, to.region, to.key, {low, high, lowest, highest});
      },
      py::arg("out"), py::arg("dtype"), py::arg("seed"), py::arg("offset"), py::arg("global_shape"),
      py::arg("start"), py::arg("low"), py::arg("high"), py::arg("lowest"), py::arg("highest"),
      py::arg("threads"));
  module.def(
      "fill_normal",
      [](py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
         const Axes& start, double mean, double std, int threads) {
        const Place to = place(out, dtype, seed, offset, global_shape, start, threads);
        const GilReleased released;
        pyinit::fill::normal(to.kernels, to.target, to.region, to.key, {mean, std});
      },
      py::arg("out"), py::arg("dtype"), py::arg("seed"), py::arg("offset"), py::arg("global_shape"),
      py::arg("start"), py::arg("mean"), py::arg("std"), py::arg("threads"));
  module.def(
      "fill_truncated",
      [](py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
         const Axes& start, double mean, double std, double lowest, double highest, const Interval& numbers,
         int threads) {
        const Place to = place(out, dtype, seed, offset, global_shape, start, threads);
        const auto interval = truncated(mean, std, lowest, highest, numbers);
        const GilReleased released;
        pyinit::fill::truncated_normal(to.kernels, to.target, to.region, to.key, interval);
      },
      py::arg("out"), py::arg("dtype"), py::arg("seed"), py::arg("offset"), py::arg("global_shape"),
      py::arg("start"), py::arg("mean"), py::arg("std"), py::arg("lowest"), py::arg("highest"),
      py::arg("numbers"), py::arg("threads"));
  module.def(
      "fill_transformed",
      [](py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
         const Axes& start, std::string_view function, const TransformedValues& numbers, int threads) {
        const Place to = place(out, dtype, seed, offset, global_shape, start, threads);
        const auto known = transform_named(function);
        if (!known) throw py::value_error("unknown function of a uniform");
        const auto values = transformed(*known, numbers);
        const GilReleased released;
        pyinit::fill::transformed(to.kernels, to.target, to.region, to.key, values);
      },
      py::arg("out"), py::arg("dtype"), py::arg("seed"), py::arg("offset"), py::arg("global_shape"),
      py::arg("start"), py::arg("function"), py::arg("numbers"), py::arg("threads"));
  module.def(
      "fill_disk",
      [](py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
         const Axes& start, double scale, double floor, bool normal, int threads) {
        const Place to = place(out, dtype, seed, offset, global_shape, start, threads);
        if (to.target.dtype != Dtype::kFloat32 && to.target.dtype != Dtype::kFloat64)
          throw py::value_error("the parts of complex numbers are float32 or float64");
        const GilReleased released;
        pyinit::fill::disk(to.kernels, to.target, to.region, to.key, {scale, floor, normal});
      },
      py::arg("out"), py::arg("dtype"), py::arg("seed"), py::arg("offset"), py::arg("global_shape"),
      py::arg("start"), py::arg("scale"), py::arg("floor"), py::arg("normal"), py::arg("threads"));
  module.def(
      "fill_sparse",
      [](py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
         const Axes& start, double mean, double std, uint64_t mask_seed, uint64_t mask_offset, uint32_t zeros,
         int threads) {
        const Place to = place(out, dtype, seed, offset, global_shape, start, threads);
        if (global_shape.size() != 2 || global_shape[0] > UINT32_MAX)
          throw py::value_error("sparse needs a matrix");
        const pyinit::rng::ColumnZeros columns{
            {mask_seed, mask_offset}, static_cast<uint32_t>(global_shape[0]), zeros};
        const pyinit::fill::MatrixPlace matrix{start[0], start[1], static_cast<uint64_t>(out.shape(0)),
                                               static_cast<uint64_t>(out.shape(1))};
        const GilReleased released;
        pyinit::fill::sparse(to.kernels, to.target, to.region, to.key, {mean, std}, columns, matrix);
      },
      py::arg("out"), py::arg("dtype"), py::arg("seed"), py::arg("offset"), py::arg("global_shape"),
      py::arg("start"), py::arg("mean"), py::arg("std"), py::arg("mask_seed"), py::arg("mask_offset"),
      py::arg("zeros"), py::arg("threads"));
  module.def(
      "fill_bernoulli_sparse",
      [](py::array& out, std::string_view dtype, uint64_t seed, uint64_t offset, const Axes& global_shape,
         const Axes& start, double mean, double std, uint64_t mask_seed, uint64_t mask_offset,
         double sparsity, int threads) {
        const Place to = place(out, dtype, seed, offset, global_shape, start, threads);
        const uint64_t threshold = chance_threshold(sparsity);
        const pyinit::rng::ChanceZeros chance{{mask_seed, mask_offset}, threshold};
        const GilReleased released;
        pyinit::fill::bernoulli_sparse(to.kernels, to.target, to.region, to.key, {mean, std}, chance);
      },
      py::arg("out"), py::arg("dtype"), py::arg("seed"), py::arg("offset"), py::arg("global_shape"),
      py::arg("start"), py::arg("mean"), py::arg("std"), py::arg("mask_seed"), py::arg("mask_offset"),
      py::arg("sparsity"), py::arg("threads"));
  module.def(
      "write_roofline",
      [](py::array& out, int threads) {
        void* to = writable(out, 1);
        const auto size = static_cast<size_t>(out.nbytes());
        const Settled call = settled(threads);
        const GilReleased released;
        pyinit::fill::stream_constant(call.kernels.fill, to, size, call.threads);
      },
      py::arg("out"), py::arg("threads"),
      "Write bytes past the cache: what memory alone allows, for benchmarks.");
  module.def(
      "fill_constant",
      [](py::array& out, const py::bytes& element, int threads) {
        const std::string_view bytes = element;
        const auto item = static_cast<size_t>(out.itemsize());
        if (bytes.size() != item || item == 0 || 64 % item != 0)
          throw py::value_error("element and out differ");
        void* to = writable(out, item);
        const auto size = static_cast<size_t>(out.nbytes());
        const Settled call = settled(threads);
        const GilReleased released;
        pyinit::fill::constant(call.kernels.fill, to, size, bytes.data(), item, call.threads);
      },
      py::arg("out"), py::arg("element"), py::arg("threads"));
}
