// Stores past the cache reach other threads at the fence and not before, and need whole lines; neither shows in the
// bytes that the thread itself reads. So an instruction set keeps them back until the fence here, and counts the
// lines, and the groups that are drawn. And which outputs the drivers send past the cache.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "fill/draws.hpp"
#include "fill/fill.hpp"
#include "named_curves.hpp"
#include "simd/scalar.hpp"

namespace {

using namespace pyinit;

constexpr unsigned char kGuard = 0xA5;
constexpr rng::Key kKey{7, 3};
// The high word of the counter changes after 200 blocks.
constexpr rng::Key kCarry{7, (uint64_t{1} << 32) - 200};
constexpr rng::NormalNumbers kNormal{0.5, 2.0};
constexpr rng::UniformNumbers kUniform{-1, 1, -1, 0.99};
constexpr rng::DiskNumbers kDisk{2.0, 0.0, false};
// As windows.cpp has it.
constexpr double kShare = 0.9544997361036416, kTail = 0.02275013194817921;
constexpr rng::TruncatedNumbers kTwo{
    0, 1, -2, 2, false, 0, uint64_t{1} << 31, kShare * 0x1p-32, kTail, kTail, kShare * 0x1p-31, 0, 0};

int failures = 0;

void expect(bool condition, const char* what, const char* where) {
  if (condition) return;
  ++failures;
  std::printf("%s: %s\n", where, what);
}

struct KeptBack {
  unsigned char* at;
  unsigned char line[64];
};
std::vector<KeptBack> kept_back;
size_t lines, misplaced, groups;

void keep_back(void* at, const void* from, size_t bytes) {
  for (size_t byte = 0; byte < bytes; byte += 64) {
    KeptBack store{static_cast<unsigned char*>(at) + byte, {}};
    std::memcpy(store.line, static_cast<const unsigned char*>(from) + byte, 64);
    misplaced += reinterpret_cast<uintptr_t>(store.at) % 64 != 0;
    kept_back.push_back(store);
    ++lines;
  }
}

struct Deferred : simd::Scalar {
  static U64 block_counters(uint64_t first) {
    ++groups;
    return Scalar::block_counters(first);
  }
  static U64 load_counters(const uint64_t* blocks) {
    ++groups;
    return Scalar::load_counters(blocks);
  }
  using Scalar::store;
  using Scalar::store_alternating;
  template <class Value, class Vector>
  static void store(simd::PastCache<Value> out, Vector x) {
    keep_back(out.memory, x.v, sizeof(x.v));
  }
  template <class Value, class Vector>
  static void store_alternating(simd::PastCache<Value> out, Vector even, Vector odd) {
    Value both[2 * sizeof(even.v) / sizeof(Value)];
    Scalar::store_alternating(both, even, odd);
    keep_back(out.memory, both, sizeof(both));
  }
  static void stream_fence() {
    for (const KeptBack& store : kept_back) std::memcpy(store.at, store.line, 64);
    kept_back.clear();
  }
};
static_assert(simd::StreamingSet<Deferred> && !simd::StreamingSet<simd::Scalar>);

// The same, with draws in stages.
struct Staged : Deferred {
  using Words = Deferred;
  using Chains = Deferred;
};

// Compares a fill past the cache with a plain one: the same bytes, all of them there when it returns. `most`: whether
// all lines but a few at the ends of each run, and at the carry, go past the cache; otherwise none does.
template <class S, class Draw, class Out>
void compare(const char* name, const Draw& draw, rng::Key key, fill::Runs runs, size_t shift, bool most) {
  constexpr size_t kRoom = 64 + 8 * 4000 + 64;
  alignas(64) static unsigned char plain[kRoom], past[kRoom];
  using Groups = fill::Groups<S, Draw>;
  fill::Filler<S, Groups, Out> fill(draw, key);
  std::memset(plain, kGuard, kRoom);
  std::memset(past, kGuard, kRoom);
  lines = misplaced = groups = 0;
  runs.past_cache = false;
  fill(runs, reinterpret_cast<Out*>(plain + shift));
  expect(lines == 0, "a plain fill goes past the cache", name);
  const size_t reach = runs.first % Groups::kPerBlock + runs.length + Groups::kPerGroup - 1;
  const size_t needed = reach / Groups::kPerGroup;
  if (runs.count == 1) expect(groups == needed, "a plain fill draws more groups than it needs", name);
  groups = 0;
  runs.past_cache = true;
  fill(runs, reinterpret_cast<Out*>(past + shift));
  if (runs.count == 1) expect(groups <= needed + 1, "a fill past the cache draws two groups in vain", name);
  expect(std::memcmp(plain, past, kRoom) == 0, "a fill past the cache differs when it returns", name);
  expect(kept_back.empty(), "no fence comes after the last store", name);
  expect(misplaced == 0, "a store past the cache begins inside of a line", name);
  const size_t all = runs.count * runs.length * sizeof(Out) / 64;
  expect(most ? lines + 7 * runs.count >= all : lines == 0, "other lines go past the cache than should",
         name);
  kept_back.clear();
}

// One run from several elements and at every alignment; then rows of several alignments; then short rows.
template <class S, class Draw, class Out = typename Draw::Value>
void at_all_places(const char* name, const Draw& draw) {
  constexpr size_t kItem = sizeof(Out), kPerBlock = rng::kPerBlock<typename Draw::Value>;
  constexpr bool kWide = kItem >= 4;
  for (const rng::Key key : {kKey, kCarry}) {
    for (uint64_t first = 0; first < 5; ++first) {
      for (size_t shift = 0; shift < 64; shift += kItem) {
        const size_t to_block = (kPerBlock - first % kPerBlock) % kPerBlock * kItem;
        const bool most = kWide && (shift + to_block) % 16 == 0;
        for (const uint64_t length : {1, 7, 64, 3000})
          compare<S, Draw, Out>(name, draw, key, {first, length, length, 1}, shift, most);
      }
    }
    // Each begins where a block does, and in the middle of another line than the one before.
    compare<S, Draw, Out>(name, draw, key, {8, 1800, 1500, 2}, 16, kWide);
    compare<S, Draw, Out>(name, draw, key, {8, 120, 100, 30}, 0, false);
  }
}

void draws() {
  using S = Deferred;
  at_all_places<S>("normal", rng::Normal<S, float>(kNormal));
  at_all_places<S>("float64 normal", rng::Normal<S, double>(kNormal));
  at_all_places<S, rng::Normal<S, float>, Bfloat16>("bfloat16 normal", rng::Normal<S, float>(kNormal));
  at_all_places<S>("uniform", rng::Uniform<S, float>(kUniform));
  at_all_places<S>("float64 disk", rng::Disk<S, double>(kDisk));
  at_all_places<S>("truncated normal", rng::TruncatedNormal<S, float>(kTwo));
  at_all_places<S>("words", rng::Bits<S>());
  at_all_places<Staged>("staged normal", rng::Normal<Staged, float>(kNormal));
  at_all_places<Staged>("staged truncated normal", rng::SymmetricTruncatedNormal<S>(kTwo));
  at_all_places<Staged>("staged curve", rng::Transformed<S, float, rng::LogUniform>(tests::kCurves[0].of[0]));
}

// How many kernels a driver has called, and how many of them past the cache.
std::atomic<size_t> calls, past_calls;

fill::Kernels counting() {
  fill::Kernels kernels{};
  kernels.normal = [](Dtype, const rng::NormalNumbers&, rng::Key, const fill::Runs& runs, void*) {
    ++calls;
    past_calls += runs.past_cache;
  };
  kernels.zero_by_chance = [](Dtype, const rng::ChanceZeros&, const fill::Runs&, void*) {};
  return kernels;
}

template <class Fill>
void expect_past_cache(bool all, const char* name, const Fill& fill) {
  calls = past_calls = 0;
  fill();
  expect(calls > 0 && past_calls == (all ? calls.load() : 0), "a driver's choice of the cache is another",
         name);
}

void drivers() {
  constexpr uint64_t kEnough = uint64_t{32} << 20;
  const fill::Kernels kernels = counting();
  std::vector<unsigned char> touched(kEnough, 1);
  const auto normal = [&](void* out, uint64_t count) {
    fill::normal(kernels, {out, Dtype::kFloat32, 2}, fill::Region({count}, {0}, {count}), kKey, kNormal);
  };
  expect_past_cache(true, "a large output", [&] { normal(touched.data(), kEnough / 4); });
  expect_past_cache(false, "a smaller output", [&] { normal(touched.data(), kEnough / 4 - 1); });
  expect_past_cache(false, "two passes", [&] {
    fill::bernoulli_sparse(kernels, {touched.data(), Dtype::kFloat32, 2},
                           fill::Region({kEnough / 4}, {0}, {kEnough / 4}), kKey, kNormal, {});
  });
#if defined(__linux__)
  void* const fresh = mmap(nullptr, kEnough, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fresh == MAP_FAILED) return expect(false, "no memory", "fresh pages");
  expect_past_cache(false, "fresh pages", [&] { normal(fresh, kEnough / 4); });
  munmap(fresh, kEnough);
#endif
}

}  // namespace

int main() {
  draws();
  drivers();
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
