// The activations on whole arrays: check what memory safety needs, release the GIL, call, return.
#include "bindings/register.hpp"
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
  const Kernels& kernels = pyinit::probe::active_kernels();
  // Read after the environment is entered, so that it is rounded there.
  const volatile double given = parameter;
  const py::gil_scoped_release release;
  const pyinit::FloatEnvironment environment;
  (kernels.*kKernel)(*activation, static_cast<float>(given), from, count, to);
}

}  // namespace

void register_activation(py::module_& module) {
  module.def("activate", &apply<&Kernels::activate>, py::arg("name"), py::arg("parameter"),
             py::arg("x").noconvert(), py::arg("out").noconvert(),
             "Write out = phi(x), element by element; out may be x.");
  module.def("slope", &apply<&Kernels::slope>, py::arg("name"), py::arg("parameter"),
             py::arg("x").noconvert(), py::arg("out").noconvert(),
             "Write out = phi'(x), element by element.");
}
