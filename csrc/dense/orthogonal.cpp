#include "dense/orthogonal.hpp"

#include <algorithm>
#include <memory>

#include "dense/blocked.hpp"
#include "dense/thin.hpp"
#include "float_environment.hpp"
#include "team.hpp"

namespace pyinit::dense {
namespace {

// About what a thread computes in 5 us. Its steps are short, and a team's members wait for each other at each.
constexpr double kFmaPerThread = 1 << 18;
// More rows than any memory holds. Up to here the bytes of V (96 numbers a row) and of a panel fit in 64
// bits; beyond, they would wrap, and too little memory would be allocated.
constexpr uint64_t kMostLength = uint64_t{1} << 48;

template <class Value, class Making>
void make_all(const BlockKernels<Value>& kernels, const OrthogonalTask& task,
              const std::vector<OrthogonalOutput>& matrices, Dtype dtype, int threads) {
  const auto wanted = static_cast<size_t>(threads);
  const double fma = static_cast<double>(task.length) * static_cast<double>(task.columns.index.size()) *
                     static_cast<double>(task.count);
  const auto useful = [&](double work, size_t units) {
    return Demand(work, kFmaPerThread, wanted).at_most(units);
  };
  if (matrices.size() >= 2 * wanted) {
    // A matrix for each thread, whose maker shares its steps with nobody: it has a team of one, while the
    // threads' own team shares out the matrices.
    const Demand members = useful(fma * static_cast<double>(matrices.size()), matrices.size());
    std::vector<std::unique_ptr<Making>> makers(members.threads);
    for (auto& maker : makers) maker = std::make_unique<Making>(kernels, task, dtype, 1);
    run_team(members, [&](Team& team, size_t member) noexcept {
      in_default_environment([&]() noexcept {
        team.each(matrices.size(), [&](size_t index) noexcept {
          Team alone;
          makers[member]->make(alone, 0, matrices[index]);
        });
      });
    });
    return;
  }
  const size_t chunks = parts(static_cast<size_t>(task.length), kSquareRows);
  const size_t slivers = parts(task.columns.index.size(), kernels.product.tile_columns);
  const Demand members = useful(fma, std::max(chunks, slivers));
  Making maker(kernels, task, dtype, members.threads);
  run_team(members, [&](Team& team, size_t member) noexcept {
    in_default_environment([&]() noexcept {
      for (const OrthogonalOutput& matrix : matrices) maker.make(team, member, matrix);
    });
  });
}

template <class Value>
void make_any(const BlockKernels<Value>& kernels, const OrthogonalTask& task,
              const std::vector<OrthogonalOutput>& matrices, Dtype dtype, int threads) {
  if (task.count <= kReflectors) {
    make_all<Value, ThinMaker<Value>>(kernels, task, matrices, dtype, threads);
  } else {
    make_all<Value, BlockedMaker<Value>>(kernels, task, matrices, dtype, threads);
  }
}

}  // namespace

void orthogonal(const fill::Kernels& draws, const Kernels& kernels, const OrthogonalTask& task,
                const std::vector<OrthogonalOutput>& matrices, Dtype dtype, int threads) {
  if (matrices.empty() || task.rows.index.empty() || task.columns.index.empty()) return;
  if (task.length > kMostLength) throw std::bad_alloc();
  if (dtype == Dtype::kFloat64) {
    make_any(block_kernels<double>(draws, kernels), task, matrices, dtype, threads);
  } else {
    make_any(block_kernels<float>(draws, kernels), task, matrices, dtype, threads);
  }
}

}  // namespace pyinit::dense
