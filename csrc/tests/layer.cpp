// A layer against loops that say what it is: the same bits on every instruction set, with one thread or two,
// with weights from memory and with weights drawn on the way. And the statistics against two passes.
#include "probe/layer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "dispatch.hpp"
#include "fill/fill.hpp"

namespace {

using namespace pyinit;
using namespace pyinit::probe;
using Numbers = std::vector<float>;

// Where there is work for them.
constexpr int kThreads = 3;

int failures = 0;

void expect(bool condition, const char* what, const pyinit::Kernels& set) {
  if (condition) return;
  ++failures;
  std::printf("%s: %s\n", set.name, what);
}

Numbers normal(uint64_t rows, uint64_t columns, uint64_t seed, double std) {
  Numbers out(rows * columns);
  fill::normal(scalar_kernels()->fill, {out.data(), Dtype::kFloat32, 1},
               fill::Region({rows, columns}, {0, 0}, {rows, columns}), {seed, 0}, {0, std});
  return out;
}

// c[i][j] = sum over p of a(i, p) b(p, j), one fma after the other.
template <class A, class B>
Numbers product(size_t rows, size_t columns, size_t depth, const A& a, const B& b) {
  Numbers c(rows * columns);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      float sum = 0;
      for (size_t p = 0; p < depth; ++p) sum = std::fma(a(i, p), b(p, j), sum);
      c[i * columns + j] = sum;
    }
  }
  return c;
}

bool close(const Moments& moments, const Numbers& x) {
  double mean = 0, m2 = 0;
  for (const float v : x) mean += static_cast<double>(v) / static_cast<double>(x.size());
  for (const float v : x) m2 += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  uint64_t in_bins = 0;
  for (const uint64_t n : moments.histogram) in_bins += n;
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  return moments.count == x.size() && in_bins == x.size() && moments.minimum == *low &&
         moments.maximum == *high && std::abs(moments.mean - mean) < 1e-12 * (std::abs(mean) + 1) &&
         std::abs(moments.m2 - m2) <= 1e-11 * m2;
}

Question question() {
  Axis axis;
  axis.scale = Axis::Scale::kLinear;
  axis.low = -2;
  axis.high = 2;
  axis.linear_bins = 40;
  return {axis, -1.5F, 1.5F};
}

void layers(size_t batch, size_t inputs, size_t outputs) {
  const Numbers x = normal(batch, inputs, 1, 1.0);
  const Numbers w = normal(inputs, outputs, 2, 0.5);
  const Numbers b = normal(1, outputs, 3, 1.0);
  const Numbers dy = normal(batch, outputs, 4, 1.0);
  const auto at = [](const Numbers& m, size_t width) {
    return [&m, width](size_t i, size_t j) { return m[i * width + j]; };
  };
  const auto turned = [](const Numbers& m, size_t width) {
    return [&m, width](size_t i, size_t j) { return m[j * width + i]; };
  };
  Numbers z = product(batch, outputs, inputs, at(x, inputs), at(w, outputs));
  for (size_t i = 0; i < z.size(); ++i) z[i] += b[i % outputs];
  Numbers y = z;
  for (float& v : y) v = v > 0 ? v : 0;
  Numbers dz = dy;
  for (size_t i = 0; i < dz.size(); ++i) dz[i] *= z[i] > 0 ? 1.0F : 0.0F;
  const Numbers dx = product(batch, inputs, outputs, at(dz, outputs), turned(w, outputs));
  const Numbers dw = product(inputs, outputs, batch, turned(x, inputs), at(dz, outputs));
  Numbers db(outputs);
  for (size_t j = 0; j < outputs; ++j) {
    double sum = 0;
    for (size_t i = 0; i < batch; ++i) sum += static_cast<double>(dz[i * outputs + j]);
    db[j] = static_cast<float>(sum);
  }

  const auto width = static_cast<ptrdiff_t>(outputs);
  const Drawn drawn{{2, 0}, rng::NormalNumbers{0, 0.5}};
  for (const pyinit::Kernels* each : available_kernels()) {
    const pyinit::Kernels& set = *each;
    const LayerKernels kernels{set.probe, {set.fill, set.dense}};
    for (const float* memory : {w.data(), static_cast<const float*>(nullptr)}) {
      const Layer layer{batch, {inputs, outputs, memory, width, 1, drawn}, Activation::kRelu, 0, kThreads};
      Numbers got_z(z.size()), got_y(y.size());
      const ForwardMoments forward_moments =
          forward(kernels, layer,
                  {x.data(), b.data(), got_z.data(), got_y.data(), question(), question(), question()});
      expect(got_z == z && got_y == y, "forward differs", set);
      expect(
          close(*forward_moments.z, z) && close(*forward_moments.y, y) && close(*forward_moments.weight, w),
          "forward statistics differ", set);
      Numbers got_dz(dz.size()), got_dx(dx.size()), got_dw(dw.size()), got_db(outputs);
      Backward task{x.data(),      z.data(),      dy.data(),  got_dz.data(), got_dx.data(),
                    got_dw.data(), got_db.data(), question(), question()};
      const BackwardMoments kept = backward(kernels, layer, task);
      expect(got_dz == dz && got_dx == dx && got_dw == dw && got_db == db, "backward differs", set);
      task.dw = task.dx = nullptr;
      const BackwardMoments dropped = backward(kernels, layer, task);
      expect(close(*kept.dz, dz) && close(*kept.dw, dw), "backward statistics differ", set);
      expect(kept.dw->mean == dropped.dw->mean && kept.dw->m2 == dropped.dw->m2 &&
                 kept.dw->histogram == dropped.dw->histogram,
             "statistics of a weight gradient that is not kept differ", set);
    }
  }
}

void odd_numbers(const pyinit::Kernels& set) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Numbers x = normal(70, 45, 5, 1.0);
  x[0] = kInfinity;
  x[47] = -kInfinity;
  x[3000] = std::numeric_limits<float>::quiet_NaN();
  Numbers finite;
  std::copy_if(x.begin(), x.end(), std::back_inserter(finite), [](float v) { return std::isfinite(v); });
  const Moments found = moments(set.probe, {x.data(), 70, 45, 45}, question(), 2);
  expect(found.nonfinite == 3 && close(found, finite), "numbers that are not finite are not set aside", set);
  const Numbers none(5, kInfinity);
  const Moments empty = moments(set.probe, {none.data(), 1, 5, 5}, question(), 1);
  expect(empty.count == 0 && empty.nonfinite == 5 && empty.m2 == 0, "no finite number at all", set);
}

}  // namespace

int main() {
  layers(1, 1, 1);
  layers(3, 300, 5);
  // Large enough for two threads.
  layers(130, 300, 67);
  layers(2, 5, 4200);
  for (const pyinit::Kernels* set : available_kernels()) odd_numbers(*set);
  if (failures == 0) std::printf("layers hold on every instruction set\n");
  return failures == 0 ? 0 : 1;
}
