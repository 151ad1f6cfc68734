#include "fill/fill.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "fill/kernels.hpp"
#include "float_environment.hpp"
#include "memory.hpp"
#include "parallel.hpp"

namespace pyinit::fill {
namespace {

// About what a thread fills in 5 us.
constexpr double kBytesPerThread = 64 << 10;
// Tiles end on page borders, so that no page is first touched by two threads. Large ones only for fresh huge
// pages: 16 MiB in tiles of 2 MiB occupy 8 threads at most.
constexpr size_t kHugeTile = size_t{2} << 20;
constexpr size_t kHugeTileFill = size_t{16} << 20;
// Many small pages that are supplied by one system call, and are still in the cache when they are filled.
constexpr size_t kSuppliedTile = size_t{256} << 10;
constexpr size_t kSmallTile = size_t{64} << 10;
// A part of a tile that two passes read and write in the nearest cache.
constexpr size_t kTwoPassBytes = size_t{16} << 10;
// The place of an element in a column's permutation costs as much as this many normals.
constexpr size_t kNormalsAPlace = 4;
// A larger constant would push everything else out of the cache, and is written around it at twice the rate: nothing
// is read from memory first.
constexpr size_t kStreamBytes = size_t{8} << 20;
// A larger output of a draw is written around the cache, too. With AVX-512, of the time of plain stores: 256 MiB of
// float32 normals 0.82, uniforms 0.87; 32 MiB 0.90 and 0.95; 16 MiB 1.04 and 1.06; 8 MiB 1.26 and 1.37, as the cache
// still holds much of it. With AVX2, and in float64, 0.98 to 1.04 from 32 MiB on.
constexpr size_t kStreamDrawBytes = size_t{32} << 20;
// A column's permutation is set up once for a band of columns and a strip of rows.
constexpr uint64_t kBandColumns = 256;
constexpr uint64_t kStripRows = 4096;

Demand useful_threads(size_t bytes, int threads) {
  return {static_cast<double>(bytes), kBytesPerThread, static_cast<size_t>(threads)};
}

size_t tile_bytes(Pages pages, size_t bytes) {
  if (pages == Pages::kSmall) return kSuppliedTile;
  return pages == Pages::kHuge && bytes >= kHugeTileFill ? kHugeTile : kSmallTile;
}

// Calls work(begin, end, pages) for byte ranges that cover the output. Where they are cut, no value depends on.
template <class Work>
void for_each_tile(void* out, size_t bytes, int threads, const Work& work) {
  if (bytes == 0) return;
  const Pages pages = advise_huge_pages(out, bytes);
  const size_t tile = tile_bytes(pages, bytes);
  const size_t before = reinterpret_cast<uintptr_t>(out) % tile;
  const size_t tiles = (before + bytes + tile - 1) / tile;
  parallel_for(tiles, useful_threads(bytes, threads), [&](size_t index) noexcept {
    const size_t begin = index == 0 ? 0 : index * tile - before;
    const size_t end = (index + 1) * tile - before;
    const size_t stop = std::min(end, bytes);
    if (pages == Pages::kSmall) supply(static_cast<char*>(out) + begin, stop - begin);
    in_default_environment([&]() noexcept { work(begin, stop, pages); });
  });
}

// A fresh page is in the cache, where the system has just cleared it: to write around it is slower.
bool goes_past_cache(Pages pages) { return pages == Pages::kAsTheyAre; }

// kernel(dtype, numbers, key, runs, out) fills the runs of a part of a tile, of at most `part` bytes.
template <class Kernel, class Numbers>
void fill_region(const Target& target, const Region& region, rng::Key key, const Numbers& numbers,
                 Kernel kernel, size_t part = SIZE_MAX) {
  const size_t item = itemsize(target.dtype);
  const size_t bytes = region.size() * item;
  auto* out = static_cast<char*>(target.out);
  for_each_tile(out, bytes, target.threads, [&](size_t begin, size_t end, Pages pages) noexcept {
    // What a second pass reads stays in the cache.
    const bool past_cache = goes_past_cache(pages) && bytes >= kStreamDrawBytes && part == SIZE_MAX;
    // `out` is aligned to its element, so tile borders fall between elements.
    for (size_t at = begin; at < end;) {
      const size_t stop = end - at < part ? end : at + part;
      region.runs(at / item, stop / item, [&](Runs runs, uint64_t passed) {
        runs.past_cache = past_cache;
        kernel(target.dtype, numbers, key, runs, out + at + passed * item);
      });
      at = stop;
    }
  });
}

void repeat_line(const Kernels& kernels, void* out, size_t bytes, const void* line, bool stream,
                 int threads) {
  for_each_tile(out, bytes, threads, [&](size_t begin, size_t end, Pages pages) noexcept {
    kernels.constant(line, static_cast<char*>(out) + begin, end - begin, stream && goes_past_cache(pages));
  });
}

}  // namespace

void uniform(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
             const rng::UniformNumbers& numbers) {
  fill_region(target, region, key, numbers, kernels.uniform);
}

void normal(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
            const rng::NormalNumbers& numbers) {
  fill_region(target, region, key, numbers, kernels.normal);
}

void truncated_normal(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
                      const rng::TruncatedNumbers& numbers) {
  fill_region(target, region, key, numbers, kernels.truncated_normal);
}

void transformed(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
                 const rng::TransformedNumbers& numbers) {
  fill_region(target, region, key, numbers, kernels.transformed);
}

void disk(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
          const rng::DiskNumbers& numbers) {
  fill_region(target, region, key, numbers, kernels.disk);
}

void sparse(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
            const rng::NormalNumbers& numbers, const rng::ColumnZeros& zeros, const MatrixPlace& place) {
  fill_region(target, region, key, numbers, kernels.normal);
  if (region.size() == 0) return;
  const size_t item = itemsize(target.dtype);
  const size_t bands = (place.columns + kBandColumns - 1) / kBandColumns;
  const size_t strips = (place.rows + kStripRows - 1) / kStripRows;
  const Demand wanted = useful_threads(kNormalsAPlace * region.size() * item, target.threads);
  parallel_for(bands * strips, wanted, [&](size_t index) noexcept {
    const uint64_t row = index / bands * kStripRows;
    const uint64_t column = index % bands * kBandColumns;
    const Rectangle area{place.first_row + row, place.first_column + column,
                         std::min(kStripRows, place.rows - row),
                         std::min(kBandColumns, place.columns - column), place.columns};
    kernels.zero_in_columns(target.dtype, zeros, area,
                            static_cast<char*>(target.out) + (row * place.columns + column) * item);
  });
}

void bernoulli_sparse(const Kernels& kernels, const Target& target, const Region& region, rng::Key key,
                      const rng::NormalNumbers& numbers, const rng::ChanceZeros& zeros) {
  fill_region(
      target, region, key, numbers,
      [&](Dtype dtype, const rng::NormalNumbers& n, rng::Key k, const Runs& runs, void* out) {
        kernels.normal(dtype, n, k, runs, out);
        kernels.zero_by_chance(dtype, zeros, runs, out);
      },
      kTwoPassBytes);
}

void constant(const Kernels& kernels, void* out, size_t bytes, const void* element, size_t element_bytes,
              int threads) {
  alignas(64) char line[64];
  for (size_t i = 0; i < sizeof(line); i += element_bytes) std::memcpy(line + i, element, element_bytes);
  repeat_line(kernels, out, bytes, line, bytes >= kStreamBytes, threads);
}

void stream_constant(const Kernels& kernels, void* out, size_t bytes, int threads) {
  alignas(64) char line[64];
  std::memset(line, 1, sizeof(line));
  repeat_line(kernels, out, bytes, line, true, threads);
}

}  // namespace pyinit::fill
