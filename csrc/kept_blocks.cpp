#include "kept_blocks.hpp"

#include <atomic>
#include <bit>
#include <new>

#include "memory.hpp"

namespace pyinit {
namespace {

constexpr int kSizes = std::countr_zero(kMostKept) - std::countr_zero(kLeastKept) + 1;
// By size; null where nothing is kept.
std::atomic<void*> kept[kSizes][kKeptOfASize];

bool is_kept(size_t bytes) { return kKeepsBlocks && bytes > kLeastKept / 2 && bytes <= kMostKept; }
// The bytes of the block for so many.
size_t size_of(size_t bytes) { return is_kept(bytes) ? std::bit_ceil(bytes) : bytes; }
std::atomic<void*>* places(size_t bytes) {
  return kept[std::countr_zero(size_of(bytes)) - std::countr_zero(kLeastKept)];
}

std::align_val_t alignment(size_t bytes) {
  constexpr size_t kLine = 64, kHugePage = size_t{2} << 20;
  return std::align_val_t{size_of(bytes) < kHugePage ? kLine : kHugePage};
}

}  // namespace

void* take_block(size_t bytes) {
  if (is_kept(bytes)) {
    for (size_t i = 0; i < kKeptOfASize; ++i) {
      if (void* block = places(bytes)[i].exchange(nullptr)) return block;
    }
  }
  void* block = ::operator new(size_of(bytes), alignment(bytes));
  advise_huge_pages(block, bytes);
  return block;
}

void give_block_back(void* block, size_t bytes) noexcept {
  if (is_kept(bytes)) {
    for (size_t i = 0; i < kKeptOfASize; ++i) {
      void* none = nullptr;
      if (places(bytes)[i].compare_exchange_strong(none, block)) return;
    }
  }
  ::operator delete(block, alignment(bytes));
}

void free_kept_blocks() noexcept {
  for (int size = 0; size < kSizes; ++size) {
    for (std::atomic<void*>& place : kept[size])
      ::operator delete(place.exchange(nullptr), alignment(kLeastKept << size));
  }
}

}  // namespace pyinit
