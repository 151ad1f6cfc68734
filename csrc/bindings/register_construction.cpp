// The draws of torch's own layers while they are constructed in an `accelerate` block.
// Why beside `draw_small`: of a weight that a constructor has just made, most of what it asks is known; and the
// way to it through Python takes as long as all the rest.
#include "bindings/ready_draw.hpp"
#include "bindings/register.hpp"
#include "bindings/torch_call.hpp"
#include "rng/stream.hpp"
#include "simd/scalar.hpp"

namespace {

namespace rng = pyinit::rng;

// A block's draws: the k-th one, from 0, has the k-th part of its key.
struct Draws {
  rng::Key key;
  uint64_t made;
};

constexpr const char* kDraws = "pyinit.Draws";

Draws& account_of(const py::capsule& draws) {
  auto* const account = static_cast<Draws*>(PyCapsule_GetPointer(draws.ptr(), kDraws));
  if (account == nullptr) throw py::error_already_set();
  return *account;
}

// Of the block in which this thread constructs a layer; nullptr outside of constructors.
thread_local Draws* constructing = nullptr;

// Draws into a weight that a constructor has made: it is whole, and nobody else has it. False, without a change,
// for any other tensor and for a call that is new. `torch` and `kept` are those of `draw_small`.
bool draw(rng::Key key, const py::tuple& torch, py::dict kept, py::handle call, const py::tuple& args,
          const py::dict& kwargs) {
  if (args.empty()) return false;
  const py::handle tensor = PyTuple_GET_ITEM(args.ptr(), 0);
  if (!py::type::handle_of(tensor).is(torch[1])) return false;
  const Names& of = names();
  py::object found;
  uint64_t address = 0;
  try {
    if (tensor.attr(of.is_cpu).ptr() != Py_True || !is_true(tensor, of.is_contiguous)) return false;
    const py::object asked = question(call, tensor, args, kwargs);
    if (asked) found = look_up(kept, asked);
    if (!found || found.is_none()) return false;
    address = integer(answer(tensor, of.data_ptr));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_RuntimeError) && !error.matches(PyExc_TypeError)) throw;
    return false;
  }
  const auto* draw = static_cast<const ReadyDraw*>(PyCapsule_GetPointer(found.ptr(), kReadyDraw));
  if (draw == nullptr) throw py::error_already_set();
  if (address == 0 || address % pyinit::itemsize(draw->dtype) != 0) return false;
  torch[3](py::make_tuple(tensor));
  run(*draw, key, address);
  return true;
}

// Whether each attribute of places, as owner, name and value, is what it was, and each answer is false.
bool is_undisturbed(const py::tuple& places, const py::tuple& questions) {
  const auto part = [&](size_t at) { return PyTuple_GET_ITEM(places.ptr(), static_cast<Py_ssize_t>(at)); };
  for (size_t at = 0; at + 2 < places.size(); at += 3) {
    const auto found = py::reinterpret_steal<py::object>(PyObject_GetAttr(part(at), part(at + 1)));
    if (!found) {
      if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) throw py::error_already_set();
      PyErr_Clear();
      return false;
    }
    const int is_same = PyObject_RichCompareBool(found.ptr(), part(at + 2), Py_EQ);
    if (is_same < 0) throw py::error_already_set();
    if (is_same == 0) return false;
  }
  for (const py::handle question : questions) {
    const auto found = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(question.ptr()));
    if (!found) throw py::error_already_set();
    const int is_so = PyObject_IsTrue(found.ptr());
    if (is_so < 0) throw py::error_already_set();
    if (is_so != 0) return false;
  }
  return true;
}

}  // namespace

void register_construction(py::module_& module) {
  module.def(
      "draws",
      [](uint64_t seed, uint64_t offset) {
        return py::capsule(new Draws{{seed, offset}, 0}, kDraws,
                           [](void* account) { delete static_cast<Draws*>(account); });
      },
      py::arg("seed"), py::arg("offset"), "The account of a block's draws, under a key.");
  module.def(
      "draws_made", [](const py::capsule& draws) { return account_of(draws).made; }, py::arg("draws"),
      "How many draws a block has made.");
  module.def(
      "count_draw", [](const py::capsule& draws) { ++account_of(draws).made; }, py::arg("draws"),
      "Count a draw that was made elsewhere.");
  module.def(
      "begin_construction",
      [](const py::capsule& draws, const py::tuple& places, const py::tuple& questions) {
        if (constructing != nullptr || !is_undisturbed(places, questions)) return false;
        constructing = &account_of(draws);
        return true;
      },
      py::arg("draws"), py::arg("places"), py::arg("questions"),
      "Let a constructor draw for a block, if nothing in the way has changed: whether it may.");
  module.def("end_construction", [] { constructing = nullptr; }, "Let no constructor of this thread draw.");
  module.def(
      "is_constructing", [] { return constructing != nullptr; },
      "Whether a constructor of this thread may draw.");
  module.def(
      "draw_constructed",
      [](const py::tuple& torch, const py::dict& kept, py::handle call, const py::tuple& args,
         const py::dict& kwargs) {
        if (constructing == nullptr) return false;
        const rng::Key key = rng::fold_in<pyinit::simd::Scalar>(constructing->key, constructing->made);
        if (!draw(key, torch, kept, call, args, kwargs)) return false;
        ++constructing->made;
        return true;
      },
      py::arg("torch"), py::arg("kept"), py::arg("call"), py::arg("args"), py::arg("kwargs"),
      "Draw into a weight that is being constructed: whether it was done.");
  module.def(
      "write_constructed",
      [](const py::tuple& torch, const py::dict& kept, py::handle call, const py::tuple& args,
         const py::dict& kwargs) {
        return constructing != nullptr && draw({}, torch, kept, call, args, kwargs);
      },
      py::arg("torch"), py::arg("kept"), py::arg("call"), py::arg("args"), py::arg("kwargs"),
      "Write a constant into a weight that is being constructed: whether it was done.");
  module.def(
      "is_undisturbed", is_undisturbed, py::arg("places"), py::arg("questions"),
      "Whether each attribute of places, as owner, name, value, is what it was, and each answer is false.");
}
