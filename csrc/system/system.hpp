// What the core takes from the operating system beyond the C++ library, and what each answer means.
// linux.cpp, darwin.cpp, windows.cpp and other.cpp implement it; CMakeLists.txt chooses one of them. A system that
// has no such thing says so, and its callers then do without: the bits are the same.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pyinit::system {

// The CPUs that this process may use, by its affinity and by its quota; at least 1. Throws std::bad_alloc.
int usable_cpus();

// The unit in which the system hands out memory; a power of two.
size_t page_bytes();

// The bytes of a huge page that the system makes of memory on request; 0 where it makes none.
size_t huge_page_bytes();

// Returns whether the page at an address has memory already, or might have. It is a multiple of page_bytes().
bool is_resident(uintptr_t page);

// Asks for huge pages in a range; returns whether the system agreed. `begin` is a multiple of page_bytes(). A
// system may agree and have none.
bool ask_for_huge_pages(uintptr_t begin, size_t bytes);

// Has the system supply the pages of a range together. Both are multiples of page_bytes(). Where it refuses,
// each page comes at its first touch.
void supply_pages(uintptr_t begin, size_t bytes);

// The CPU time of the calling thread. Unlike a clock's, it holds nothing of what the thread waited for its turn;
// it holds the faults of pages. Where no system call tells it, a clock's time.
std::chrono::nanoseconds thread_time();

}  // namespace pyinit::system
