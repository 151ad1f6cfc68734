#include <stdexcept>

#include "bindings/register.hpp"
#include "dispatch.hpp"

PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) {
  try {
    pyinit::check_arithmetic();
  } catch (const std::runtime_error& error) {
    throw py::import_error(error.what());
  }
  module.doc() = "The kernels of pyinit. Private: pyinit checks every argument before it calls here.";
  register_machine(module);
  register_stream(module);
  register_fill(module);
  register_small(module);
  register_construction(module);
  register_dense(module);
  register_activation(module);
  register_layer(module);
  register_dlpack(module);
}
