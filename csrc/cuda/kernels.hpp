// All kernels by name. kernels.inc lists them; pyinit/cuda/programs.py compiles one line of it at a time, on
// first use, since compiling all of them would take seconds.
#pragma once

#include "cuda/draws.hpp"
#include "cuda/panel.hpp"
#include "cuda/patterns.hpp"
#include "cuda/zeros.hpp"

// The first argument of each is the name of a program; where it is one kernel, also the kernel's name.
#define PYINIT_CONSTANT_PROGRAM(name) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::ConstantTask, pyinit::cuda::repeat)
#define PYINIT_DRAW_PROGRAM(name, Draw, Numbers, Value, Out)        \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::DrawTask<pyinit::Numbers>, \
                     (pyinit::cuda::draw<pyinit::Draw<pyinit::simd::Cuda, Value>, Out>))
#define PYINIT_COLUMN_ZEROS_PROGRAM(name, Out) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::ColumnZerosTask, pyinit::cuda::zero_in_columns<Out>)
#define PYINIT_CHANCE_ZEROS_PROGRAM(name, Out) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::ChanceZerosTask, pyinit::cuda::zero_by_chance<Out>)
#define PYINIT_SPARSE_PROGRAM(name, Value, Out)         \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::FlattenedTask, \
                     (pyinit::cuda::sparse<pyinit::rng::Normal<pyinit::simd::Cuda, Value>, Out>))
#define PYINIT_DIAGONAL_PROGRAM(name, Out) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::PatternTask, pyinit::cuda::diagonal<Out>)
#define PYINIT_BILINEAR_PROGRAM(name, Value, Out) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::PatternTask, (pyinit::cuda::bilinear<Value, Out>))
#define PYINIT_ALONG_PROGRAM(name, Out) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::AlongTask, pyinit::cuda::along<Out>)
#define PYINIT_PLACE_PROGRAM(name, Out) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::PlaceTask, pyinit::cuda::place<Out>)
#define PYINIT_LINES_PROGRAM(name) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::LinesTask, pyinit::cuda::write_lines)
#define PYINIT_DELIVER_PROGRAM(name, Value, Out) \
  PYINIT_GRID_KERNEL(name, pyinit::cuda::ReflectorTask, (pyinit::cuda::deliver<Value, Out>))
#define PYINIT_REFLECTORS_PROGRAM(name, bits, Value)                                                    \
  PYINIT_GRID_KERNEL(cut_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::cut<Value>)                 \
  PYINIT_GRID_KERNEL(sum_squares_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::sum_squares<Value>) \
  PYINIT_GRID_KERNEL(finish_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::finish<Value>)           \
  PYINIT_BLOCK_KERNEL(multiply_groups_##bits, pyinit::cuda::ReflectorTask,                              \
                      pyinit::cuda::multiply_groups<Value>)                                             \
  PYINIT_GRID_KERNEL(add_groups_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::add_groups<Value>)   \
  PYINIT_GRID_KERNEL(join_spans_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::join_spans<Value>)   \
  PYINIT_GRID_KERNEL(begin_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::begin<Value>)             \
  PYINIT_BLOCK_KERNEL(project_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::project<Value>)        \
  PYINIT_GRID_KERNEL(pick_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::pick<Value>)               \
  PYINIT_GRID_KERNEL(solve_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::solve<Value>)             \
  PYINIT_BLOCK_KERNEL(combine_##bits, pyinit::cuda::ReflectorTask, pyinit::cuda::combine<Value>)
