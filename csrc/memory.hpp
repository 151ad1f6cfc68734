// What a fill asks of the memory it writes.
#pragma once

#include <cstddef>

namespace pyinit {

// Asks for huge pages on a large buffer that nobody has touched yet. First touch of 4 KiB pages, not drawing,
// is what limits a fill of fresh memory. Leaves small and touched memory alone; for the mapping of a
// file it is a hint that the kernel may ignore. Never fails.
void advise_huge_pages(void* out, size_t bytes);

}  // namespace pyinit
