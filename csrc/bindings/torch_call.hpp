// A call of torch's that draws into a tensor: what decides the draw, found among calls that were made before.
#pragma once

#include <cmath>
#include <cstdint>

#include "bindings/pybind.hpp"
#include "bindings/ready_draw.hpp"

// What torch calls the attributes and methods that say whether a tensor is plain.
struct Names {
  py::str is_cpu{"is_cpu"}, base{"_base"}, grad_fn{"grad_fn"}, is_contiguous{"is_contiguous"};
  py::str is_neg{"is_neg"}, is_inference{"is_inference"}, dict{"__dict__"}, shape{"shape"}, dtype{"dtype"};
  py::str data_ptr{"data_ptr"}, storage_offset{"storage_offset"}, storage{"untyped_storage"};
  py::str nbytes{"nbytes"};
};

inline const Names& names() {
  // Never destroyed: the interpreter may be gone by then.
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<Names> kept;
  return kept.call_once_and_store_result([] { return Names(); }).get_stored();
}

// Throws what the tensor raises.
inline py::object answer(py::handle tensor, const py::str& method) {
  PyObject* found = PyObject_CallMethodNoArgs(tensor.ptr(), method.ptr());
  if (found == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(found);
}

inline bool is_true(py::handle tensor, const py::str& method) {
  return answer(tensor, method).ptr() == Py_True;
}

inline uint64_t integer(py::handle found) {
  const uint64_t value = PyLong_AsUnsignedLongLong(found.ptr());
  if (value == static_cast<uint64_t>(-1) && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return value;
}

// Whether an argument decides by its value alone; a bool is equal to a number, and may be refused.
inline bool is_settled(py::handle argument) {
  PyObject* const given = argument.ptr();
  return PyFloat_CheckExact(given) || PyLong_CheckExact(given) || PyUnicode_CheckExact(given) ||
         argument.is_none();
}

// What stands for an argument; -0.0 is equal to 0.0, and means another constant.
inline py::handle settled_value(py::handle argument) {
  const bool is_minus_zero = PyFloat_CheckExact(argument.ptr()) && PyFloat_AS_DOUBLE(argument.ptr()) == 0.0 &&
                             std::signbit(PyFloat_AS_DOUBLE(argument.ptr()));
  return is_minus_zero ? py::handle(Py_Ellipsis) : argument;
}

// The call, the shape, the dtype and the arguments but the tensor, as one tuple: what decides a draw. Nothing if
// an argument may decide by more than its value.
inline py::object question(py::handle call, py::handle tensor, const py::tuple& args,
                           const py::dict& kwargs) {
  constexpr size_t kBefore = 4;
  py::tuple asked(kBefore + args.size() - 1 + 2 * kwargs.size());
  asked[0] = call;
  asked[1] = tensor.attr(names().shape);
  asked[2] = tensor.attr(names().dtype);
  // Text may be an argument and the name of one.
  asked[3] = args.size();
  size_t next = kBefore;
  for (size_t at = 1; at < args.size(); ++at) {
    const py::handle given = PyTuple_GET_ITEM(args.ptr(), static_cast<Py_ssize_t>(at));
    if (!is_settled(given)) return {};
    asked[next++] = settled_value(given);
  }
  for (const auto& [name, given] : kwargs) {
    if (!is_settled(given)) return {};
    asked[next++] = name;
    asked[next++] = settled_value(given);
  }
  return asked;
}

// Returns the draw of a call that was made before, None where there is none, or nothing for a new call.
inline py::object look_up(const py::dict& kept, py::handle asked) {
  PyObject* found = PyObject_GetItem(kept.ptr(), asked.ptr());
  if (found != nullptr) return py::reinterpret_steal<py::object>(found);
  if (PyErr_ExceptionMatches(PyExc_KeyError) == 0) throw py::error_already_set();
  PyErr_Clear();
  return {};
}
