// Any other system, WebAssembly among them: what the C++ library knows.
#include <thread>

#include "system/system.hpp"

namespace pyinit::system {

int usable_cpus() {
  const unsigned count = std::thread::hardware_concurrency();
  return count > 0 ? static_cast<int>(count) : 1;
}

size_t page_bytes() { return 4096; }

size_t huge_page_bytes() { return 0; }

bool is_resident(uintptr_t) { return true; }

bool ask_for_huge_pages(uintptr_t, size_t) { return false; }

void supply_pages(uintptr_t, size_t) {}

std::chrono::nanoseconds thread_time() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace pyinit::system
