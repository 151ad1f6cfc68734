// What kernels ask of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace pyinit {

// How the pages of a buffer come: kSmall where nobody has touched it yet and huge ones would be slow.
enum class Pages : uint8_t { kAsTheyAre, kSmall };

// Asks for huge pages on a large buffer that nobody has touched yet. First touch of 4 KiB pages, not drawing,
// is what limits a fill of fresh memory. Leaves small and touched memory alone; for the mapping of a
// file it is a hint that the kernel may ignore. Where the system is slow to supply a huge page, memory goes without
// for a while. Never fails.
Pages advise_huge_pages(void* out, size_t bytes);

// Has the system supply small pages of a range together: a third less time than one fault for each.
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
