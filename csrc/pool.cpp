#include "pool.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "system/affinity.hpp"
#include "threads.hpp"
#include "waiting.hpp"

#if !defined(_WIN32)
#include <pthread.h>

#include <csignal>
#endif

namespace pyinit {
namespace {

enum class State : uint32_t {
  // Waits for work: awake, or asleep.
  kFree,
  kAsleep,
  // Has work, and has not begun.
  kAssigned,
  kRunning,
  // Runs, and its caller sleeps until it is done.
  kAwaited,
  // Shall end.
  kLeaving,
};

}  // namespace

struct Worker {
  std::atomic<State> state{State::kFree};
  void (*run)(const void* given, size_t number) noexcept = nullptr;
  const void* given = nullptr;
  size_t number = 0;
  bool stay_awake = false;
  // In the list of those that are free, or of one call.
  Worker* next = nullptr;
  // Which of the pool's sets of CPUs it has.
  uint64_t affinity = 0;
  // Where it fell asleep.
  std::atomic<int> cpu{-1};
  std::thread thread;

  // Does what it is told until it shall end.
  void live() noexcept {
    bool awake = false;
    while (true) {
      if (awake) stay_awake_until([this]() noexcept { return state.load() != State::kFree; }, kAwakeBetween);
      State seen = State::kFree;
      cpu.store(Affinity::cpu_of_this_thread(), std::memory_order_relaxed);
      if (state.compare_exchange_strong(seen, State::kAsleep)) {
        state.wait(State::kAsleep);
        seen = state.load();
      }
      if (seen == State::kLeaving) return;
      // Its caller may have taken the work back.
      if (seen != State::kAssigned || !state.compare_exchange_strong(seen, State::kRunning)) continue;
      awake = stay_awake;
      run(given, number);
      // From here on the next caller may write what it does next.
      if (state.exchange(State::kFree) == State::kAwaited) state.notify_one();
    }
  }

  // Hands it what it does next: work, or its end.
  void tell(State next_state) noexcept {
    if (state.exchange(next_state) != State::kAsleep) return;
    // One that shall end is awaited asleep, on any CPU. One that has ended has no set of CPUs: the system would
    // take this thread for it.
    if (next_state == State::kLeaving) {
      state.notify_one();
    } else {
      wake();
    }
  }

  // Wakes it on another CPU than this thread's. Where it fell asleep on this one, the system may wake it here,
  // although others are idle; it would begin milliseconds later, when this thread's slice is over.
  void wake() noexcept {
    const int here = Affinity::cpu_of_this_thread();
    if (here < 0 || here != cpu.load(std::memory_order_relaxed)) {
      state.notify_one();
      return;
    }
    const Affinity all = Affinity::of_this_thread();
    const Affinity elsewhere = all.without(here);
    const bool has_others = !(elsewhere == all);
    if (has_others) elsewhere.give_to(thread);
    state.notify_one();
    if (has_others) all.give_to(thread);
  }

  // Returns when it is free; takes back what it has not begun and returns true.
  bool take_back() noexcept {
    State seen = State::kAssigned;
    if (state.compare_exchange_strong(seen, State::kFree)) return true;
    const auto is_free = [this]() noexcept {
      const State now = state.load();
      return now == State::kFree || now == State::kAsleep;
    };
    if (stay_awake && stay_awake_until(is_free, kAwakeInside)) return false;
    seen = State::kRunning;
    if (state.compare_exchange_strong(seen, State::kAwaited)) state.wait(State::kAwaited);
    return false;
  }
};

namespace {

#if !defined(_WIN32)
// Blocks all signals of the thread that starts a worker, which inherits that: a handler must run in a thread
// that expects it. Not those of the thread's own faults, which would end the process without a word.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
      sigdelset(&blocked, fault);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};
#else
class SignalsBlocked {};
#endif

size_t cpus() noexcept {
  try {
    return static_cast<size_t>(usable_cpus());
  } catch (const std::bad_alloc&) {
    return 1;
  }
}

// Returns null where the system refuses it.
Worker* started() noexcept {
  auto* worker = new (std::nothrow) Worker;
  if (worker == nullptr) return nullptr;
  try {
    [[maybe_unused]] const SignalsBlocked blocked;
    worker->thread = std::thread([worker]() noexcept { worker->live(); });
  } catch (...) {
    delete worker;
    return nullptr;
  }
#if defined(__linux__)
  pthread_setname_np(worker->thread.native_handle(), "pyinit");
#endif
  return worker;
}

class Pool {
 public:
  // The one of this process. It is never destroyed, for a thread may call it while the process ends.
  static Pool& instance() {
    static Pool& pool = *new Pool;
#if !defined(_WIN32)
    static const End end;
#endif
    return pool;
  }

  // Takes workers; returns the first, and writes how many they are and whether they stay awake.
  Worker* take(const Demand& demand, size_t& taken, bool& awake) noexcept {
    Worker* first = nullptr;
    size_t missing = 0;
    uint64_t affinity;
    const Affinity here = Affinity::of_this_thread();
    {
      const std::lock_guard lock(mutex_);
      if (!(here == affinity_) || cpus_ == 0) {
        affinity_ = here;
        ++affinity_number_;
        cpus_ = cpus();
      }
      affinity = affinity_number_;
      const size_t most = demand.threads - 1, woken = demand.woken - 1;
      // The last one that was given back lies on top: where it sleeps, so do the others.
      for (; taken < most && free_ != nullptr; ++taken) {
        Worker* worker = free_;
        if (taken >= woken && worker->state.load() == State::kAsleep) break;
        free_ = worker->next;
        worker->next = first;
        first = worker;
      }
      // Calls at one time may use all CPUs, and one call what it asks for.
      const size_t limit = std::max(woken, cpus_ - 1);
      if (usable_ && taken < woken && count_ < limit) missing = std::min(woken - taken, limit - count_);
      count_ += missing;
      ++calls_;
      busy_ += taken + missing;
      awake = calls_ + busy_ <= cpus_;
    }
    for (Worker* worker = first; worker != nullptr; worker = worker->next) {
      if (worker->affinity != affinity) here.give_to(worker->thread);
      worker->affinity = affinity;
    }
    for (; missing > 0; --missing, ++taken) {
      Worker* worker = started();
      if (worker == nullptr) break;
      worker->affinity = affinity;
      worker->next = first;
      first = worker;
    }
    if (missing > 0) {
      const std::lock_guard lock(mutex_);
      count_ -= missing;
      busy_ -= missing;
    }
    return first;
  }

  void give_back(Worker* first, size_t count) noexcept {
    const std::lock_guard lock(mutex_);
    while (first != nullptr) {
      Worker* worker = first;
      first = worker->next;
      worker->next = free_;
      free_ = worker;
    }
    --calls_;
    busy_ -= count;
  }

 private:
  Pool() noexcept {
#if !defined(_WIN32)
    usable_ = kHasThreads &&
              pthread_atfork([] { instance().before_fork(); }, [] { instance().after_fork_in_parent(); },
                             [] { instance().after_fork_in_child(); }) == 0;
#endif
  }
#if !defined(_WIN32)
  // So many threads a process has as it seems to have: the workers that are free end before a fork. A worker
  // of another thread's call goes on in the parent, and does not exist in the child.
  void before_fork() noexcept {
    mutex_.lock();
    end_free();
  }
  void after_fork_in_parent() noexcept { mutex_.unlock(); }
  void after_fork_in_child() noexcept {
    count_ = calls_ = busy_ = 0;
    mutex_.unlock();
  }

  // The mutex is held.
  void end_free() noexcept {
    for (Worker* worker = free_; worker != nullptr; worker = worker->next) worker->tell(State::kLeaving);
    while (free_ != nullptr) {
      Worker* worker = free_;
      free_ = worker->next;
      worker->thread.join();
      delete worker;
      --count_;
    }
  }

  // Ends the workers that are free when the process ends or the library is unloaded, and their code with it.
  // Not on Windows: there a thread cannot end while a library's destructors run.
  struct End {
    ~End() {
      Pool& pool = instance();
      const std::unique_lock lock(pool.mutex_, std::try_to_lock);
      if (lock) pool.end_free();
    }
  };
#endif

  std::mutex mutex_;
  // The first of those that no call has, and the number of all workers.
  Worker* free_ = nullptr;
  size_t count_ = 0;
  // Calls that have taken workers, and the workers they have.
  size_t calls_ = 0, busy_ = 0;
  // The CPUs of the last caller's thread, how often they changed, and how many it may use.
  Affinity affinity_;
  uint64_t affinity_number_ = 0;
  size_t cpus_ = 0;
  // No worker is started where there are no threads, or where a fork would break it.
  bool usable_ = kHasThreads;
};

// Made while the library is loaded: a child of a fork beside the first call would wait for one that is half made.
[[maybe_unused]] const Pool& loaded = Pool::instance();

}  // namespace

Helpers::Helpers(const Demand& demand) noexcept {
  first_ = Pool::instance().take(demand, size_, stay_awake_);
}

Helpers::~Helpers() { Pool::instance().give_back(first_, size_); }

void Helpers::share_any(void (*run)(const void* given, size_t number) noexcept,
                        const void* given) const noexcept {
  size_t number = 0;
  for (Worker* worker = first_; worker != nullptr; worker = worker->next) {
    worker->run = run;
    worker->given = given;
    worker->number = ++number;
    worker->stay_awake = stay_awake_;
    worker->tell(State::kAssigned);
  }
  run(given, 0);
  for (Worker* worker = first_; worker != nullptr; worker = worker->next) {
    if (worker->take_back()) run(given, worker->number);
  }
}

}  // namespace pyinit
