// The stream in order, word by word, against single blocks: at carries, at the end of the counter, from any
// place, with widths mixed; and consecutive fills against the words.
#include "fill/sequence.hpp"

#include <cmath>
#include <cstdio>
#include <vector>

#include "dispatch.hpp"
#include "rng/stream.hpp"
#include "simd/scalar.hpp"

namespace {

using namespace pyinit;

constexpr rng::Key kKeys[] = {{0, 0}, {7, 3}, {~uint64_t{0}, (uint64_t{1} << 32) - 9}, {1, ~uint64_t{0} - 5}};
constexpr uint64_t kBlocks[] = {0, 5, (uint64_t{1} << 62) - 3, ~uint64_t{0} - 100};
constexpr uint64_t kCount = 5000;

uint64_t word(rng::Key key, uint64_t block, uint64_t n) {
  return rng::block<simd::Scalar>(key, block + n / 4)[n % 4];
}

uint64_t pair(rng::Key key, uint64_t block, uint64_t n) {
  return word(key, block, n) << 32 | word(key, block, n + 1);
}

int failures = 0;

void expect(bool condition, const char* what, const Kernels& set) {
  if (condition) return;
  ++failures;
  std::printf("%s: %s\n", set.name, what);
}

void in_order(const Kernels& set, rng::Key key, uint64_t block) {
  fill::Sequence narrow, wide, doubles, mixed;
  bool good = true;
  for (uint32_t start = 0; start < 4; ++start) {
    narrow.seek(set.fill, key, block, start);
    for (uint64_t n = start; n < kCount; ++n) {
      good = good && narrow.block() == block + n / 4 && narrow.word() == n % 4;
      good = good && narrow.next32() == word(key, block, n);
    }
    wide.seek(set.fill, key, block, start);
    doubles.seek(set.fill, key, block, start);
    for (uint64_t n = start + start % 2; n < kCount; n += 2) {
      const uint64_t x = pair(key, block, n);
      good = good && wide.next64() == x;
      good = good && doubles.next_double() == std::ldexp(static_cast<double>(x % (uint64_t{1} << 53)), -53);
    }
  }
  expect(good, "draws of one width are not the stream's", set);

  mixed.seek(set.fill, key, block, 0);
  uint64_t n = 0;
  for (uint64_t step = 0; n < kCount; ++step) {
    if (step * step % 7 < 3) {
      good = good && mixed.next32() == word(key, block, n);
      n += 1;
    } else {
      n += n % 2;
      good = good && mixed.next64() == pair(key, block, n);
      n += 2;
    }
    good = good && mixed.block() == block + n / 4 && mixed.word() == n % 4;
  }
  expect(good, "draws of mixed widths are not the stream's", set);
}

void consecutive(const Kernels& set, rng::Key key) {
  std::vector<uint32_t> words(kCount);
  std::vector<float> floats(kCount);
  std::vector<double> values(kCount);
  for (const uint64_t first : {uint64_t{0}, uint64_t{1}, uint64_t{7}, (uint64_t{1} << 62) + 3}) {
    bool good = true;
    fill::words(set.fill, key, first, kCount, words.data());
    fill::uniform(set.fill, key, first, kCount, -1.0F, 1.0F, floats.data());
    fill::uniform(set.fill, key, first, kCount, -1.0, 1.0, values.data());
    for (uint64_t i = 0; i < kCount; ++i) {
      const uint64_t w = word(key, (first + i) / 4, (first + i) % 4);
      const uint64_t x = pair(key, (first + i) / 2, (first + i) % 2 * 2);
      good = good && words[i] == w;
      // Products and sums of these few bits are exact, so they may be contracted.
      good = good && floats[i] == std::ldexp(static_cast<float>(w % (1U << 24)), -23) - 1.0F;
      good = good && values[i] == std::ldexp(static_cast<double>(x % (uint64_t{1} << 53)), -52) - 1.0;
    }
    expect(good, "consecutive draws are not the stream's", set);
  }
  uint32_t four[4];
  fill::block(set.fill, key, ~uint64_t{0}, four);
  expect(four[3] == word(key, ~uint64_t{0}, 3), "a block is not the stream's", set);
}

}  // namespace

int main() {
  for (const Kernels* set : available_kernels()) {
    for (const rng::Key key : kKeys) {
      for (const uint64_t block : kBlocks) in_order(*set, key, block);
      consecutive(*set, key);
    }
  }
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
