// Windows against slices of the whole, at every alignment of the output, in one tile or many; nothing else
// touched.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "dispatch.hpp"
#include "fill/fill.hpp"
#include "named_curves.hpp"

namespace {

using namespace pyinit;
using Axes = std::vector<uint64_t>;

constexpr unsigned char kGuard = 0xA5;
constexpr rng::Key kKey{7, 3};
// The high word of the counter changes after 200 blocks.
constexpr rng::Key kCarry{7, (uint64_t{1} << 32) - 200};

// Each is made by a loop of its own in some instruction set.
enum class Fill { kNormal, kUniform, kTruncated, kCurve };

// [-2, 2], as pyinit/recipes/truncation.py makes it: of float64 another interval, which is as good here.
constexpr double kShare = 0.9544997361036416, kTail = 0.02275013194817921;
constexpr rng::TruncatedNumbers kTwo{
    0, 1, -2, 2, false, 0, uint64_t{1} << 31, kShare * 0x1p-32, kTail, kTail, kShare * 0x1p-31, 0, 0};
constexpr rng::NormalNumbers kNormal{0.5, 2.0};
constexpr rng::UniformNumbers kUniform{-1, 1, -1, 0.99};

void fill_with(Fill fill, const Kernels& set, const fill::Target& target, const fill::Region& region,
               rng::Key key) {
  switch (fill) {
    case Fill::kNormal:
      return fill::normal(set.fill, target, region, key, kNormal);
    case Fill::kUniform:
      return fill::uniform(set.fill, target, region, key, kUniform);
    case Fill::kTruncated:
      return fill::truncated_normal(set.fill, target, region, key, kTwo);
    case Fill::kCurve:
      return fill::transformed(set.fill, target, region, key, tests::kCurves[0].of[0]);
  }
}

// The kernel itself, on one thread.
void fill_runs(Fill fill, const Kernels& set, Dtype dtype, const fill::Runs& runs, rng::Key key, void* out) {
  switch (fill) {
    case Fill::kNormal:
      return set.fill.normal(dtype, kNormal, key, runs, out);
    case Fill::kUniform:
      return set.fill.uniform(dtype, kUniform, key, runs, out);
    case Fill::kTruncated:
      return set.fill.truncated_normal(dtype, kTwo, key, runs, out);
    case Fill::kCurve:
      return set.fill.transformed(dtype, tests::kCurves[0].of[0], key, runs, out);
  }
}

std::vector<unsigned char> drawn(const Kernels& set, const Axes& global_shape, const Axes& start,
                                 const Axes& shape, Dtype dtype, int threads, size_t shift, bool& intact,
                                 rng::Key key = kKey, Fill fill = Fill::kNormal) {
  const fill::Region region(global_shape, start, shape);
  const size_t bytes = region.size() * itemsize(dtype);
  std::vector<unsigned char> memory(bytes + 256 + shift, kGuard);
  // The first line border past 64 guard bytes, then `shift` on.
  unsigned char* begin = memory.data() + 64;
  begin += (64 - reinterpret_cast<uintptr_t>(begin) % 64) % 64 + shift;
  fill_with(fill, set, {begin, dtype, threads}, region, key);
  for (unsigned char* p = memory.data(); p < memory.data() + memory.size(); ++p) {
    if ((p < begin || p >= begin + bytes) && *p != kGuard) intact = false;
  }
  return {begin, begin + bytes};
}

int failures = 0;

void expect(bool condition, const char* what, const Kernels& set) {
  if (condition) return;
  ++failures;
  std::printf("%s: %s\n", set.name, what);
}

void rectangles(const Kernels& set) {
  const Axes whole_shape{9, 11, 37};
  for (const NamedDtype& dtype : kDtypes) {
    const size_t item = itemsize(dtype.dtype);
    bool intact = true;
    const auto whole = drawn(set, whole_shape, {0, 0, 0}, whole_shape, dtype.dtype, 1, 0, intact);
    for (uint64_t row = 0; row < 9; row += 4) {
      for (uint64_t column = 0; column < 37; column += 5) {
        for (const uint64_t width : {uint64_t{0}, uint64_t{1}, uint64_t{3}, uint64_t{16}, 37 - column}) {
          if (column + width > 37) continue;
          const Axes shape{9 - row, 5, width};
          const auto part =
              drawn(set, whole_shape, {row, 2, column}, shape, dtype.dtype, 2, item * (column % 7), intact);
          std::vector<unsigned char> slice;
          for (uint64_t i = row; i < 9; ++i) {
            for (uint64_t j = 2; j < 7; ++j) {
              const unsigned char* from = whole.data() + ((i * 11 + j) * 37 + column) * item;
              slice.insert(slice.end(), from, from + width * item);
            }
          }
          expect(part == slice, "a window differs from the slice", set);
        }
      }
    }
    expect(intact, "bytes outside a window were touched", set);
  }
}

// Rows of every length that is drawn in its own way: less than a block, a few groups, as many as are drawn
// together, a run alone; with rows that touch each other, and across the carry of the counter.
void rows(const Kernels& set, Fill fill) {
  const Axes whole_shape{5, 4500};
  for (const NamedDtype& dtype : kDtypes) {
    const size_t item = itemsize(dtype.dtype);
    for (const rng::Key key : {kKey, kCarry}) {
      bool intact = true;
      const auto whole = drawn(set, whole_shape, {0, 0}, whole_shape, dtype.dtype, 1, 0, intact, key, fill);
      for (const uint64_t width : {2, 5, 16, 34, 200, 511, 512, 1023, 1024, 2047, 2049, 4400, 4500}) {
        for (uint64_t column = 0; column + width <= 4500; column += 1471) {
          const auto part =
              drawn(set, whole_shape, {0, column}, {5, width}, dtype.dtype, 1, item, intact, key, fill);
          std::vector<unsigned char> slice;
          for (uint64_t i = 0; i < 5; ++i) {
            const unsigned char* from = whole.data() + (i * 4500 + column) * item;
            slice.insert(slice.end(), from, from + width * item);
          }
          expect(part == slice, "rows of a window differ from the slice", set);
        }
      }
      expect(intact, "bytes outside a window were touched", set);
    }
  }
}

// Large enough for several tiles and threads, at many alignments.
void tiles(const Kernels& set) {
  const uint64_t size = (uint64_t{1} << 20) / 4 + 13;
  for (const NamedDtype& dtype : kDtypes) {
    const size_t item = itemsize(dtype.dtype);
    const uint64_t count = size * 4 / item;
    bool intact = true;
    std::vector<unsigned char> pieces;
    for (uint64_t begin = 0; begin < count; begin += count / 5 + 3) {
      const uint64_t length = std::min(count - begin, count / 5 + 3);
      const auto piece = drawn(set, {count}, {begin}, {length}, dtype.dtype, 1, 0, intact);
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    for (size_t shift = 0; shift < 64; shift += 24 / item * item) {
      expect(drawn(set, {count}, {0}, {count}, dtype.dtype, 3, shift, intact) == pieces,
             "a tiled fill differs", set);
    }
    expect(intact, "bytes outside a tiled fill were touched", set);
  }
}

// Past the cache: the same bytes from each element and at each alignment, and none outside.
void past_cache(const Kernels& set, Fill fill) {
  constexpr size_t kCount = 1100, kRoom = 64 + 8 * kCount + 64;
  alignas(64) static unsigned char plain[kRoom], streamed[kRoom];
  for (const NamedDtype& dtype : kDtypes) {
    const size_t item = itemsize(dtype.dtype);
    for (const rng::Key key : {kKey, kCarry}) {
      for (uint64_t first = 0; first < 5; ++first) {
        for (size_t shift = 0; shift < 64; shift += std::max<size_t>(item, 4)) {
          std::memset(plain, kGuard, kRoom);
          std::memset(streamed, kGuard, kRoom);
          fill_runs(fill, set, dtype.dtype, {first, 0, kCount, 1, false}, key, plain + shift);
          fill_runs(fill, set, dtype.dtype, {first, 0, kCount, 1, true}, key, streamed + shift);
          expect(std::memcmp(plain, streamed, kRoom) == 0, "a fill past the cache differs", set);
        }
      }
    }
  }
}

// Large enough to go past the cache by itself, in many tiles. Memory that is set before is no fresh memory.
void large(const Kernels& set) {
  const uint64_t count = (uint64_t{32} << 20) / 4 + 13;
  for (const Fill fill : {Fill::kNormal, Fill::kUniform}) {
    bool intact = true;
    std::vector<unsigned char> pieces;
    for (uint64_t begin = 0; begin < count; begin += count / 3 + 5) {
      const uint64_t length = std::min(count - begin, count / 3 + 5);
      const auto piece = drawn(set, {count}, {begin}, {length}, Dtype::kFloat32, 1, 0, intact, kKey, fill);
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    const size_t shift = fill == Fill::kNormal ? 16 : 20;
    expect(drawn(set, {count}, {0}, {count}, Dtype::kFloat32, 3, shift, intact, kKey, fill) == pieces,
           "a large fill differs", set);
    expect(intact, "bytes outside a large fill were touched", set);
  }
}

// Past the cache, from and to the middle of a line.
void streamed_constant(const Kernels& set) {
  const size_t count = (size_t{9} << 20) / 4;
  std::vector<float> memory(count + 64, -1.0F);
  const float value = 1.25F;
  fill::constant(set.fill, memory.data() + 21, count * sizeof(float), &value, sizeof(value), 3);
  bool good = true;
  for (size_t i = 0; i < memory.size(); ++i) {
    good = good && memory[i] == (i >= 21 && i < 21 + count ? value : -1.0F);
  }
  expect(good, "a streamed constant is wrong", set);
}

void constants(const Kernels& set) {
  for (size_t bytes = 0; bytes < 300; bytes += 4) {
    for (size_t shift = 0; shift < 64; shift += 4) {
      alignas(64) unsigned char memory[512];
      std::memset(memory, kGuard, sizeof(memory));
      const float value = 1.25F;
      fill::constant(set.fill, memory + 64 + shift, bytes, &value, sizeof(value), 1);
      bool good = true;
      for (size_t i = 0; i < sizeof(memory); i += 4) {
        float seen;
        std::memcpy(&seen, memory + i, sizeof(seen));
        const bool inside = i >= 64 + shift && i < 64 + shift + bytes;
        good = good && (inside ? seen == value : memory[i] == kGuard);
      }
      expect(good, "a constant fill is wrong", set);
    }
  }
}

}  // namespace

int main() {
  for (const Kernels* set : available_kernels()) {
    rectangles(*set);
    for (const Fill fill : {Fill::kNormal, Fill::kUniform, Fill::kTruncated, Fill::kCurve}) {
      rows(*set, fill);
      past_cache(*set, fill);
    }
    tiles(*set);
    large(*set);
    streamed_constant(*set);
    constants(*set);
  }
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
