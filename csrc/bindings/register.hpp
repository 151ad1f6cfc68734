// One function a file: each adds its part of the module.
#pragma once

#include "bindings/pybind.hpp"

void register_machine(py::module_& module);
void register_small(py::module_& module);
void register_construction(py::module_& module);
void register_stream(py::module_& module);
void register_fill(py::module_& module);
void register_dense(py::module_& module);
void register_activation(py::module_& module);
void register_layer(py::module_& module);
void register_dlpack(py::module_& module);
