// Steps that several threads take together, for a call that has more than one: the next step begins when all
// of the last one is done, and no thread is started in between. For a single step, parallel.hpp does.
#pragma once

#include <atomic>
#include <barrier>
#include <cstddef>
#include <new>
#include <system_error>
#include <type_traits>

#include "parallel.hpp"

namespace pyinit {

// Threads that take the same steps together, the work of each step shared among them.
class Team {
 public:
  // Throws std::bad_alloc.
  explicit Team(size_t size) : size_(size), end_of_step_(static_cast<std::ptrdiff_t>(size), Reset{&next_}) {}

  // The number of members it was made for.
  size_t size() const { return size_; }

  // Calls work(i) for every i below `count`, each once, on whichever member is free; returns when all are
  // done. Every member calls it with the same count.
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

  // Leaves out a member that never came.
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
// from 0. Where the system refuses a thread the others do its share. Throws std::bad_alloc before any work
// has begun.
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
