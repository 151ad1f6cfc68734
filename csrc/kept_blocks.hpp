// Memory for the length of a call, in blocks that are kept for the next call, so that their pages are touched once.
// Why: a product of 1024 packs one factor into 2 MiB. An allocator gives a block of that size back to the system,
// and to touch its 512 fresh pages in every call took a fifth of the product's time on two threads.
// Contract: nothing is known of what a block holds. It begins on a cache line, and a large one on a huge page.
// Between calls at most kKeptOfASize blocks of each size are kept, 32 MiB in all. No thread waits for another one:
// a child of a fork finds all blocks but those that other threads use at that moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace pyinit {

// Whether blocks are kept. Not under a sanitizer, which sees what is read or written beyond a block only where each
// call has its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_HWADDRESS__)
inline constexpr bool kKeepsBlocks = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(hwaddress_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool kKeepsBlocks = false;
#else
inline constexpr bool kKeepsBlocks = true;
#endif
#else
inline constexpr bool kKeepsBlocks = true;
#endif

// Sizes that are kept are powers of two. Smaller blocks stay in the allocator; larger ones are for calls that take
// far longer than their pages.
inline constexpr size_t kLeastKept = size_t{1} << 16;
inline constexpr size_t kMostKept = size_t{1} << 23;
inline constexpr size_t kKeptOfASize = 2;

// Returns a block of at least so many bytes. Throws std::bad_alloc.
void* take_block(size_t bytes);

// Takes back what take_block returned for as many bytes.
void give_block_back(void* block, size_t bytes) noexcept;

// Frees the blocks that are kept.
void free_kept_blocks() noexcept;

// Uninitialized memory for one call. Throws std::bad_alloc.
template <class Value>
class Scratch {
 public:
  explicit Scratch(size_t count) : bytes_(bytes(count)), data_(static_cast<Value*>(take_block(bytes_))) {}
  ~Scratch() { give_block_back(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  Value* data() const { return data_; }

 private:
  static size_t bytes(size_t count) {
    if (count > SIZE_MAX / sizeof(Value)) throw std::bad_array_new_length();
    return count * sizeof(Value);
  }

  size_t bytes_;
  Value* data_;
};

}  // namespace pyinit
