// Draws into small tensors of torch, whose memory is known by its address, by the calling thread.
// Why beside the fills of arrays: to make an array of a tensor's memory, to plan and to count the CPUs takes
// ten times as long as to fill it, and to ask a tensor about itself from Python takes five times as long.
#include <array>
#include <cmath>
#include <cstring>
#include <variant>

#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/register.hpp"
#include "bindings/released.hpp"
#include "bindings/truncated.hpp"
#include "float_environment.hpp"
#include "rng/stream.hpp"
#include "simd/scalar.hpp"

namespace {

namespace rng = pyinit::rng;
using pyinit::fill::Runs;

// The same element everywhere, as its bytes, repeated to a line.
struct Repeated {
  alignas(64) std::array<char, 64> line;
};

// A plan for one shape and dtype, ready to run on memory that is given by its address.
struct ReadyDraw {
  pyinit::Dtype dtype;
  uint64_t elements;
  std::variant<rng::UniformNumbers, rng::NormalNumbers, rng::TruncatedNumbers, Repeated> numbers;

  void operator()(const pyinit::fill::Kernels& kernels, rng::Key key, void* out) const noexcept {
    const Runs whole{0, 0, elements, 1};
    pyinit::in_default_environment([&]() noexcept {
      if (const auto* uniform = std::get_if<rng::UniformNumbers>(&numbers)) {
        kernels.uniform(dtype, *uniform, key, whole, out);
      } else if (const auto* normal = std::get_if<rng::NormalNumbers>(&numbers)) {
        kernels.normal(dtype, *normal, key, whole, out);
      } else if (const auto* truncated = std::get_if<rng::TruncatedNumbers>(&numbers)) {
        kernels.truncated_normal(dtype, *truncated, key, whole, out);
      } else if (const auto* repeated = std::get_if<Repeated>(&numbers)) {
        kernels.constant(repeated->line.data(), out, elements * pyinit::itemsize(dtype), false);
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

// Whether an argument decides by its value alone; a bool is equal to a number, and may be refused.
bool is_settled(py::handle argument) {
  PyObject* const given = argument.ptr();
  return PyFloat_CheckExact(given) || PyLong_CheckExact(given) || PyUnicode_CheckExact(given) ||
         argument.is_none();
}

// What stands for an argument; -0.0 is equal to 0.0, and means another constant.
py::handle settled_value(py::handle argument) {
  const bool is_minus_zero = PyFloat_CheckExact(argument.ptr()) && PyFloat_AS_DOUBLE(argument.ptr()) == 0.0 &&
                             std::signbit(PyFloat_AS_DOUBLE(argument.ptr()));
  return is_minus_zero ? py::handle(Py_Ellipsis) : argument;
}

// The call, the shape, the dtype and the arguments but the tensor, as one tuple: what decides a draw. Nothing if
// an argument may decide by more than its value.
py::object question(py::handle call, py::handle tensor, const py::tuple& args, const py::dict& kwargs) {
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
py::object look_up(const py::dict& kept, py::handle asked) {
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
    const GilReleased released;
    draw(kernels, key, out);
  }
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
