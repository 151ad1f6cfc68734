// Huge pages, and memory for the length of a call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

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

// Uninitialized memory for one call, on a cache line's border; on huge pages where it is large.
// Throws std::bad_alloc.
template <class Value>
class Scratch {
 public:
  explicit Scratch(size_t count)
      : alignment_(bytes(count) < static_cast<size_t>(kHugePage) ? kLine : kHugePage),
        data_(static_cast<Value*>(::operator new(bytes(count), alignment_))) {
    advise_huge_pages(data_, bytes(count));
  }
  ~Scratch() { ::operator delete(data_, alignment_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  Value* data() const { return data_; }

 private:
  static size_t bytes(size_t count) {
    if (count > SIZE_MAX / sizeof(Value)) throw std::bad_array_new_length();
    return count * sizeof(Value);
  }

  static constexpr std::align_val_t kLine{64}, kHugePage{2 << 20};

  std::align_val_t alignment_;
  Value* data_;
};

}  // namespace pyinit
