// Golden digests of the dense kernels, version 1 of the stream (R7): orthogonal in every dtype and the
// product, on every instruction set of this machine. `digests_dense FILE` compares with the file and fails on
// any difference; `digests_dense` prints the lines of the file.
#include <cstring>
#include <string>
#include <vector>

#include "dense/matmul.hpp"
#include "dense/orthogonal.hpp"
#include "fill/fill.hpp"
#include "golden.hpp"

namespace {

using namespace pyinit;
using tests::Digests;
using Bytes = std::vector<unsigned char>;

// Rows `first` and every `step`-th after it, and so the columns.
struct Part {
  uint64_t first, step;
};

struct Place {
  const char* name;
  rng::Key key;
  uint64_t length, count;
  Part rows, columns;
  double gain;
};

const std::vector<Place> kPlaces = {
    {"one", {1, 0}, 1, 1, {0, 1}, {0, 1}, 1.0},
    {"square", {0, 0}, 97, 97, {0, 1}, {0, 1}, 1.0},
    {"tall", {0xDEADBEEFCAFEF00D, 1}, 300, 20, {0, 1}, {0, 1}, 0.1},
    // two blocks of reflectors and two chunks of rows
    {"blocks", {42, 7}, 200, 126, {0, 1}, {0, 1}, -1.5},
    {"part", {42, 7}, 200, 126, {1, 7}, {100, 3}, -1.5},
    // more than two chunks of two blocks, and more than two spans of one
    {"chunks", {3, 0}, 1300, 100, {0, 13}, {5, 9}, 1.0},
    {"spans", {4, 1}, 13000, 5, {3, 101}, {0, 1}, 1.0},
};

dense::Picked picked(const Part& part, uint64_t size, uint64_t stride) {
  dense::Picked lines;
  for (uint64_t i = part.first; i < size; i += part.step) {
    lines.offset.push_back(lines.index.size() * stride);
    lines.index.push_back(i);
  }
  return lines;
}

Bytes orthogonal(const Kernels& kernels, const Place& place, Dtype dtype, int threads) {
  const dense::Picked columns = picked(place.columns, place.count, 1);
  const dense::Picked rows = picked(place.rows, place.length, columns.index.size());
  Bytes bytes(rows.index.size() * columns.index.size() * itemsize(dtype));
  dense::orthogonal(kernels.fill, kernels.dense, {place.length, place.count, rows, columns, place.gain},
                    {{place.key, bytes.data()}}, dtype, threads);
  return bytes;
}

template <class Value>
Bytes product(const Kernels& kernels, const dense::ProductShape& shape, bool transposed, int threads) {
  std::vector<Value> a(shape.rows * shape.depth), b(shape.depth * shape.columns);
  const Dtype dtype = sizeof(Value) == 8 ? Dtype::kFloat64 : Dtype::kFloat32;
  for (std::vector<Value>* factor : {&a, &b}) {
    const uint64_t size = factor->size();
    fill::normal(kernels.fill, {factor->data(), dtype, 1}, fill::Region({size}, {0}, {size}), {size, 1},
                 {0.0, 1.0});
  }
  const auto rows = static_cast<ptrdiff_t>(shape.rows), columns = static_cast<ptrdiff_t>(shape.columns),
             depth = static_cast<ptrdiff_t>(shape.depth);
  using Factor = dense::Factor<Value>;
  const Factor left = transposed ? Factor{a.data(), 1, rows} : Factor{a.data(), depth, 1};
  const Factor right = transposed ? Factor{b.data(), depth, 1} : Factor{b.data(), 1, columns};
  std::vector<Value> c(shape.rows * shape.columns);
  dense::matmul(kernels.dense, shape, left, right, c.data(), threads);
  Bytes bytes(c.size() * sizeof(Value));
  std::memcpy(bytes.data(), c.data(), bytes.size());
  return bytes;
}

struct Product {
  const char* name;
  dense::ProductShape shape;
  bool transposed;
};

const std::vector<Product> kProducts = {
    {"tile", {13, 33, 65}, false},
    {"deep", {7, 50, 700}, false},
    {"wide", {3, 4101, 20}, false},
    {"transposed", {31, 70, 257}, true},
};

Digests digests_of(const Kernels& kernels, int threads) {
  Digests found;
  for (const Place& place : kPlaces) {
    for (const NamedDtype& dtype : kDtypes)
      found[std::string("orthogonal ") + place.name + " " + std::string(dtype.name)] =
          tests::digest(orthogonal(kernels, place, dtype.dtype, threads));
  }
  for (const Product& each : kProducts) {
    const std::string name = std::string("matmul ") + each.name;
    found[name + " float32"] = tests::digest(product<float>(kernels, each.shape, each.transposed, threads));
    found[name + " float64"] = tests::digest(product<double>(kernels, each.shape, each.transposed, threads));
  }
  return found;
}

}  // namespace

int main(int count, char** arguments) { return tests::golden_digests(count, arguments, digests_of); }
