// Work shared among threads that take the next piece when they are free.
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>

#include "pool.hpp"

namespace pyinit {

// Calls work(i) for every i below `count`, each once, on at most as many threads as wanted, this one among them.
// Where there are fewer the others do their share.
template <class Work>
void parallel_for(size_t count, const Demand& wanted, const Work& work) noexcept {
  static_assert(std::is_nothrow_invocable_v<const Work&, size_t>,
                "an exception in a thread ends the process");
  const Demand demand = wanted.at_most(count);
  if (demand.threads == 1) {
    for (size_t i = 0; i < count; ++i) work(i);
    return;
  }
  std::atomic<size_t> next{0};
  const Helpers helpers(demand);
  helpers.share([&](size_t) noexcept {
    for (size_t i = next++; i < count; i = next++) work(i);
  });
}

}  // namespace pyinit
