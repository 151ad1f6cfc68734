// A plan for one shape and dtype that is ready to run on memory given by its address, by the calling thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/released.hpp"
#include "float_environment.hpp"
#include "rng/stream.hpp"

// The same element everywhere, as its bytes, repeated to a line.
struct Repeated {
  alignas(64) std::array<char, 64> line;
};

// A plan for one shape and dtype, ready to run on memory that is given by its address.
struct ReadyDraw {
  pyinit::Dtype dtype;
  uint64_t elements;
  std::variant<pyinit::rng::UniformNumbers, pyinit::rng::NormalNumbers, pyinit::rng::TruncatedNumbers,
               Repeated>
      numbers;

  void operator()(const pyinit::fill::Kernels& kernels, pyinit::rng::Key key, void* out) const noexcept {
    const pyinit::fill::Runs whole{0, 0, elements, 1};
    pyinit::in_default_environment([&]() noexcept {
      if (const auto* uniform = std::get_if<pyinit::rng::UniformNumbers>(&numbers)) {
        kernels.uniform(dtype, *uniform, key, whole, out);
      } else if (const auto* normal = std::get_if<pyinit::rng::NormalNumbers>(&numbers)) {
        kernels.normal(dtype, *normal, key, whole, out);
      } else if (const auto* truncated = std::get_if<pyinit::rng::TruncatedNumbers>(&numbers)) {
        kernels.truncated_normal(dtype, *truncated, key, whole, out);
      } else if (const auto* repeated = std::get_if<Repeated>(&numbers)) {
        kernels.constant(repeated->line.data(), out, elements * pyinit::itemsize(dtype), false);
      }
    });
  }
};

inline constexpr const char* kReadyDraw = "pyinit.ReadyDraw";

template <class Numbers>
py::capsule ready(uint64_t elements, std::string_view dtype, const Numbers& numbers) {
  auto* draw = new ReadyDraw{dtype_named(dtype), elements, numbers};
  return {draw, kReadyDraw, [](void* made) { delete static_cast<ReadyDraw*>(made); }};
}

// Threads of other draws would wait for a larger one.
inline constexpr size_t kBytesUnderTheGil = size_t{16} << 10;

inline void run(const ReadyDraw& draw, pyinit::rng::Key key, uint64_t address) {
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
