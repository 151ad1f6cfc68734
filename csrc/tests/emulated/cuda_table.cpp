// In place of csrc/dispatch.cpp: fills are launches of a device's kernels, so that the core's own tests of
// fills run on these. Everything else is Scalar's.
#include <string>

#include "cuda/kernels.hpp"
#include "dispatch.hpp"
#include "dtype.hpp"

#define PYINIT_LAUNCHED(name, Task) extern "C" void name(const Task*, uint32_t, uint32_t);
#define PYINIT_LAUNCHED_DRAWS(name, Numbers)                                          \
  PYINIT_LAUNCHED(name##_float32, pyinit::cuda::DrawTask<pyinit::rng::Numbers>)       \
  PYINIT_LAUNCHED(name##_float64, pyinit::cuda::DrawTask<pyinit::rng::Numbers>)       \
  PYINIT_LAUNCHED(name##_bfloat16, pyinit::cuda::DrawTask<pyinit::rng::Numbers>)      \
  PYINIT_LAUNCHED(name##_float16, pyinit::cuda::DrawTask<pyinit::rng::Numbers>)       \
  PYINIT_LAUNCHED(name##_float8_e4m3fn, pyinit::cuda::DrawTask<pyinit::rng::Numbers>) \
  PYINIT_LAUNCHED(name##_float8_e5m2, pyinit::cuda::DrawTask<pyinit::rng::Numbers>)
PYINIT_LAUNCHED_DRAWS(uniform, UniformNumbers)
PYINIT_LAUNCHED_DRAWS(normal, NormalNumbers)
PYINIT_LAUNCHED(truncated_normal_float64, pyinit::cuda::DrawTask<pyinit::rng::TruncatedNumbers>)
PYINIT_LAUNCHED(truncated_normal_float32, pyinit::cuda::DrawTask<pyinit::cuda::TruncatedFloats>)
PYINIT_LAUNCHED(truncated_normal_bfloat16, pyinit::cuda::DrawTask<pyinit::cuda::TruncatedFloats>)
PYINIT_LAUNCHED(truncated_normal_float16, pyinit::cuda::DrawTask<pyinit::cuda::TruncatedFloats>)
PYINIT_LAUNCHED(truncated_normal_float8_e4m3fn, pyinit::cuda::DrawTask<pyinit::cuda::TruncatedFloats>)
PYINIT_LAUNCHED(truncated_normal_float8_e5m2, pyinit::cuda::DrawTask<pyinit::cuda::TruncatedFloats>)
#define PYINIT_LAUNCHED_CURVE(name)                                                              \
  PYINIT_LAUNCHED(name##_float32, pyinit::cuda::DrawTask<pyinit::cuda::TransformedFloats>)       \
  PYINIT_LAUNCHED(name##_float64, pyinit::cuda::DrawTask<pyinit::rng::TransformedNumbers>)       \
  PYINIT_LAUNCHED(name##_bfloat16, pyinit::cuda::DrawTask<pyinit::cuda::TransformedFloats>)      \
  PYINIT_LAUNCHED(name##_float16, pyinit::cuda::DrawTask<pyinit::cuda::TransformedFloats>)       \
  PYINIT_LAUNCHED(name##_float8_e4m3fn, pyinit::cuda::DrawTask<pyinit::cuda::TransformedFloats>) \
  PYINIT_LAUNCHED(name##_float8_e5m2, pyinit::cuda::DrawTask<pyinit::cuda::TransformedFloats>)
PYINIT_LAUNCHED_CURVE(log_uniform)
PYINIT_LAUNCHED_CURVE(inverse_softplus)
PYINIT_LAUNCHED_CURVE(log_of_uniform)
PYINIT_LAUNCHED_CURVE(log_decay)
PYINIT_LAUNCHED(disk_float32, pyinit::cuda::DrawTask<pyinit::rng::DiskNumbers>)
PYINIT_LAUNCHED(disk_float64, pyinit::cuda::DrawTask<pyinit::rng::DiskNumbers>)
PYINIT_LAUNCHED(zero_in_columns_8, pyinit::cuda::ColumnZerosTask)
PYINIT_LAUNCHED(zero_by_chance_8, pyinit::cuda::ChanceZerosTask)
PYINIT_LAUNCHED(zero_in_columns_16, pyinit::cuda::ColumnZerosTask)
PYINIT_LAUNCHED(zero_in_columns_32, pyinit::cuda::ColumnZerosTask)
PYINIT_LAUNCHED(zero_in_columns_64, pyinit::cuda::ColumnZerosTask)
PYINIT_LAUNCHED(zero_by_chance_16, pyinit::cuda::ChanceZerosTask)
PYINIT_LAUNCHED(zero_by_chance_32, pyinit::cuda::ChanceZerosTask)
PYINIT_LAUNCHED(zero_by_chance_64, pyinit::cuda::ChanceZerosTask)

namespace pyinit {
namespace {

template <class Task>
using Kernel = void (*)(const Task*, uint32_t, uint32_t);

// Fewer threads than units, so that they go round.
constexpr uint32_t kGrid = 3, kThreads = 64;

cuda::Window window_of(const fill::Runs& runs) {
  return {runs.first, runs.length, runs.count, {runs.count, 1, 1, 1}, {runs.stride, 0, 0, 0}};
}

template <class Numbers, Kernel<cuda::DrawTask<Numbers>>... kKernels>
void draw(Dtype dtype, const Numbers& numbers, rng::Key key, const fill::Runs& runs, void* out) {
  constexpr Kernel<cuda::DrawTask<Numbers>> kOf[] = {kKernels...};
  const cuda::DrawTask<Numbers> task{out, key, window_of(runs), numbers};
  kOf[static_cast<size_t>(dtype)](&task, kGrid, kThreads);
}

void draw_truncated(Dtype dtype, const rng::TruncatedNumbers& n, rng::Key key, const fill::Runs& runs,
                    void* out) {
  const auto f = [](double x) { return static_cast<float>(x); };
  if (dtype == Dtype::kFloat64) {
    draw<rng::TruncatedNumbers, nullptr, truncated_normal_float64>(dtype, n, key, runs, out);
    return;
  }
  const cuda::TruncatedFloats floats{f(n.mean),        f(n.std),         f(n.lowest),
                                     f(n.highest),     f(n.tail_step),   f(n.tail_low),
                                     f(n.tail_high),   f(n.centre_step), f(n.centre_low),
                                     f(n.centre_high), n.tail_exponent,  static_cast<uint32_t>(n.pivot),
                                     n.mirrored};
  draw<cuda::TruncatedFloats, truncated_normal_float32, nullptr, truncated_normal_bfloat16,
       truncated_normal_float16, truncated_normal_float8_e4m3fn, truncated_normal_float8_e5m2>(
      dtype, floats, key, runs, out);
}

template <Kernel<cuda::DrawTask<cuda::TransformedFloats>> kFloat32,
          Kernel<cuda::DrawTask<rng::TransformedNumbers>> kFloat64,
          Kernel<cuda::DrawTask<cuda::TransformedFloats>>... kSmaller>
void draw_curve(Dtype dtype, const rng::TransformedNumbers& n, rng::Key key, const fill::Runs& runs,
                void* out) {
  if (dtype == Dtype::kFloat64) {
    draw<rng::TransformedNumbers, nullptr, kFloat64>(dtype, n, key, runs, out);
    return;
  }
  const auto f = [](double x) { return static_cast<float>(x); };
  const float start = f(n.start), width = f(n.width);
  const cuda::TransformedFloats floats{start,        f(n.start - start + n.start_rest),
                                       width,        f(n.width - width + n.width_rest),
                                       f(n.scale),   f(n.lowest),
                                       f(n.highest), n.is_wide};
  draw<cuda::TransformedFloats, kFloat32, nullptr, kSmaller...>(dtype, floats, key, runs, out);
}

#define PYINIT_CURVE(name)                                                                          \
  draw_curve<name##_float32, name##_float64, name##_bfloat16, name##_float16, name##_float8_e4m3fn, \
             name##_float8_e5m2>

void draw_transformed(Dtype dtype, const rng::TransformedNumbers& n, rng::Key key, const fill::Runs& runs,
                      void* out) {
  switch (n.function) {
    case rng::Transform::kLogUniform:
      return PYINIT_CURVE(log_uniform)(dtype, n, key, runs, out);
    case rng::Transform::kInverseSoftplus:
      return PYINIT_CURVE(inverse_softplus)(dtype, n, key, runs, out);
    case rng::Transform::kLogOfUniform:
      return PYINIT_CURVE(log_of_uniform)(dtype, n, key, runs, out);
    case rng::Transform::kLogDecay:
      return PYINIT_CURVE(log_decay)(dtype, n, key, runs, out);
  }
}

template <class Task>
void launch_by_size(Dtype dtype, const Task& task, Kernel<Task> one, Kernel<Task> two, Kernel<Task> four,
                    Kernel<Task> eight) {
  const size_t size = itemsize(dtype);
  (size == 1 ? one : size == 2 ? two : size == 4 ? four : eight)(&task, kGrid, kThreads);
}

void column_zeros(Dtype dtype, const rng::ColumnZeros& zeros, const fill::Rectangle& area, void* out) {
  const cuda::ColumnZerosTask task{out,         zeros.mask,     zeros.rows,
                                   zeros.zeros, area.first_row, area.first_column,
                                   area.rows,   area.columns,   area.pitch};
  launch_by_size(dtype, task, zero_in_columns_8, zero_in_columns_16, zero_in_columns_32, zero_in_columns_64);
}

void chance_zeros(Dtype dtype, const rng::ChanceZeros& zeros, const fill::Runs& runs, void* out) {
  const cuda::ChanceZerosTask task{out, zeros.mask, window_of(runs), zeros.threshold};
  launch_by_size(dtype, task, zero_by_chance_8, zero_by_chance_16, zero_by_chance_32, zero_by_chance_64);
}

Kernels emulated() {
  Kernels kernels = *scalar_kernels();
  kernels.name = "cuda";
  kernels.fill.uniform = draw<rng::UniformNumbers, uniform_float32, uniform_float64, uniform_bfloat16,
                              uniform_float16, uniform_float8_e4m3fn, uniform_float8_e5m2>;
  kernels.fill.normal = draw<rng::NormalNumbers, normal_float32, normal_float64, normal_bfloat16,
                             normal_float16, normal_float8_e4m3fn, normal_float8_e5m2>;
  kernels.fill.truncated_normal = draw_truncated;
  kernels.fill.transformed = draw_transformed;
  kernels.fill.disk = draw<rng::DiskNumbers, disk_float32, disk_float64>;
  kernels.fill.zero_in_columns = column_zeros;
  kernels.fill.zero_by_chance = chance_zeros;
  return kernels;
}

}  // namespace

std::vector<const Kernels*> available_kernels() {
  static const Kernels kernels = emulated();
  return {&kernels};
}

}  // namespace pyinit
