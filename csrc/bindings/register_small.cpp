// Draws into small tensors of torch, whose memory is known by its address, by the calling thread.
// Why beside the fills of arrays: to make an array of a tensor's memory, to plan and to count the CPUs takes
// ten times as long as to fill it, and to ask a tensor about itself from Python takes five times as long.
#include <variant>

#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/register.hpp"
#include "bindings/truncated.hpp"
#include "float_environment.hpp"

namespace {

namespace rng = pyinit::rng;
using pyinit::fill::Runs;

// A plan for one shape and dtype, ready to run on memory that is given by its address.
struct ReadyDraw {
  pyinit::Dtype dtype;
  uint64_t elements;
  std::variant<rng::UniformNumbers, rng::NormalNumbers, rng::TruncatedNumbers> numbers;

  void operator()(const pyinit::fill::Kernels& kernels, rng::Key key, void* out) const noexcept {
    const Runs whole{0, 0, elements, 1};
    pyinit::in_default_environment([&]() noexcept {
      if (const auto* uniform = std::get_if<rng::UniformNumbers>(&numbers)) {
        kernels.uniform(dtype, *uniform, key, whole, out);
      } else if (const auto* normal = std::get_if<rng::NormalNumbers>(&numbers)) {
        kernels.normal(dtype, *normal, key, whole, out);
      } else if (const auto* truncated = std::get_if<rng::TruncatedNumbers>(&numbers)) {
        kernels.truncated_normal(dtype, *truncated, key, whole, out);
      }
    });
  }
};

constexpr const char* kReadyDraw = "pyinit.ReadyDraw";

template <class Numbers>
py::capsule ready(uint64_t elements, std::string_view dtype, const Numbers& numbers) {
  auto* draw = new ReadyDraw{dtype_named(dtype), elements, numbers};
  return {draw, kReadyDraw, [](void* made) { delete static_cast<ReadyDraw*>(made); }};
}

// What torch calls the attributes and methods that say whether a tensor is plain.
struct Names {
  py::str is_cpu{"is_cpu"}, base{"_base"}, grad_fn{"grad_fn"}, is_contiguous{"is_contiguous"};
  py::str is_neg{"is_neg"}, is_inference{"is_inference"}, dict{"__dict__"}, shape{"shape"}, dtype{"dtype"};
  py::str data_ptr{"data_ptr"}, storage_offset{"storage_offset"}, storage{"untyped_storage"};
  py::str nbytes{"nbytes"};
};

const Names& names() {
  // Never destroyed: the interpreter may be gone by then.
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<Names> kept;
  return kept.call_once_and_store_result([] { return Names(); }).get_stored();
}

// Throws what the tensor raises.
py::object answer(py::handle tensor, const py::str& method) {
  PyObject* found = PyObject_CallMethodNoArgs(tensor.ptr(), method.ptr());
  if (found == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(found);
}

bool is_true(py::handle tensor, const py::str& method) { return answer(tensor, method).ptr() == Py_True; }

uint64_t integer(py::handle found) {
  const uint64_t value = PyLong_AsUnsignedLongLong(found.ptr());
  if (value == static_cast<uint64_t>(-1) && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return value;
}

// Whether arguments decide by their values alone; a bool is equal to a number, and may be refused.
bool are_settled(const py::tuple& arguments) {
  for (const py::handle each : arguments) {
    if (!PyFloat_CheckExact(each.ptr()) && !PyLong_CheckExact(each.ptr()) &&
        !PyUnicode_CheckExact(each.ptr()) && !each.is_none()) {
      return false;
    }
  }
  return true;
}

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

// Returns the draw of a call that was made before, None where there is none, or nothing for a new call.
py::object look_up(const py::dict& kept, const py::tuple& asked) {
  PyObject* found = PyObject_GetItem(kept.ptr(), asked.ptr());
  if (found != nullptr) return py::reinterpret_steal<py::object>(found);
  if (PyErr_ExceptionMatches(PyExc_KeyError) == 0) throw py::error_already_set();
  PyErr_Clear();
  return {};
}

// Threads of other draws would wait for a larger one.
constexpr size_t kBytesUnderTheGil = size_t{16} << 10;

void run(const ReadyDraw& draw, rng::Key key, uint64_t address) {
  // A variable that is not valid is refused here as everywhere.
  (void)pyinit::environment_threads();
  const pyinit::fill::Kernels& kernels = pyinit::active_kernels().fill;
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  void* const out = reinterpret_cast<void*>(address);
  if (draw.elements * pyinit::itemsize(draw.dtype) <= kBytesUnderTheGil) {
    draw(kernels, key, out);
  } else {
    const py::gil_scoped_release release;
    draw(kernels, key, out);
  }
}

// See `draw_small` in pyinit/torch/small.py.
std::optional<bool> draw_small(py::handle tensor, const py::tuple& torch, py::handle call,
                               const py::tuple& arguments, const py::dict& kept, py::handle key_of) {
  const py::handle kind = py::type::handle_of(tensor);
  if (!(kind.is(torch[0]) || kind.is(torch[1])) || !are_settled(arguments)) return false;
  const ReadyDraw* draw = nullptr;
  uint64_t address = 0;
  py::object found;
  try {
    if (!is_plain(tensor, torch[2])) return false;
    address = integer(answer(tensor, names().data_ptr));
    const py::tuple asked =
        py::make_tuple(call, tensor.attr(names().shape), tensor.attr(names().dtype), arguments);
    found = look_up(kept, asked);
    if (!found) return std::nullopt;
    if (found.is_none()) return false;
    draw = static_cast<const ReadyDraw*>(PyCapsule_GetPointer(found.ptr(), kReadyDraw));
    if (draw == nullptr) throw py::error_already_set();
    if (!holds(tensor, address, *draw)) return false;
  } catch (py::error_already_set& error) {
    // Sparse and nested tensors, and wrappers of torch.func, have no memory or no shape; a recipe that holds an
    // array has no hash.
    if (!error.matches(PyExc_RuntimeError) && !error.matches(PyExc_TypeError)) throw;
    return false;
  }
  const auto words = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(key_of.ptr()));
  if (!words) throw py::error_already_set();
  const auto [seed, offset] = words.cast<std::pair<uint64_t, uint64_t>>();
  torch[3](py::make_tuple(tensor));
  run(*draw, {seed, offset}, address);
  return true;
}

}  // namespace

void register_small(py::module_& module) {
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
  module.def("draw_small", draw_small, py::arg("tensor"), py::arg("torch"), py::arg("call"),
             py::arg("arguments"), py::arg("kept"), py::arg("key_of"),
             "Draw into a small plain tensor; False for any other one, None for a call that is new.");
}
