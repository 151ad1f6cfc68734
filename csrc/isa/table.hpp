// The table of an instruction set S: every template instantiated once.
// Only the one translation unit that is compiled for S includes this. All that it reaches is a template over
// S: a linker may take an inline function that two translation units share from the one whose instructions
// the CPU lacks.
#pragma once

#include "dense/deliver.hpp"
#include "dense/product.hpp"
#include "dense/reflectors.hpp"
#include "fill/constant.hpp"
#include "fill/draws.hpp"
#include "fill/zeros.hpp"
#include "isa/kernels.hpp"
#include "probe/activate.hpp"
#include "probe/summary.hpp"
#include "rng/normal.hpp"
#include "rng/truncated.hpp"
#include "rng/uniform.hpp"

namespace pyinit {

template <class S>
inline constexpr fill::Kernels kFillKernels = {
    fill::draw<S, rng::Uniform, rng::UniformNumbers>,
    fill::draw<S, rng::Normal, rng::NormalNumbers>,
    fill::draw<S, rng::TruncatedNormal, rng::TruncatedNumbers>,
    fill::column_zeros<S>,
    fill::chance_zeros<S>,
    fill::draw_words<S>,
    fill::repeat<S>,
};

template <class S, class Value>
inline constexpr dense::ProductKernels<Value> kProductKernels = {
    dense::kTileRows<S>,
    dense::kTileColumns<S, Value>,
    dense::pack<S, Value, dense::kTileRows<S>>,
    dense::pack<S, Value, dense::kTileColumns<S, Value>>,
    dense::multiply<S, Value>,
};

template <class S, class Value>
inline constexpr dense::ReflectorKernels<Value> kReflectorKernels = {
    dense::sum_squares<S, Value>, dense::gram<S, Value>,    dense::reflect<S, Value>,
    dense::solve<S, Value>,       dense::combine<S, Value>, dense::deliver<S, Value>,
};

template <class S>
inline constexpr Kernels kKernels = {
    S::kName,
    kFillKernels<S>,
    {kProductKernels<S, float>, kProductKernels<S, double>, kReflectorKernels<S, float>,
     kReflectorKernels<S, double>},
    {probe::activate<S>, probe::slope<S>, probe::summarize<S>},
};

}  // namespace pyinit
