// Every kernel for one instruction set S. Included by the one translation unit compiled for it.
// Everything here is a template over S: an inline function shared between translation units could be
// linked from the one whose instructions the CPU lacks.
#pragma once

#include "fill/kernel.hpp"
#include "fill/kernels.hpp"
#include "fill/zeros.hpp"
#include "rng/bits.hpp"
#include "rng/normal.hpp"
#include "rng/truncated.hpp"
#include "rng/uniform.hpp"

namespace pyinit::fill {

// Calls use(a value of the draws' type, the output as its element type).
template <class S, class Use>
void with_dtype(Dtype dtype, void* out, const Use& use) {
  switch (dtype) {
    case Dtype::kFloat32:
      return use(float{}, static_cast<float*>(out));
    case Dtype::kFloat64:
      return use(double{}, static_cast<double*>(out));
    case Dtype::kBfloat16:
      return use(float{}, static_cast<Bfloat16*>(out));
    case Dtype::kFloat16:
      return use(float{}, static_cast<Float16*>(out));
  }
}

template <class S, template <class, class> class Draw, class Numbers>
void fill_draws(Dtype dtype, const Numbers& numbers, rng::Key key, const Runs& runs, void* out) {
  with_dtype<S>(dtype, out, [&]<class Value, class Out>(Value, Out* typed) {
    Filler<S, Draw<S, Value>, Out>(Draw<S, Value>(numbers), key)(runs, typed);
  });
}

template <class S>
void fill_column_zeros(Dtype dtype, const rng::ColumnZeros& numbers, const Rectangle& area, void* out) {
  with_dtype<S>(dtype, out, [&](auto, auto* typed) { zero_in_columns<S>(numbers, area, typed); });
}

template <class S>
void fill_chance_zeros(Dtype dtype, const rng::ChanceZeros& numbers, const Runs& runs, void* out) {
  with_dtype<S>(dtype, out, [&](auto, auto* typed) { zero_by_chance<S>(numbers, runs, typed); });
}

template <class S>
void fill_words(rng::Key key, const Runs& runs, uint32_t* out) {
  Filler<S, rng::Bits<S>, uint32_t>({}, key)(runs, out);
}

inline constexpr size_t kLine = 64;

template <class S>
void fill_constant(const void* line, void* out, size_t bytes, bool stream) {
  // Twice the line, so that it can be read from wherever the first whole line of `out` begins.
  alignas(kLine) char pattern[2 * kLine];
  std::memcpy(pattern, line, kLine);
  std::memcpy(pattern + kLine, line, kLine);
  auto* to = static_cast<char*>(out);
  const size_t to_line = (kLine - reinterpret_cast<uintptr_t>(to) % kLine) % kLine;
  const size_t head = to_line < bytes ? to_line : bytes;
  std::memcpy(to, pattern, head);
  const char* turned = pattern + head % kLine;
  size_t done = head;
  if (stream) {
    for (; done + kLine <= bytes; done += kLine) S::stream_line(to + done, turned);
    S::stream_fence();
  } else {
    for (; done + kLine <= bytes; done += kLine) std::memcpy(to + done, turned, kLine);
  }
  std::memcpy(to + done, turned, bytes - done);
}

template <class S>
inline constexpr Kernels kKernels = {
    S::kName,
    fill_draws<S, rng::Uniform, rng::UniformNumbers>,
    fill_draws<S, rng::Normal, rng::NormalNumbers>,
    fill_draws<S, rng::TruncatedNormal, rng::TruncatedNumbers>,
    fill_column_zeros<S>,
    fill_chance_zeros<S>,
    fill_words<S>,
    fill_constant<S>,
};

}  // namespace pyinit::fill
