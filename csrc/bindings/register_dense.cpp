// The dense kernels: check what memory safety needs, release the GIL, call, return.
#include <algorithm>

#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/register.hpp"
#include "bindings/released.hpp"
#include "dense/matmul.hpp"
#include "dense/orthogonal.hpp"

namespace {

using pyinit::dense::Factor;

// A factor whose lines lie along `axis` of a matrix.
template <class Value>
Factor<Value> factor(const py::array& matrix, py::ssize_t axis) {
  constexpr auto kItem = static_cast<py::ssize_t>(sizeof(Value));
  if (reinterpret_cast<uintptr_t>(matrix.data()) % alignof(Value) != 0)
    throw py::value_error("factors must be aligned to their element");
  for (const py::ssize_t d : {0, 1}) {
    if (matrix.strides(d) % kItem != 0) throw py::value_error("strides must be whole elements");
  }
  return {static_cast<const Value*>(matrix.data()), matrix.strides(axis) / kItem,
          matrix.strides(1 - axis) / kItem};
}

template <class Value>
void matmul_as(const py::array& a, const py::array& b, py::array& out, int threads) {
  const pyinit::dense::ProductShape shape{static_cast<size_t>(out.shape(0)),
                                          static_cast<size_t>(out.shape(1)), static_cast<size_t>(a.shape(1))};
  const Factor<Value> rows = factor<Value>(a, 0);
  const Factor<Value> columns = factor<Value>(b, 1);
  auto* to = static_cast<Value*>(writable(out, sizeof(Value)));
  check_apart(out, a);
  check_apart(out, b);
  const Settled call = settled(threads);
  const GilReleased released;
  pyinit::dense::matmul(call.kernels.dense, shape, rows, columns, to, call.threads);
}

void matmul(const py::array& a, const py::array& b, py::array& out, int threads) {
  if (a.ndim() != 2 || b.ndim() != 2 || out.ndim() != 2 || a.shape(1) != b.shape(0) ||
      out.shape(0) != a.shape(0) || out.shape(1) != b.shape(1)) {
    throw py::value_error("matmul needs (m, k), (k, n) and out (m, n)");
  }
  // Equal, and not one object: a dtype may carry metadata.
  const auto all = [&](const auto& dtype) {
    return a.dtype().equal(dtype) && b.dtype().equal(dtype) && out.dtype().equal(dtype);
  };
  if (all(py::dtype::of<float>())) return matmul_as<float>(a, b, out, threads);
  if (all(py::dtype::of<double>())) return matmul_as<double>(a, b, out, threads);
  throw py::value_error("matmul needs three arrays of float32 or three of float64");
}

using pyinit::dense::OrthogonalOutput;
using pyinit::dense::OrthogonalTask;
using pyinit::dense::Picked;
using Indices = std::vector<uint64_t>;
// Indices and offsets as arrays. Why not lists: two lists of 65536 rows took longer than their matrix.
using Lines = std::array<py::array_t<uint64_t, py::array::c_style | py::array::forcecast>, 2>;

Picked picked(const char* side, const Lines& lines, uint64_t size) {
  const auto numbers = [](const auto& array) { return Indices(array.data(), array.data() + array.size()); };
  Picked found{numbers(lines[0]), numbers(lines[1])};
  if (found.index.size() != found.offset.size())
    throw py::value_error(std::string(side) + " and their offsets differ in number");
  for (size_t i = 0; i < found.index.size(); ++i) {
    if (found.index[i] >= size || (i > 0 && found.index[i] <= found.index[i - 1]))
      throw py::value_error(std::string(side) + " must ascend inside the matrix");
  }
  return found;
}

// The largest of the offsets, which must lie inside `out`.
uint64_t reach(const Indices& offset, uint64_t size) {
  const uint64_t last = offset.empty() ? 0 : *std::max_element(offset.begin(), offset.end());
  if (last >= size) throw py::value_error("an offset leaves out");
  return last;
}

void orthogonal(py::array& out, std::string_view dtype, const std::vector<std::array<uint64_t, 2>>& keys,
                const Indices& starts, uint64_t length, uint64_t count, const Lines& rows,
                const Lines& columns, double gain, int threads) {
  const pyinit::Dtype known = dtype_named(dtype);
  const size_t item = pyinit::itemsize(known);
  auto* to = static_cast<char*>(writable(out, item));
  if (count > length || count == 0) throw py::value_error("orthogonal needs length >= count > 0");
  const OrthogonalTask task{length, count, picked("rows", rows, length), picked("columns", columns, count),
                            gain};
  if (keys.size() != starts.size()) throw py::value_error("keys and starts differ in number");
  const auto size = static_cast<uint64_t>(out.size());
  std::vector<OrthogonalOutput> matrices;
  if (keys.empty() || task.rows.index.empty() || task.columns.index.empty()) return;
  const uint64_t last = reach(task.rows.offset, size) + reach(task.columns.offset, size);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (starts[i] >= size || last >= size - starts[i]) throw py::value_error("an offset leaves out");
    matrices.push_back({{keys[i][0], keys[i][1]}, to + starts[i] * item});
  }
  const Settled call = settled(threads);
  const GilReleased released;
  pyinit::dense::orthogonal(call.kernels.fill, call.kernels.dense, task, matrices, known, call.threads);
}

}  // namespace

void register_dense(py::module_& module) {
  module.def("matmul", &matmul, py::arg("a"), py::arg("b"), py::arg("out"), py::arg("threads"),
             "The product out = a b, in the fixed order.");
  module.def("orthogonal", &orthogonal, py::arg("out"), py::arg("dtype"), py::arg("keys"), py::arg("starts"),
             py::arg("length"), py::arg("count"), py::arg("rows"), py::arg("columns"), py::arg("gain"),
             py::arg("threads"),
             "Parts of matrices with orthonormal columns; rows and columns are (index, offset) in elements.");
}
