// Arrays handed over by Python.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bindings/pybind.hpp"
#include "dtype.hpp"

inline pyinit::Dtype dtype_named(std::string_view name) {
  for (const auto& known : pyinit::kDtypes) {
    if (known.name == name) return known.dtype;
  }
  throw py::value_error("unknown dtype " + std::string(name));
}

// An array the kernels may write: contiguous, writable, aligned, of the right element size.
inline void* writable(py::array& out, size_t item) {
  if ((out.flags() & py::array::c_style) == 0) throw py::value_error("out must be C-contiguous");
  if (static_cast<size_t>(out.itemsize()) != item)
    throw py::value_error("out has another element size than dtype");
  void* data = out.mutable_data();  // throws when read-only
  if (reinterpret_cast<uintptr_t>(data) % item != 0)
    throw py::value_error("out must be aligned to its element");
  return data;
}
