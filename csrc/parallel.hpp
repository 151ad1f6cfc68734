// Work shared among threads that live for one call: nothing survives that a fork could break.
#pragma once

#include <atomic>
#include <barrier>
#include <cstddef>
#include <new>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace pyinit {

// More threads than any fill can use; a larger number asks for as many.
inline constexpr int kMostThreads = 4096;

// The CPUs this process may use: its affinity, and the quota of its cgroups. At least 1.
int usable_cpus();

// PYINIT_NUM_THREADS, 0 where it is not set. Reads the environment, which no other thread may change meanwhile: a binding
// calls it while it holds the GIL. Throws std::invalid_argument when the variable is not a positive integer.
int environment_threads();

// environment_threads(), else usable_cpus(): with the same care.
int default_threads();

// Joins its threads at the end of its life, whatever ends it. Not std::jthread: libc++ has had it only since
// version 20.
class Helpers {
 public:
  explicit Helpers(size_t most) { threads_.reserve(most); }
  ~Helpers() {
    for (std::thread& thread : threads_) thread.join();
  }
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  template <class Run>
  void start(const Run& run) {
    threads_.emplace_back(run);
  }

 private:
  std::vector<std::thread> threads_;
};

// Calls work(i) for every i below `count`, each once, on at most `threads` threads, this one among them.
// Where the system refuses a thread the others do its share.
template <class Work>
void parallel_for(size_t count, size_t threads, const Work& work) {
  static_assert(std::is_nothrow_invocable_v<const Work&, size_t>,
                "an exception in a thread ends the process");
  if (threads > count) threads = count;
  if (threads <= 1) {
    for (size_t i = 0; i < count; ++i) work(i);
    return;
  }
  std::atomic<size_t> next{0};
  const auto run = [&]() noexcept {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  Helpers helpers(threads - 1);
  try {
    for (size_t i = 1; i < threads; ++i) helpers.start(run);
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  run();
}

// Threads that take the same steps together, the work of each step shared among them.
class Team {
 public:
  // Throws std::bad_alloc.
  explicit Team(size_t size) : size_(size), end_of_step_(static_cast<std::ptrdiff_t>(size), Reset{&next_}) {}

  // Members it was made for.
  size_t size() const { return size_; }

  // Calls work(i) for every i below `count`, each once, on whichever member is free; returns when all are done.
  // Every member calls it with the same count.
  template <class Work>
  void each(size_t count, const Work& work) {
    static_assert(std::is_nothrow_invocable_v<const Work&, size_t>, "the others would wait for ever");
    if (size_ == 1) {
      for (size_t i = 0; i < count; ++i) work(i);
      return;
    }
    for (size_t i = next_++; i < count; i = next_++) work(i);
    end_of_step_.arrive_and_wait();
  }

  // Does without a member that never came.
  void leave() { end_of_step_.arrive_and_drop(); }

 private:
  struct Reset {
    std::atomic<size_t>* next;
    void operator()() noexcept { *next = 0; }
  };

  size_t size_;
  std::atomic<size_t> next_{0};
  std::barrier<Reset> end_of_step_;
};

// Calls work(team, member) on each of at most `threads` threads, this one among them; members are numbered
// from 0. Where the system refuses a thread the others do its share. Throws std::bad_alloc before any work has
// begun.
template <class Work>
void run_team(size_t threads, const Work& work) {
  static_assert(std::is_nothrow_invocable_v<const Work&, Team&, size_t>,
                "an exception in a thread ends the process");
  Team team(threads);
  Helpers helpers(threads);
  size_t members = 1;
  try {
    for (; members < threads; ++members) {
      helpers.start([&team, &work, member = members]() noexcept { work(team, member); });
    }
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  // None of them can end a step before this thread has: the missing are counted out in time.
  for (size_t missing = members; missing < threads; ++missing) team.leave();
  work(team, size_t{0});
}

}  // namespace pyinit
