// Blocks that are kept: a size gets the block it had, no two threads get one block, and blocks are aligned. An
// address sanitizer keeps none.
#include "kept_blocks.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

namespace {

using namespace pyinit;

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::printf("%s\n", what);
}

// Takes so many blocks at once, gives them back, and returns where they were.
std::vector<void*> blocks_of(size_t bytes, size_t count) {
  std::vector<void*> taken(count);
  for (void*& block : taken) block = take_block(bytes);
  for (void* block : taken) give_block_back(block, bytes);
  return taken;
}

void comes_back() {
  if (!kKeepsBlocks) return;
  for (size_t bytes = kLeastKept; bytes <= kMostKept; bytes *= 2) {
    void* const block = take_block(bytes);
    give_block_back(block, bytes);
    // the whole size, and a little more than half of it
    for (const size_t same : {bytes, bytes / 2 + 1}) {
      void* const next = take_block(same);
      expect(next == block, "a block is not kept");
      give_block_back(next, same);
    }
  }
}

void few_are_kept() {
  const std::vector<void*> known = blocks_of(kLeastKept, kKeptOfASize + 3);
  for (const void* block : blocks_of(kLeastKept, kKeptOfASize)) {
    expect(!kKeepsBlocks || std::find(known.begin(), known.end(), block) != known.end(),
           "a block is not the one that was kept");
  }
  free_kept_blocks();
  free_kept_blocks();
}

void aligned() {
  for (const size_t bytes : {size_t{0}, size_t{1}, kLeastKept / 2, kLeastKept / 2 + 1, kLeastKept,
                             size_t{1} << 21, kMostKept, kMostKept + 1, 3 * kMostKept}) {
    void* const block = take_block(bytes);
    expect(reinterpret_cast<uintptr_t>(block) % 64 == 0, "a block does not begin on a cache line");
    expect(bytes < size_t{1} << 21 || reinterpret_cast<uintptr_t>(block) % (size_t{1} << 21) == 0,
           "a large block does not begin on a huge page");
    std::memset(block, 1, bytes);
    give_block_back(block, bytes);
  }
}

void lent_once() {
  std::atomic<int> mixed{0};
  std::vector<std::thread> threads;
  for (unsigned char mark = 1; mark <= 4; ++mark) {
    threads.emplace_back([&mixed, mark] {
      for (size_t round = 0; round < 300; ++round) {
        const Scratch<unsigned char> mine(kLeastKept + round % 3 * kLeastKept);
        std::memset(mine.data(), mark, 512);
        for (size_t i = 0; i < 512; ++i) mixed += mine.data()[i] != mark;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect(mixed == 0, "two threads have one block");
}

void too_many() {
  bool refused = false;
  try {
    const Scratch<double> all(SIZE_MAX / 2);
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  expect(refused, "more numbers than memory has are not refused");
}

}  // namespace

int main() {
  comes_back();
  few_are_kept();
  aligned();
  lent_once();
  too_many();
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
