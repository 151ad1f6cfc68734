// The dense kernels at the edges of their tiles, blocks and chunks: the product against chains of std::fma;
// orthogonal's columns, windows and stacks; every instruction set and number of threads bit for bit. And
// teams.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "dense/blocked.hpp"
#include "dense/matmul.hpp"
#include "dense/orthogonal.hpp"
#include "dense/thin.hpp"
#include "dispatch.hpp"
#include "fill/fill.hpp"
#include "poisoned.hpp"
#include "team.hpp"

void* operator new(size_t bytes, std::align_val_t alignment) {
  return pyinit::tests::poisoned(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory, std::align_val_t) noexcept { pyinit::tests::release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { pyinit::tests::release(memory); }

namespace {

using namespace pyinit;
using dense::Factor;
using dense::OrthogonalTask;
using Bytes = std::vector<unsigned char>;
using Indices = std::vector<uint64_t>;

int failures = 0;

void expect(bool condition, const std::string& what) {
  if (condition) return;
  ++failures;
  std::printf("%s\n", what.c_str());
}

std::string sizes(size_t a, size_t b) { return std::to_string(a) + " x " + std::to_string(b); }

template <class Value>
constexpr Dtype kDtypeOf = sizeof(Value) == 8 ? Dtype::kFloat64 : Dtype::kFloat32;

template <class Value>
std::vector<Value> drawn(size_t count, uint64_t seed) {
  std::vector<Value> values(count);
  fill::normal(scalar_kernels()->fill, {values.data(), kDtypeOf<Value>, 1},
               fill::Region({count}, {0}, {count}), {seed, 0}, {0.0, 1.0});
  return values;
}

template <class Value>
std::vector<Value> chains(const dense::ProductShape& shape, const Factor<Value>& a, const Factor<Value>& b) {
  std::vector<Value> c(shape.rows * shape.columns);
  for (size_t i = 0; i < shape.rows; ++i) {
    for (size_t j = 0; j < shape.columns; ++j) {
      Value sum = 0;
      for (size_t p = 0; p < shape.depth; ++p) {
        const auto at = [p](const Factor<Value>& factor, size_t line) {
          return factor.data[static_cast<ptrdiff_t>(line) * factor.line_stride +
                             static_cast<ptrdiff_t>(p) * factor.depth_stride];
        };
        sum = std::fma(at(a, i), at(b, j), sum);
      }
      c[i * shape.columns + j] = sum;
    }
  }
  return c;
}

template <class Value>
struct Layout {
  Factor<Value> rows, columns;
};

template <class Value>
void product(const dense::ProductShape& shape, const Layout<Value>& layout, int threads) {
  const std::vector<Value> exact = chains(shape, layout.rows, layout.columns);
  for (const Kernels* set : available_kernels()) {
    // a border that must stay as it is
    std::vector<Value> c(exact.size() + 32, Value{7});
    dense::matmul(set->dense, shape, layout.rows, layout.columns, c.data() + 16, threads);
    const std::string what = std::string(set->name) + ": product " + sizes(shape.rows, shape.columns) +
                             ", depth " + std::to_string(shape.depth) + ", " + std::to_string(threads) +
                             " threads";
    expect(std::memcmp(c.data() + 16, exact.data(), exact.size() * sizeof(Value)) == 0,
           what + " differs from the chains");
    bool intact = true;
    for (size_t i = 0; i < 16; ++i) intact &= c[i] == Value{7} && c[c.size() - 1 - i] == Value{7};
    expect(intact, what + " wrote beside its output");
  }
}

// Factors that lie in memory by rows, by columns, and backwards with gaps.
template <class Value>
void products() {
  const std::vector<Value> a = drawn<Value>(1 << 16, 1), b = drawn<Value>(1 << 16, 2);
  const auto layouts = [&](const dense::ProductShape& shape) {
    const auto rows = static_cast<ptrdiff_t>(shape.rows), columns = static_cast<ptrdiff_t>(shape.columns),
               depth = static_cast<ptrdiff_t>(shape.depth);
    return std::vector<Layout<Value>>{
        {{a.data(), depth, 1}, {b.data(), 1, columns}},
        {{a.data(), 1, rows}, {b.data(), depth, 1}},
        {{a.data() + 2 * (rows - 1) * depth, -2 * depth, 2}, {b.data(), 2, 2 * columns}},
    };
  };
  for (const size_t rows : {1, 6, 13}) {
    // parts of half a tile, whole halves, and a tile with one column beyond it
    for (const size_t columns : {1, 8, 16, 33}) {
      for (const size_t depth : {1, 65}) {
        const dense::ProductShape shape{rows, columns, depth};
        for (const Layout<Value>& layout : layouts(shape)) product(shape, layout, 1);
      }
    }
  }
  constexpr size_t kLarge = sizeof(Value) == 4 ? 129 : 9;
  for (const dense::ProductShape& shape :
       {dense::ProductShape{12, 32, 256}, {7, 17, 257}, {2, 4101, 3}, {484, 50, kLarge}}) {
    // in float, the last one is worth more than two threads, and has rows for more than one unit
    product(shape, layouts(shape)[0], 3);
  }
  // more parts of the depth than are packed at once, and half tiles that go on from what is stored
  for (const dense::ProductShape& deep : {dense::ProductShape{5, 25, 1100}, {12, 8, 600}, {12, 48, 600}}) {
    for (const Layout<Value>& layout : layouts(deep)) product(deep, layout, 1);
  }
  std::vector<Value> zeros(6, Value{7});
  dense::matmul(scalar_kernels()->dense, {2, 3, 0}, Factor<Value>{}, Factor<Value>{}, zeros.data(), 1);
  expect(zeros == std::vector<Value>(6), "a product of depth 0 is not zero");
}

Indices counted(uint64_t first, uint64_t end, uint64_t step) {
  Indices index;
  for (uint64_t i = first; i < end; i += step) index.push_back(i);
  return index;
}

// Rows and columns of a matrix, or of a stack of them, one after the other, row by row.
Bytes made(const Kernels& set, uint64_t length, uint64_t count, const Indices& rows, const Indices& columns,
           Dtype dtype, int threads, size_t stack = 1) {
  const size_t item = itemsize(dtype), matrix = rows.size() * columns.size();
  Bytes bytes(stack * matrix * item + 64, 0xA5);
  OrthogonalTask task{length, count, {rows, {}}, {columns, {}}, 0.75};
  for (size_t i = 0; i < rows.size(); ++i) task.rows.offset.push_back(i * columns.size());
  for (size_t j = 0; j < columns.size(); ++j) task.columns.offset.push_back(j);
  std::vector<dense::OrthogonalOutput> outputs;
  for (size_t s = 0; s < stack; ++s) outputs.push_back({{s, 5}, bytes.data() + 32 + s * matrix * item});
  dense::orthogonal(set.fill, set.dense, task, outputs, dtype, threads);
  for (size_t i = 0; i < 32; ++i)
    expect(bytes[i] == 0xA5 && bytes[bytes.size() - 1 - i] == 0xA5, "orthogonal wrote beside its output");
  return {bytes.begin() + 32, bytes.end() - 32};
}

template <class Value>
double departure(const Bytes& bytes, size_t rows, size_t columns) {
  std::vector<Value> q(rows * columns);
  std::memcpy(q.data(), bytes.data(), bytes.size());
  double worst = 0;
  for (size_t j = 0; j < columns; ++j) {
    for (size_t k = 0; k <= j; ++k) {
      double sum = j == k ? -0.75 * 0.75 : 0;
      for (size_t i = 0; i < rows; ++i)
        sum += static_cast<double>(q[i * columns + j]) * static_cast<double>(q[i * columns + k]);
      worst = std::max(worst, std::fabs(sum));
    }
  }
  return worst;
}

// The widest kernels' matrix on one thread, against those of every instruction set on three, and windows.
void orthogonal(uint64_t length, uint64_t count, const NamedDtype& named) {
  const Dtype dtype = named.dtype;
  const size_t item = itemsize(dtype);
  const Indices all_rows = counted(0, length, 1), all_columns = counted(0, count, 1);
  const std::string what = "orthogonal " + sizes(length, count) + " " + std::string(named.name);
  const Kernels& widest = *available_kernels()[0];
  const Bytes whole = made(widest, length, count, all_rows, all_columns, dtype, 1);
  if (dtype == Dtype::kFloat32)
    expect(departure<float>(whole, length, count) < 2e-6, what + " is not orthogonal");
  if (dtype == Dtype::kFloat64)
    expect(departure<double>(whole, length, count) < 4e-15, what + " is not orthogonal");
  // every third row from one on; columns from inside a sliver to inside another
  const Indices rows = counted(1, length, 3), columns = counted(count / 3, count - count / 4, 1);
  Bytes slice;
  for (const uint64_t i : rows) {
    const unsigned char* from = whole.data() + (i * count + columns[0]) * item;
    slice.insert(slice.end(), from, from + columns.size() * item);
  }
  for (const Kernels* set : available_kernels()) {
    const std::string where = std::string(set->name) + ": " + what;
    expect(made(*set, length, count, all_rows, all_columns, dtype, 3) == whole, where + " differs");
    expect(made(*set, length, count, rows, columns, dtype, 3) == slice, where + ": a window differs");
  }
}

// Too long to keep what is drawn; on the widest kernels alone, for the others take seconds.
void long_column() {
  constexpr size_t kLength = 2'100'000;
  static_assert(dense::kMostKeptBytes < kLength * sizeof(float));
  const Indices rows = counted(0, kLength, 1);
  const auto column = [&](int threads) {
    return made(*available_kernels()[0], kLength, 1, rows, {0}, Dtype::kFloat32, threads);
  };
  const Bytes whole = column(1);
  expect(departure<float>(whole, kLength, 1) < 2e-6, "a long column is not of unit length");
  expect(column(3) == whole, "a long column differs by threads");
}

// A matrix for each of two threads, or all threads at each matrix; the first is that of its key alone.
void stacks() {
  const Indices rows = counted(0, 100, 1), columns = counted(0, 40, 1);
  const Kernels& widest = *available_kernels()[0];
  const auto stack = [&](const Kernels& set, int threads, size_t count) {
    return made(set, 100, 40, rows, columns, Dtype::kFloat32, threads, count);
  };
  const Bytes all = stack(widest, 1, 14);
  const Bytes first = stack(widest, 1, 1);
  expect(std::memcmp(all.data(), first.data(), first.size()) == 0, "the first of a stack is another matrix");
  for (const Kernels* set : available_kernels())
    expect(stack(*set, 3, 14) == all, std::string(set->name) + ": a stack differs");
  expect(stack(widest, 8, 14) == all, "a stack by all threads differs");
}

// Every index of every step once, no step before the last one's end; members numbered from 0, each once.
void teams() {
  for (const size_t threads : {1, 2, 3, 8}) {
    for (const size_t count : {0, 1, 2, 1000}) {
      std::vector<int> steps(count);
      std::vector<std::atomic<int>> members(threads);
      std::atomic<size_t> size{0}, misfits{0};
      run_team(Demand(threads), [&](Team& team, size_t member) noexcept {
        size = team.size();
        if (member >= team.size() || members[member]++ != 0) ++misfits;
        for (int step = 0; step < 20; ++step) {
          team.each(count, [&](size_t i) noexcept {
            // plain ints: the barrier alone orders one step after another
            if (steps[i] != step) ++misfits;
            ++steps[i];
          });
          team.each(0, [&](size_t) noexcept { ++misfits; });
        }
      });
      expect(misfits == 0, "a team's steps overlap, or its members are misnumbered");
      expect(std::all_of(steps.begin(), steps.end(), [](int n) { return n == 20; }), "a step left work out");
      const auto ran = std::count_if(members.begin(), members.end(), [](const auto& n) { return n == 1; });
      expect(size >= 1 && static_cast<size_t>(ran) == size, "a team's size is not that of its members");
    }
  }
}

}  // namespace

int main() {
  teams();
  products<float>();
  products<double>();
  // one number, tile edges, a block of 96, the last reflector of a square, a chunk of 192
  const std::pair<uint64_t, uint64_t> shapes[] = {{1, 1},   {2, 2},  {13, 12}, {40, 1},
                                                  {31, 30}, {40, 6}, {97, 97}, {200, 33}};
  for (const auto& [length, count] : shapes) {
    for (const NamedDtype& dtype : kDtypes) {
      // two bytes differ from four in the last step alone
      if (itemsize(dtype.dtype) > 2 || count < 50) orthogonal(length, count, dtype);
    }
  }
  // enough for two threads
  orthogonal(193, 105, kDtypes[0]);
  // a block whose V is far away reflects slivers together, and another panel uses what is known of it
  static_assert(2800 * dense::kReflectors * sizeof(float) > dense::kNearBytes);
  orthogonal(2800, 130, kDtypes[0]);
  long_column();
  stacks();
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
