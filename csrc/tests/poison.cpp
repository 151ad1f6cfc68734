// Memory that nobody has written holds NaN here: what reads it shows. Fresh pages are zero and would hide it.
#include <cmath>
#include <cstdio>
#include <vector>

#include "dense/matmul.hpp"
#include "dense/orthogonal.hpp"
#include "dispatch.hpp"
#include "kept_blocks.hpp"
#include "poisoned.hpp"

using pyinit::tests::poisoned;
using pyinit::tests::release;

void* operator new(size_t bytes) { return poisoned(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return poisoned(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { release(memory); }

namespace {

using namespace pyinit;

std::vector<uint64_t> counted(uint64_t n, uint64_t step) {
  std::vector<uint64_t> index(n);
  for (uint64_t i = 0; i < n; ++i) index[i] = i * step;
  return index;
}

template <class Value>
int unfinished_orthogonal(const Kernels& kernels, Dtype dtype, uint64_t length, uint64_t count) {
  std::vector<Value> out(length * count);
  const dense::OrthogonalTask task{length,
                                   count,
                                   {counted(length, 1), counted(length, count)},
                                   {counted(count, 1), counted(count, 1)},
                                   1.0};
  dense::orthogonal(kernels.fill, kernels.dense, task, {{{count, length}, out.data()}}, dtype, 1);
  free_kept_blocks();
  int wrong = 0;
  for (const Value x : out) wrong += !(std::fabs(x) <= static_cast<Value>(1.0001));
  if (wrong > 0)
    std::printf("orthogonal %d x %d: %d wrong\n", static_cast<int>(length), static_cast<int>(count), wrong);
  return wrong;
}

template <class Value>
int unfinished_product(const Kernels& kernels, size_t rows, size_t columns, size_t depth) {
  const std::vector<Value> a(rows * depth, Value{1}), b(depth * columns, Value{1});
  std::vector<Value> c(rows * columns);
  dense::matmul<Value>(kernels.dense, {rows, columns, depth}, {a.data(), static_cast<ptrdiff_t>(depth), 1},
                       {b.data(), 1, static_cast<ptrdiff_t>(columns)}, c.data(), 1);
  free_kept_blocks();
  int wrong = 0;
  for (const Value x : c) wrong += x != static_cast<Value>(depth);
  if (wrong > 0) std::printf("product %zu x %zu x %zu: %d wrong\n", rows, columns, depth, wrong);
  return wrong;
}

}  // namespace

int main() {
  int wrong = 0;
  for (const Kernels* set : available_kernels()) {
    for (uint64_t count = 1; count <= 110; ++count) {
      wrong += unfinished_orthogonal<float>(*set, Dtype::kFloat32, count + count % 3, count);
      wrong += unfinished_orthogonal<double>(*set, Dtype::kFloat64, count + count % 5, count);
    }
    for (size_t n = 1; n <= 40; ++n) {
      wrong += unfinished_product<float>(*set, n, 41 - n, 2 * n);
      wrong += unfinished_product<double>(*set, 41 - n, n, n);
    }
    std::printf("%s: %d wrong\n", set->name, wrong);
  }
  return wrong > 0 ? 1 : 0;
}
