// Threads that outlive a call and wait for the next one.
// Why: to start a thread takes some 20 us in each call, and one that waits awake begins in less than 1 us.
// Contract: a call gets the workers that nobody else uses, and never waits for one. No call sees what another
// one left: workers run on the CPUs of the thread that calls, as that is now, and block all signals but those
// of their own faults. A child of a fork begins without workers, and has its own when it needs some.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#include "demand.hpp"

namespace pyinit {

struct Worker;

// Whether the program may have more than one thread. Otherwise no call gets a worker.
#if defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__)
inline constexpr bool kHasThreads = false;
#else
inline constexpr bool kHasThreads = true;
#endif

// Workers for the length of one call.
class Helpers {
 public:
  // Takes workers for a call that wants so many threads. There are fewer where others use them or the system
  // refuses a thread.
  explicit Helpers(const Demand& demand) noexcept;
  // Gives them back.
  ~Helpers();
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  // The number of workers taken.
  size_t size() const noexcept { return size_; }
  // Whether everybody has a CPU. Otherwise a thread that waits awake takes one from those that work.
  bool stay_awake() const noexcept { return stay_awake_; }

  // Calls run(0) on this thread and run(i), 1 <= i <= size(), on the workers; returns when all are done. What
  // no worker has begun when run(0) returns, this thread calls itself.
  template <class Run>
  void share(const Run& run) const noexcept {
    static_assert(std::is_nothrow_invocable_v<const Run&, size_t>,
                  "an exception in a thread ends the process");
    share_any([](const void* given, size_t number) noexcept { (*static_cast<const Run*>(given))(number); },
              std::addressof(run));
  }

 private:
  void share_any(void (*run)(const void* given, size_t number) noexcept, const void* given) const noexcept;

  Worker* first_ = nullptr;
  size_t size_ = 0;
  bool stay_awake_ = false;
};

}  // namespace pyinit
