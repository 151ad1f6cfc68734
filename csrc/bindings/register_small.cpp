// Draws into small tensors of torch, whose memory is known by its address, by the calling thread.
// Why beside the fills of arrays: to make an array of a tensor's memory, to plan and to count the CPUs takes
// ten times as long as to fill it, and to ask a tensor about itself from Python takes five times as long.
#include <cstring>

#include "bindings/ready_draw.hpp"
#include "bindings/register.hpp"
#include "bindings/torch_call.hpp"
#include "bindings/truncated.hpp"
#include "rng/stream.hpp"
#include "simd/scalar.hpp"

namespace {

namespace rng = pyinit::rng;

bool is_marked(py::handle tensor, const py::frozenset& marks) {
  const py::object held = tensor.attr(names().dict);
  if (PyObject_Size(held.ptr()) == 0) return false;
  for (const py::handle mark : marks) {
    if (held.contains(mark)) return true;
  }
  return false;
}

// Whether a tensor of torch's own classes is all of its memory on the CPU, in order, and keeps what is written.
bool is_plain(py::handle tensor, const py::frozenset& marks) {
  const Names& of = names();
  return tensor.attr(of.is_cpu).ptr() == Py_True && tensor.attr(of.base).is_none() &&
         tensor.attr(of.grad_fn).is_none() && is_true(tensor, of.is_contiguous) &&
         !is_true(tensor, of.is_neg) && !is_true(tensor, of.is_inference) && !is_marked(tensor, marks);
}

// Whether the memory at an address holds a whole draw: a storage may have been made smaller.
bool holds(py::handle tensor, uint64_t address, const ReadyDraw& draw) {
  const size_t item = pyinit::itemsize(draw.dtype);
  const uint64_t end = (integer(answer(tensor, names().storage_offset)) + draw.elements) * item;
  return address != 0 && address % item == 0 &&
         end <= integer(answer(answer(tensor, names().storage), names().nbytes));
}

// The key of a draw: (seed, offset, n) for the n-th part of a key, or what a callable returns.
rng::Key key_from(py::handle given) {
  if (PyTuple_CheckExact(given.ptr())) {
    const auto [seed, offset, n] = given.cast<std::tuple<uint64_t, uint64_t, uint64_t>>();
    return rng::fold_in<pyinit::simd::Scalar>({seed, offset}, n);
  }
  const auto made = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(given.ptr()));
  if (!made) throw py::error_already_set();
  const auto [seed, offset] = made.cast<std::pair<uint64_t, uint64_t>>();
  return {seed, offset};
}

// See `draw_small` in pyinit/torch/small.py.
py::object draw_small(const py::tuple& torch, py::dict kept, py::handle call, const py::tuple& args,
                      const py::dict& kwargs, py::handle key) {
  if (args.empty()) return py::bool_(false);
  const py::handle tensor = PyTuple_GET_ITEM(args.ptr(), 0);
  const py::handle kind = py::type::handle_of(tensor);
  if (!(kind.is(torch[0]) || kind.is(torch[1]))) return py::bool_(false);
  const ReadyDraw* draw = nullptr;
  uint64_t address = 0;
  py::object found;
  try {
    if (!is_plain(tensor, torch[2])) return py::bool_(false);
    address = integer(answer(tensor, names().data_ptr));
    const py::object asked = question(call, tensor, args, kwargs);
    if (!asked) return py::bool_(false);
    found = look_up(kept, asked);
    if (!found) return asked;
    if (found.is_none()) return py::bool_(false);
    draw = static_cast<const ReadyDraw*>(PyCapsule_GetPointer(found.ptr(), kReadyDraw));
    if (draw == nullptr) throw py::error_already_set();
    if (!holds(tensor, address, *draw)) return py::bool_(false);
  } catch (py::error_already_set& error) {
    // Sparse and nested tensors, and wrappers of torch.func, have no memory or no shape; a recipe that holds an
    // array has no hash.
    if (!error.matches(PyExc_RuntimeError) && !error.matches(PyExc_TypeError)) throw;
    return py::bool_(false);
  }
  const rng::Key known = key_from(key);
  torch[3](py::make_tuple(tensor));
  run(*draw, known, address);
  return py::bool_(true);
}

}  // namespace

void register_small(py::module_& module) {
  module.def(
      "ready_constant",
      [](uint64_t elements, std::string_view dtype, const py::bytes& element) {
        const std::string_view bytes = element;
        Repeated repeated;
        if (bytes.size() != pyinit::itemsize(dtype_named(dtype)))
          throw py::value_error("element and dtype differ");
        for (size_t i = 0; i < repeated.line.size(); i += bytes.size()) {
          std::memcpy(repeated.line.data() + i, bytes.data(), bytes.size());
        }
        return ready(elements, dtype, repeated);
      },
      py::arg("elements"), py::arg("dtype"), py::arg("element"));
  module.def(
      "ready_uniform",
      [](uint64_t elements, std::string_view dtype, double low, double high, double lowest, double highest) {
        return ready(elements, dtype, rng::UniformNumbers{low, high, lowest, highest});
      },
      py::arg("elements"), py::arg("dtype"), py::arg("low"), py::arg("high"), py::arg("lowest"),
      py::arg("highest"));
  module.def(
      "ready_normal",
      [](uint64_t elements, std::string_view dtype, double mean, double std) {
        return ready(elements, dtype, rng::NormalNumbers{mean, std});
      },
      py::arg("elements"), py::arg("dtype"), py::arg("mean"), py::arg("std"));
  module.def(
      "ready_truncated",
      [](uint64_t elements, std::string_view dtype, double mean, double std, double lowest, double highest,
         const Interval& numbers) {
        return ready(elements, dtype, truncated(mean, std, lowest, highest, numbers));
      },
      py::arg("elements"), py::arg("dtype"), py::arg("mean"), py::arg("std"), py::arg("lowest"),
      py::arg("highest"), py::arg("numbers"));
  module.def(
      "draw_small", draw_small, py::arg("torch"), py::arg("kept"), py::arg("call"), py::arg("args"),
      py::arg("kwargs"), py::arg("key"),
      "Draw into a small plain tensor: True; False for any other one; for a new call, its place in kept.");
}
