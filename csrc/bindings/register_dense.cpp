// The dense kernels: check what memory safety needs, release the GIL, call, return.
#include "bindings/register.hpp"
#include "dense/matmul.hpp"

namespace {

using pyinit::dense::Factor;

// A factor whose lines lie along `axis` of a matrix.
template <class Value>
Factor<Value> factor(const py::array_t<Value>& matrix, py::ssize_t axis) {
  constexpr auto kItem = static_cast<py::ssize_t>(sizeof(Value));
  for (const py::ssize_t d : {0, 1}) {
    if (matrix.strides(d) % kItem != 0) throw py::value_error("strides must be whole elements");
  }
  return {matrix.data(), matrix.strides(axis) / kItem, matrix.strides(1 - axis) / kItem};
}

template <class Value>
void matmul(const py::array_t<Value>& a, const py::array_t<Value>& b, py::array_t<Value>& out, int threads) {
  if (a.ndim() != 2 || b.ndim() != 2 || out.ndim() != 2 || a.shape(1) != b.shape(0) ||
      out.shape(0) != a.shape(0) || out.shape(1) != b.shape(1)) {
    throw py::value_error("matmul needs (m, k), (k, n) and out (m, n)");
  }
  if ((out.flags() & py::array::c_style) == 0) throw py::value_error("out must be C-contiguous");
  const pyinit::dense::ProductShape shape{static_cast<size_t>(out.shape(0)),
                                          static_cast<size_t>(out.shape(1)), static_cast<size_t>(a.shape(1))};
  const Factor<Value> rows = factor(a, 0);
  const Factor<Value> columns = factor(b, 1);
  Value* to = out.mutable_data();
  const py::gil_scoped_release release;
  pyinit::dense::matmul(shape, rows, columns, to, threads);
}

}  // namespace

void register_dense(py::module_& module) {
  module.def("matmul", &matmul<float>, py::arg("a").noconvert(), py::arg("b").noconvert(),
             py::arg("out").noconvert(), py::arg("threads"), "out = a b, in the fixed order.");
  module.def("matmul", &matmul<double>, py::arg("a").noconvert(), py::arg("b").noconvert(),
             py::arg("out").noconvert(), py::arg("threads"));
}
