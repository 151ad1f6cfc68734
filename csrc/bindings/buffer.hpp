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

// Whether two arrays have no byte in common.
inline bool apart(const py::array& a, const py::array& b) {
  struct Bytes {
    uintptr_t begin, end;
  };
  const auto bytes = [](const py::array& array) {
    Bytes of{reinterpret_cast<uintptr_t>(array.data()), 0};
    of.end = of.begin + static_cast<uintptr_t>(array.itemsize());
    for (py::ssize_t d = 0; d < array.ndim(); ++d) {
      const auto reach = static_cast<uintptr_t>((array.shape(d) - 1) * array.strides(d));
      (array.strides(d) < 0 ? of.begin : of.end) += reach;
    }
    return of;
  };
  if (a.size() == 0 || b.size() == 0) return true;
  const Bytes of_a = bytes(a), of_b = bytes(b);
  if (of_a.end <= of_b.begin || of_b.end <= of_a.begin) return true;
  // An array may lie in the gaps of another.
  return !py::module_::import("numpy").attr("shares_memory")(a, b).cast<bool>();
}

// Refuses an output that shares memory with another array.
inline void check_apart(const py::array& output, const py::array& other) {
  if (!apart(output, other)) throw py::value_error("an output overlaps another array");
}

// The same, but the two may be one array.
inline void check_same_or_apart(const py::array& output, const py::array& other) {
  if (output.data() != other.data()) check_apart(output, other);
}
