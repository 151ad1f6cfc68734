// The table of an instruction set S: every template instantiated once.
// Only the one translation unit that is compiled for S includes this. All that it reaches is a template over
// S: a linker may take an inline function that two translation units share from the one whose instructions
// the CPU lacks.
#pragma once

#include "dense/deliver.hpp"
#include "dense/pack.hpp"
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
    .uniform = fill::uniform<S>,
    .normal = fill::draw<S, rng::Normal, rng::NormalNumbers>,
    .truncated_normal = fill::truncated_normal<S>,
    .transformed = fill::transformed<S>,
    .disk = fill::disk<S>,
    .zero_in_columns = fill::column_zeros<S>,
    .zero_by_chance = fill::chance_zeros<S>,
    .words = fill::draw_words<S>,
    .constant = fill::repeat<S>,
};

template <class S, class Value>
inline constexpr dense::ProductKernels<Value> kProductKernels = {
    .tile_rows = dense::kTileRows<S>,
    .tile_columns = dense::kTileColumns<S, Value>,
    .pack_rows = dense::pack<S, Value, dense::kTileRows<S>>,
    .pack_columns = dense::pack<S, Value, dense::kTileColumns<S, Value>>,
    .multiply = dense::multiply<S, Value>,
};

template <class S, class Value>
inline constexpr dense::ReflectorKernels<Value> kReflectorKernels = {
    .sum_squares = dense::sum_squares<S, Value>,
    .gram = dense::gram<S, Value>,
    .project = dense::project<S, Value>,
    .solve = dense::solve<S, Value>,
    .combine = dense::combine<S, Value>,
    .deliver = dense::deliver<S, Value>,
};

template <class S>
inline constexpr Kernels kKernels = {
    .name = S::kName,
    .fill = kFillKernels<S>,
    .dense = {.product32 = kProductKernels<S, float>,
              .product64 = kProductKernels<S, double>,
              .reflector32 = kReflectorKernels<S, float>,
              .reflector64 = kReflectorKernels<S, double>},
    .probe = {.activate = probe::activate<S>, .slope = probe::slope<S>, .summarize = probe::summarize<S>},
};

}  // namespace pyinit
