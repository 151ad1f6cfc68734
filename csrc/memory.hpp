// Huge pages: which memory has them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pyinit {

// How the pages of a buffer come. Nobody has touched it yet where they are kHuge, or kSmall: huge ones would
// then be slow.
enum class Pages : uint8_t { kAsTheyAre, kHuge, kSmall };

// Whether memory goes without huge pages, judged by the CPU time that the first ones of each buffer took.
// Why two buffers in a row: a host may be slow for a moment, which the guest's clocks do not tell from work.
// The buffer itself goes without at once, the process only then, and for a while.
class HugePageJudge {
 public:
  // Returns whether a buffer of so many bytes goes without huge pages, and counts its bytes.
  bool goes_without(size_t bytes) {
    return left_without_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed) > 0;
  }

  // Takes note of whether a huge page was slow to come.
  void note(bool slow) {
    const int in_a_row = slow ? slow_in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1 : 0;
    if (!slow) slow_in_a_row_.store(0, std::memory_order_relaxed);
    left_without_.store(in_a_row >= kEnough ? kWithout : 0, std::memory_order_relaxed);
  }

  // Bytes that go without.
  static constexpr int64_t kWithout = int64_t{1} << 30;

 private:
  static constexpr int kEnough = 2;

  std::atomic<int64_t> left_without_{0};
  std::atomic<int> slow_in_a_row_{0};
};

// Asks for huge pages on a large buffer that nobody has touched yet. First touch of 4 KiB pages, not drawing,
// is what limits a fill of fresh memory. Leaves small and touched memory alone; for the mapping of a file it
// is a hint that the kernel may ignore. Where the system has no huge pages, or is slow to supply one, pages
// are kSmall. Never fails.
Pages advise_huge_pages(void* out, size_t bytes);

// Has the system supply the small pages of a range together, in a third less time than one fault for each
// takes.
void supply(void* out, size_t bytes);

}  // namespace pyinit
