// What runs without Python's GIL asks for no variable of the environment: another thread's setenv may be
// moving them. This program's getenv stands in for the library's, and counts.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "dense/matmul.hpp"
#include "dense/orthogonal.hpp"
#include "dispatch.hpp"
#include "fill/consecutive.hpp"
#include "fill/fill.hpp"
#include "probe/layer.hpp"
#include "threads.hpp"

namespace {

int asked = 0;
const char* threads = nullptr;

}  // namespace

#if defined(__GLIBC__)
#define PYINIT_AS_DECLARED noexcept
#else
#define PYINIT_AS_DECLARED
#endif
extern "C" char* getenv(const char* name) PYINIT_AS_DECLARED;
extern "C" char* getenv(const char* name) PYINIT_AS_DECLARED {
  if (std::strncmp(name, "PYINIT_", 7) != 0) return nullptr;
  ++asked;
  return std::strcmp(name, "PYINIT_NUM_THREADS") == 0 ? const_cast<char*>(threads) : nullptr;
}

namespace {

using namespace pyinit;

int failures = 0;

void expect(bool condition, const std::string& what) {
  if (condition) return;
  ++failures;
  std::printf("%s\n", what.c_str());
}

std::vector<uint64_t> counted(uint64_t n, uint64_t step) {
  std::vector<uint64_t> index(n);
  for (uint64_t i = 0; i < n; ++i) index[i] = i * step;
  return index;
}

// Every driver, with several threads.
void drive(const Kernels& set) {
  constexpr uint64_t kRows = 400, kColumns = 300;
  constexpr int kThreads = 3;
  std::vector<float> out(kRows * kColumns), other(kRows * kColumns), weight(kColumns * kColumns),
      gradient(kColumns * kColumns), sums(kColumns);
  const fill::Region region({kRows, kColumns}, {0, 0}, {kRows, kColumns});
  const fill::Target target{out.data(), Dtype::kFloat32, kThreads};
  fill::normal(set.fill, target, region, {1, 0}, {0, 1});
  fill::uniform(set.fill, target, region, {1, 0}, {0, 1, 0, 1});
  fill::sparse(set.fill, target, region, {1, 0}, {0, 1}, {{2, 0}, kRows, 5}, {0, 0, kRows, kColumns});
  fill::bernoulli_sparse(set.fill, target, region, {1, 0}, {0, 1}, {{2, 0}, 1U << 31});
  fill::constant(set.fill, out.data(), out.size() * 4, &weight[0], 4, kThreads);
  fill::stream_constant(set.fill, out.data(), out.size() * 4, kThreads);
  fill::normal(set.fill, {}, 0, 64, 0.0F, 1.0F, out.data());
  fill::words(set.fill, {}, 0, 64, reinterpret_cast<uint32_t*>(out.data()));
  fill::normal(set.fill, target, region, {1, 0}, {0, 1});
  dense::matmul<float>(set.dense, {kRows, kColumns, kColumns}, {out.data(), kColumns, 1},
                       {weight.data(), 1, kColumns}, other.data(), kThreads);
  for (const uint64_t count : {uint64_t{40}, uint64_t{200}}) {
    const dense::OrthogonalTask task{
        300, count, {counted(300, 1), counted(300, count)}, {counted(count, 1), counted(count, 1)}, 1.0};
    dense::orthogonal(set.fill, set.dense, task, {{{1, 0}, other.data()}}, Dtype::kFloat32, kThreads);
  }
  using namespace probe;
  const LayerKernels kernels{set.probe, {set.fill, set.dense}};
  const Question question{{}, -1e30F, 1e30F};
  moments(set.probe, {out.data(), kRows, kColumns, kColumns}, question, kThreads);
  const Layer layer{kRows,
                    {kColumns, kColumns, nullptr, 0, 0, {{1, 0}, rng::NormalNumbers{0, 1}}},
                    Activation::kTanh,
                    0,
                    kThreads};
  std::vector<float> z(kRows * kColumns);
  forward(kernels, layer, {out.data(), sums.data(), z.data(), other.data(), question, question, question});
  backward(kernels, layer,
           {out.data(), z.data(), other.data(), z.data(), other.data(), gradient.data(), sums.data(),
            question, question});
}

}  // namespace

int main() {
  expect(&active_kernels() == &active_kernels() && asked == 1, "PYINIT_ISA is not read once");
  for (const Kernels* set : available_kernels()) {
    asked = 0;
    drive(*set);
    expect(asked == 0, std::string(set->name) + ": a driver asks for a variable");
  }
  asked = 0;
  check_arithmetic();
  expect(asked == 0 && usable_cpus() > 0 && asked == 0, "usable_cpus asks for a variable");
  threads = "7";
  expect(default_threads() == 7 && asked == 1, "PYINIT_NUM_THREADS is not read");
  threads = "";
  expect(environment_threads() == 0 && default_threads() == usable_cpus(), "an empty variable is not none");
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
