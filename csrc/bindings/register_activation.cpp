// The activations on whole arrays: check what memory safety needs, release the GIL, call, return.
#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/register.hpp"
#include "bindings/released.hpp"
#include "float_environment.hpp"
#include "probe/kernels.hpp"

namespace {

using pyinit::probe::Kernels;
using Array = py::array_t<float, py::array::c_style>;

bool aligned(const float* data) { return reinterpret_cast<uintptr_t>(data) % alignof(float) == 0; }

template <auto kKernel>
void apply(std::string_view name, double parameter, const Array& x, Array& out) {
  const auto activation = pyinit::probe::find_activation(name);
  if (!activation) throw py::value_error("unknown activation " + std::string(name));
  const auto count = static_cast<size_t>(x.size());
  const float* from = x.data();
  float* to = out.mutable_data();  // throws when read-only
  if (x.size() != out.size() || !aligned(from) || !aligned(to))
    throw py::value_error("x and out must be aligned and of one size");
  check_same_or_apart(out, x);
  const Kernels& kernels = settled(1).kernels.probe;
  const GilReleased released;
  pyinit::in_default_environment(
      [&]() noexcept { (kernels.*kKernel)(*activation, static_cast<float>(parameter), from, count, to); });
}

}  // namespace

void register_activation(py::module_& module) {
  module.def("activate", &apply<&Kernels::activate>, py::arg("name"), py::arg("parameter"),
             py::arg("x").noconvert(), py::arg("out").noconvert(),
             "Write out = phi(x), element by element; out may be x.");
  module.def("slope", &apply<&Kernels::slope>, py::arg("name"), py::arg("parameter"),
             py::arg("x").noconvert(), py::arg("out").noconvert(),
             "Write out = phi'(x), element by element; out may be x.");
}
