// Work shared among threads that live for one call: nothing survives that a fork could break.
#pragma once

#include <atomic>
#include <barrier>
#include <cstddef>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace pyinit {

// PYINIT_NUM_THREADS, else the CPUs this process may use (affinity, cgroup quota).
// Throws std::invalid_argument when the variable is not a positive integer.
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
// `work` does not throw. Where the system refuses a thread the others do its share.
template <class Work>
void parallel_for(size_t count, size_t threads, const Work& work) {
  if (threads > count) threads = count;
  if (threads <= 1) {
    for (size_t i = 0; i < count; ++i) work(i);
    return;
  }
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  Helpers helpers(threads - 1);
  try {
    for (size_t i = 1; i < threads; ++i) helpers.start(run);
  } catch (const std::system_error&) {
  }
  run();
}

// Threads that take the same steps together, the work of each step shared among them.
class Team {
 public:
  explicit Team(size_t size) : size_(size), end_of_step_(static_cast<std::ptrdiff_t>(size), Reset{&next_}) {}

  size_t size() const { return size_; }

  // Calls work(i) for every i below `count`, each once, on whichever member is free; returns when all are done.
  // Every member calls it with the same count.
  template <class Work>
  void each(size_t count, const Work& work) {
    for (size_t i = next_++; i < count; i = next_++) work(i);
    end_of_step_.arrive_and_wait();
  }

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
// from 0. `work` does not throw. Where the system refuses a thread the team is smaller.
template <class Work>
void run_team(size_t threads, const Work& work) {
  std::optional<Team> team;
  std::atomic<Team*> formed{nullptr};
  Helpers helpers(threads);
  size_t size = 1;
  try {
    for (; size < threads; ++size) {
      helpers.start([&formed, &work, member = size] {
        formed.wait(nullptr);
        work(*formed.load(), member);
      });
    }
  } catch (const std::system_error&) {
  }
  formed = &team.emplace(size);
  formed.notify_all();
  work(*team, size_t{0});
}

}  // namespace pyinit
