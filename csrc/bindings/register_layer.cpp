// The probe's layer and its statistics: check what memory safety needs, release the GIL, call, return.
#include <algorithm>
#include <cmath>

#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/register.hpp"
#include "bindings/released.hpp"
#include "bindings/truncated.hpp"
#include "float_environment.hpp"
#include "probe/layer.hpp"

namespace {

using namespace pyinit::probe;
using Array = py::array_t<float, py::array::c_style>;
using Strided = py::array_t<float>;
// Scale, low, high, bins of a histogram ("", ... for none; "signed_log": lowest, highest octave, cuts); the
// two thresholds of saturation.
using Asked = std::tuple<std::string, double, double, int, double, double>;
// Kernel, seed, offset and numbers of weights that are drawn.
using DrawnNumbers = std::tuple<std::string, uint64_t, uint64_t, py::tuple>;

const float* aligned(const float* data) {
  if (reinterpret_cast<uintptr_t>(data) % alignof(float) != 0)
    throw py::value_error("arrays must be aligned");
  return data;
}

size_t extent(const py::array& array, py::ssize_t axis) { return static_cast<size_t>(array.shape(axis)); }

const float* matrix(const Array& array, size_t rows, size_t columns) {
  if (array.ndim() != 2 || extent(array, 0) != rows || extent(array, 1) != columns)
    throw py::value_error("a matrix has another shape than the layer");
  return aligned(array.data());
}

float* writable(std::optional<Array>& array, size_t rows, size_t columns) {
  if (!array) return nullptr;
  matrix(*array, rows, columns);
  return array->mutable_data();  // throws when read-only
}

size_t length(const Array& array) {
  if (array.ndim() != 1) throw py::value_error("a bias is a vector");
  return extent(array, 0);
}

// Rounds to nearest, whatever the mode of the caller's thread is.
float rounded(double number) {
  float result = 0;
  pyinit::in_default_environment([&]() noexcept { result = static_cast<float>(number); });
  return result;
}

Question question(const Asked& asked) {
  const auto& [scale, low, high, bins, saturated_low, saturated_high] = asked;
  Question result{{}, rounded(saturated_low), rounded(saturated_high)};
  Axis& axis = result.axis;
  if (scale == "linear") {
    axis.scale = Axis::Scale::kLinear;
    axis.low = low;
    axis.high = high;
    // No number may fall beside the bins: an infinite scale would make positions that are not numbers.
    if (!(std::isfinite(low) && std::isfinite(high - low) && low < high) || bins < 1 || bins > 1 << 20 ||
        !std::isfinite(bins / (high - low)))
      throw py::value_error("a linear histogram needs low < high and 1 to 2^20 bins of 1e-308 at least");
    axis.linear_bins = static_cast<uint32_t>(bins);
  } else if (scale == "signed_log") {
    axis.scale = Axis::Scale::kSignedLog;
    axis.cuts = bins;
    if (!(low >= -126 && low < high && high <= 128) || bins < 0 || bins > 10)
      throw py::value_error("a logarithmic histogram needs octaves in -126..128 and 0 to 10 cuts");
    axis.lowest = static_cast<int>(low);
    axis.highest = static_cast<int>(high);
  } else if (!scale.empty()) {
    throw py::value_error("unknown scale " + scale);
  }
  return result;
}

std::optional<Question> question(const std::optional<Asked>& asked) {
  if (!asked) return std::nullopt;
  return question(*asked);
}

Drawn drawn(const DrawnNumbers& given) {
  using namespace pyinit::rng;
  const auto& [kernel, seed, offset, numbers] = given;
  const Key key{seed, offset};
  if (kernel == "normal") {
    const auto [mean, std] = numbers.cast<std::tuple<double, double>>();
    return {key, NormalNumbers{mean, std}};
  }
  if (kernel == "uniform") {
    const auto [low, high, lowest, highest] = numbers.cast<std::tuple<double, double, double, double>>();
    return {key, UniformNumbers{low, high, lowest, highest}};
  }
  if (kernel != "truncated_normal") throw py::value_error(kernel + " cannot be drawn in panels");
  const auto [mean, std, lowest, highest, interval] =
      numbers.cast<std::tuple<double, double, double, double, Interval>>();
  return {key, truncated(mean, std, lowest, highest, interval)};
}

Weight weight(const std::variant<Strided, DrawnNumbers>& given, size_t inputs, size_t outputs) {
  if (const auto* numbers = std::get_if<DrawnNumbers>(&given))
    return {inputs, outputs, nullptr, 0, 0, drawn(*numbers)};
  const auto& array = std::get<Strided>(given);
  constexpr auto kItem = static_cast<py::ssize_t>(sizeof(float));
  if (array.ndim() != 2 || extent(array, 0) != inputs || extent(array, 1) != outputs ||
      array.strides(0) % kItem != 0 || array.strides(1) % kItem != 0)
    throw py::value_error("weight must be (inputs, outputs) with strides of whole elements");
  return {inputs, outputs, aligned(array.data()), array.strides(0) / kItem, array.strides(1) / kItem, {}};
}

Layer layer(const Array& x, const Array& y, const std::variant<Strided, DrawnNumbers>& given,
            std::string_view activation, double parameter, int threads) {
  const auto known = find_activation(activation);
  if (!known) throw py::value_error("unknown activation " + std::string(activation));
  if (x.ndim() != 2 || y.ndim() != 2 || x.size() == 0 || y.size() == 0 || x.shape(0) != y.shape(0))
    throw py::value_error("a layer needs (batch, inputs) and (batch, outputs), none of them empty");
  return {extent(x, 0), weight(given, extent(x, 1), extent(y, 1)), *known, rounded(parameter), threads};
}

LayerKernels kernels_of(const Settled& call) {
  return {call.kernels.probe, {call.kernels.fill, call.kernels.dense}};
}

// The arrays of a layer that are only read.
using Given = std::vector<const py::array*>;

void add_stored(const std::variant<Strided, DrawnNumbers>& weight, Given& given) {
  if (const auto* array = std::get_if<Strided>(&weight)) given.push_back(array);
}

py::object statistics(const std::optional<Moments>& moments) {
  if (!moments) return py::none();
  py::dict result;
  result["count"] = moments->count;
  result["nonfinite"] = moments->nonfinite;
  result["saturated"] = moments->saturated;
  result["dead"] = moments->dead;
  result["mean"] = moments->mean;
  result["m2"] = moments->m2;
  result["minimum"] = moments->minimum;
  result["maximum"] = moments->maximum;
  result["histogram"] =
      py::array_t<uint64_t>(static_cast<py::ssize_t>(moments->histogram.size()), moments->histogram.data());
  return result;
}

py::tuple layer_forward(const Array& x, const std::variant<Strided, DrawnNumbers>& given,
                        const std::optional<Array>& bias, std::string_view activation, double parameter,
                        std::optional<Array> z, Array y, const std::optional<Asked>& ask_z,
                        const std::optional<Asked>& ask_y, const std::optional<Asked>& ask_weight,
                        int threads) {
  const Settled call = settled(threads);
  const Layer task = layer(x, y, given, activation, parameter, call.threads);
  const size_t outputs = task.weight.outputs;
  if (bias && length(*bias) != outputs) throw py::value_error("bias and y differ in length");
  Given read{&x};
  add_stored(given, read);
  if (bias) read.push_back(&*bias);
  for (const py::array* array : read) {
    check_apart(y, *array);
    if (z) check_apart(*z, *array);
  }
  if (z) check_same_or_apart(*z, y);
  float* to_y = y.mutable_data();
  float* to_z = z ? writable(z, task.batch, outputs) : to_y;
  const Forward arguments{aligned(x.data()),
                          bias ? aligned(bias->data()) : nullptr,
                          to_z,
                          const_cast<float*>(aligned(to_y)),
                          question(ask_z),
                          question(ask_y),
                          question(ask_weight)};
  ForwardMoments moments;
  {
    const GilReleased released;
    moments = forward(kernels_of(call), task, arguments);
  }
  return py::make_tuple(statistics(moments.z), statistics(moments.y), statistics(moments.weight));
}

py::tuple layer_backward(const Array& x, const std::variant<Strided, DrawnNumbers>& given,
                         std::string_view activation, double parameter, const Array& z, const Array& dy,
                         Array dz, std::optional<Array> dx, std::optional<Array> dw, std::optional<Array> db,
                         const std::optional<Asked>& ask_dz, const std::optional<Asked>& ask_dw,
                         int threads) {
  const Settled call = settled(threads);
  const Layer task = layer(x, z, given, activation, parameter, call.threads);
  const auto inputs = task.weight.inputs, outputs = task.weight.outputs;
  if (db && length(*db) != outputs) throw py::value_error("db and z differ in length");
  matrix(dz, task.batch, outputs);
  std::vector<const py::array*> written{&dz};
  for (const std::optional<Array>* each : {&dx, &dw, &db}) {
    if (*each) written.push_back(&**each);
  }
  Given read{&x};
  add_stored(given, read);
  for (size_t i = 0; i < written.size(); ++i) {
    for (const py::array* array : read) check_apart(*written[i], *array);
    for (size_t k = 0; k < i; ++k) check_apart(*written[i], *written[k]);
    // dz may be z, and dx dy.
    if (i == 0) {
      check_same_or_apart(dz, z);
    } else {
      check_apart(*written[i], z);
    }
    if (dx && written[i] == &*dx) {
      check_same_or_apart(*dx, dy);
    } else {
      check_apart(*written[i], dy);
    }
  }
  const Backward arguments{aligned(x.data()),
                           aligned(z.data()),
                           matrix(dy, task.batch, outputs),
                           dz.mutable_data(),
                           writable(dx, task.batch, inputs),
                           writable(dw, inputs, outputs),
                           db ? const_cast<float*>(aligned(db->mutable_data())) : nullptr,
                           question(ask_dz),
                           question(ask_dw)};
  BackwardMoments moments;
  {
    const GilReleased released;
    moments = backward(kernels_of(call), task, arguments);
  }
  return py::make_tuple(statistics(moments.dz), statistics(moments.dw));
}

py::dict matrix_moments(const Array& x, const Asked& asked, int threads) {
  if (x.ndim() != 2) throw py::value_error("moments needs a matrix");
  const Matrix view{aligned(x.data()), extent(x, 0), extent(x, 1), extent(x, 1)};
  const Question what = question(asked);
  const Settled call = settled(threads);
  std::optional<Moments> result;
  {
    const GilReleased released;
    result = moments(call.kernels.probe, view, what, call.threads);
  }
  return statistics(result).cast<py::dict>();
}

}  // namespace

void register_layer(py::module_& module) {
  module.def("layer_forward", &layer_forward, py::arg("x").noconvert(), py::arg("weight").noconvert(),
             py::arg("bias").noconvert(), py::arg("activation"), py::arg("parameter"),
             py::arg("z").noconvert(), py::arg("y").noconvert(), py::arg("ask_z"), py::arg("ask_y"),
             py::arg("ask_weight"), py::arg("threads"),
             "Write y = phi(x W + b); return the statistics of z, y and W that were asked for.");
  module.def("layer_backward", &layer_backward, py::arg("x").noconvert(), py::arg("weight").noconvert(),
             py::arg("activation"), py::arg("parameter"), py::arg("z").noconvert(), py::arg("dy").noconvert(),
             py::arg("dz").noconvert(), py::arg("dx").noconvert(), py::arg("dw").noconvert(),
             py::arg("db").noconvert(), py::arg("ask_dz"), py::arg("ask_dw"), py::arg("threads"),
             "The gradients of a layer; the statistics of dz and dW that were asked for.");
  module.def("moments", &matrix_moments, py::arg("x").noconvert(), py::arg("asked"), py::arg("threads"),
             "The statistics of a matrix.");
}
