// The CPUs that a thread may run on, where the system says: on Linux.
#pragma once

#include <cstddef>
#include <thread>

namespace pyinit {

// The set of CPUs of one thread. Empty where it is not known.
class Affinity {
 public:
  // The set of the calling thread.
  static Affinity of_this_thread() noexcept;

  // The number of CPUs in the set.
  int count() const noexcept;

  // The CPU that the calling thread runs on, as far as it is known; otherwise -1. It may be another one soon.
  static int cpu_of_this_thread() noexcept;

  // The set without one CPU; the whole set where no other CPU is left.
  Affinity without(int cpu) const noexcept;

  // Has another thread run on these CPUs only. Does nothing where the set is empty.
  void give_to(std::thread& thread) const noexcept;

  bool operator==(const Affinity& other) const noexcept;

 private:
  // Linux counts 8192 CPUs at most.
  static constexpr size_t kMostBytes = 8192 / 8;

  // Only the first bytes_ have a value.
  alignas(unsigned long) unsigned char mask_[kMostBytes];
  size_t bytes_ = 0;
};

}  // namespace pyinit
