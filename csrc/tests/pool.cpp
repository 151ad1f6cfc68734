// The pool: every piece once, from any number of callers, nested or not; workers that come late; what a worker
// inherits; forks, with and without other threads at work; no thread is left over. `pool without_forks` leaves
// out what forks.
#include "pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "parallel.hpp"
#include "steps.hpp"
#include "system/affinity.hpp"
#include "team.hpp"
#include "threads.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#endif
#if defined(__linux__)
#include <dirent.h>
#include <sched.h>
#endif

#if defined(__SANITIZE_THREAD__)
// A child of a process with several threads starts some of its own: what is tested here.
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
constexpr int kRounds = 30;
#else
constexpr int kRounds = 300;
#endif

namespace {

using pyinit::Affinity, pyinit::Demand, pyinit::Helpers, pyinit::kHasThreads, pyinit::parallel_for,
    pyinit::run_team, pyinit::Steps, pyinit::Team;

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::printf("%s\n", what);
}

// Returns whether every piece is called once.
bool shares(size_t count, size_t threads) {
  std::vector<std::atomic<int>> called(count);
  parallel_for(count, Demand(threads), [&](size_t i) noexcept { ++called[i]; });
  for (const auto& times : called) {
    if (times != 1) return false;
  }
  return true;
}

// Returns whether a team's steps follow one another.
bool steps_follow(size_t count, size_t threads) {
  constexpr int kSteps = 12;
  std::vector<int> at(count);
  std::atomic<int> misfits{0};
  run_team(Demand(threads), [&](Team& team, size_t) noexcept {
    for (int step = 0; step < kSteps; ++step) {
      team.each(step % 4 == 3 ? 0 : count, [&](size_t i) noexcept {
        // plain ints: only the order of the steps keeps them apart
        if (at[i] != step - step / 4) ++misfits;
        ++at[i];
      });
    }
  });
  for (const int steps : at) misfits += steps != kSteps - kSteps / 4;
  return misfits == 0;
}

void callers_side_by_side() {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (size_t caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&wrong, caller] {
      for (int round = 0; round < kRounds; ++round) {
        if (!shares(1 + static_cast<size_t>(round) % 50, 1 + caller)) ++wrong;
        if (!steps_follow(1 + static_cast<size_t>(round) % 7, 1 + caller)) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  expect(wrong == 0, "callers that share the pool lose pieces or mix steps");
}

void nested() {
  std::atomic<int> pieces{0};
  parallel_for(8, Demand(4), [&](size_t) noexcept {
    parallel_for(8, Demand(4), [&](size_t) noexcept {
      run_team(Demand(3),
               [&](Team& team, size_t) noexcept { team.each(5, [&](size_t) noexcept { ++pieces; }); });
    });
  });
  expect(pieces == 8 * 8 * 5, "a call inside a call loses pieces");
}

// One thread takes all steps but the last before the other begins.
void late_member() {
  constexpr size_t kCount = 3;
  constexpr uint32_t kSteps = 40;
  for (const bool stay_awake : {false, true}) {
    Steps steps(stay_awake);
    std::vector<int> called(kSteps * kCount);
    uint32_t number = 0;
    const auto all = [&](uint32_t& next, uint32_t until) {
      for (; next < until; ++next) {
        const size_t step = next;
        steps.take_part(next, step % 2 == 0 ? kCount : 0,
                        [&, step](size_t i) noexcept { ++called[step * kCount + i]; });
      }
    };
    all(number, kSteps - 3);
    std::thread late([&] {
      uint32_t from_start = 0;
      all(from_start, kSteps);
    });
    all(number, kSteps);
    late.join();
    bool once = true;
    for (uint32_t step = 0; step < kSteps; ++step) {
      for (size_t i = 0; i < kCount; ++i) once &= called[step * kCount + i] == (step % 2 == 0 ? 1 : 0);
    }
    expect(once, "a member that comes late takes pieces of a step that is over, or holds up the others");
  }
}

// Each number once, whether its worker came in time or not; also where the caller has to sleep.
void numbers() {
  bool once = true;
  for (int round = 0; round < 10 * kRounds; ++round) {
    const Helpers helpers(Demand(4));
    std::vector<std::atomic<int>> called(1 + helpers.size());
    helpers.share([&](size_t number) noexcept { ++called[number]; });
    for (const auto& times : called) once &= times == 1;
  }
  expect(once, "a helper's share is not done once");
  std::atomic<bool> begun{false}, done{false};
  const Helpers helpers(Demand(2));
  helpers.share([&](size_t number) noexcept {
    if (number == 0) {
      while (helpers.size() > 0 && !begun) std::this_thread::yield();
      return;
    }
    begun = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    done = true;
  });
  expect(helpers.size() == 0 || done, "a call returns before its helpers are done");
}

void limit() {
  const Helpers all(Demand(static_cast<size_t>(pyinit::usable_cpus()) + 4)), more(Demand(3));
  expect(more.size() == 0, "calls side by side start more workers than CPUs and than one of them wants");
}

// Little work is worth a worker that is awake, and no other.
void demands() {
  const Demand none(1.9, 1, 8), awake(7.9, 1, 8), woken(8, 1, 8), all(1e30, 1, 8);
  expect(none.threads == 1 && awake.threads == 7 && woken.threads == 8 && all.threads == 8 && all.woken == 8,
         "a demand for threads is not one for each share of work");
  expect(awake.woken == 1 && woken.woken == 2, "a demand wakes workers for other than four shares of work");
  expect(all.at_most(3).threads == 3 && all.at_most(3).woken == 3 && all.at_most(0).threads == 1,
         "a demand is for more threads than pieces");
}

// Calls look() on a worker; returns whether there was one.
template <class Look>
bool on_a_worker(const Look& look) {
  const Helpers helpers(Demand(2));
  if (helpers.size() == 0) return false;
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<bool> looked{false};
  helpers.share([&](size_t number) noexcept {
    if (number == 0) {
      while (!looked) std::this_thread::yield();
    } else {
      if (std::this_thread::get_id() == here) std::abort();
      look();
      looked = true;
    }
  });
  return true;
}

#if !defined(_WIN32)
void signals() {
  sigset_t mask;
  sigemptyset(&mask);
  on_a_worker([&]() noexcept { pthread_sigmask(SIG_SETMASK, nullptr, &mask); });
  expect(sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGUSR1) == 1,
         "a worker takes a signal that is meant for the process");
  expect(sigismember(&mask, SIGBUS) == 0 && sigismember(&mask, SIGSEGV) == 0,
         "a worker blocks the signals of its own faults");
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  expect(sigismember(&mask, SIGINT) == 0, "the caller's signals stay blocked");
}

// Returns whether a child can share work, and its children.
bool child_shares(int generations) {
  const pid_t child = fork();
  if (child == 0) {
    const bool right =
        shares(40, 3) && steps_follow(3, 3) && (generations == 0 || child_shares(generations - 1));
    _exit(right ? 0 : 1);
  }
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void forks() {
  bool children = true;
  for (int round = 0; round < kRounds / 10; ++round) children &= shares(20, 3) && child_shares(1);
  expect(children, "a child cannot share work");
  std::atomic<int> wrong{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < 2; ++i) {
    busy.emplace_back([&over, &wrong] {
      while (!over) wrong += !(shares(20, 3) && steps_follow(3, 3));
    });
  }
  for (int round = 0; round < kRounds / 3; ++round) children &= child_shares(0);
  over = true;
  for (std::thread& thread : busy) thread.join();
  expect(wrong == 0 && children, "a fork beside other threads' calls breaks the parent or the child");
}
#endif

#if defined(__linux__)
// The threads of this process that are workers.
int workers() {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  for (const dirent* task = readdir(tasks); task != nullptr; task = readdir(tasks)) {
    char name[300], text[16] = {};
    std::snprintf(name, sizeof(name), "/proc/self/task/%s/comm", task->d_name);
    std::FILE* file = std::fopen(name, "r");
    if (file == nullptr) continue;
    if (std::fgets(text, sizeof(text), file) != nullptr) count += std::string_view(text) == "pyinit\n";
    std::fclose(file);
  }
  closedir(tasks);
  return count;
}

void numbers_of_workers() {
  child_shares(0);
  expect(workers() == 0, "workers that are free outlive a fork");
  expect(Helpers(Demand(3, 1, 4)).size() == 0 && workers() == 0, "a worker is started for little work");
  expect(Helpers(Demand(8, 1, 4)).size() == 1, "a worker is not started for enough work");
  for (int round = 0; round < 10 * kRounds; ++round) shares(5, 3);
  expect(workers() == 2, "calls of three threads leave more or fewer than two workers");
  for (int round = 0; round < kRounds; ++round) shares(9, 6);
  expect(workers() == 5, "a call of six threads leaves more or fewer than five workers");
}

// The worker of this call does not exist in the child.
void fork_inside_a_call() {
  const Helpers helpers(Demand(2));
  bool right = false;
  helpers.share([&](size_t number) noexcept {
    if (number > 0) return;
    const pid_t child = fork();
    if (child == 0) _exit(shares(40, 2) && workers() == 1 ? 0 : 1);
    int status = -1;
    right = waitpid(child, &status, 0) == child && status == 0;
  });
  expect(right, "a child counts the workers of its parent");
}

void affinity() {
  cpu_set_t all, one, found;
  // cpu_set_t has 1024 CPUs
  if (sched_getaffinity(0, sizeof(all), &all) != 0) return;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  for (const cpu_set_t& set : {all, one, all}) {
    sched_setaffinity(0, sizeof(set), &set);
    CPU_ZERO(&found);
    // A worker that was asleep may begin before its caller has given it the last CPU back.
    const bool looked = on_a_worker([&]() noexcept {
      for (int look = 0; look < 1000; ++look) {
        sched_getaffinity(0, sizeof(found), &found);
        if (CPU_EQUAL(&found, &set)) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    expect(!looked || CPU_EQUAL(&found, &set), "a worker runs on other CPUs than its caller");
  }
}

// A worker that fell asleep where its caller runs begins elsewhere, and soon.
void wakes_apart() {
  const Affinity all = Affinity::of_this_thread();
  expect(all.without(-1) == all && all.without(1 << 20) == all, "a set loses a CPU that is not in it");
  const Affinity rest = all.without(Affinity::cpu_of_this_thread());
  expect(rest.count() == std::max(1, all.count() - 1), "a set without a CPU does not lose one");
  cpu_set_t every, one;
  if (all.count() == 1 || sched_getaffinity(0, sizeof(every), &every) != 0) return;
  constexpr int kWakes = 20;
  int apart = 0;
  for (int wake = 0; wake < kWakes; ++wake) {
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    on_a_worker([]() noexcept {});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    sched_setaffinity(0, sizeof(every), &every);
    const int here = sched_getcpu();
    int there = here;
    on_a_worker([&]() noexcept { there = sched_getcpu(); });
    apart += there != here;
  }
  // Another program may take the other CPU meanwhile, and the system then moves the worker.
  expect(apart > kWakes / 4, "a worker wakes behind its caller");
}
#endif

}  // namespace

int main(int count, char** arguments) {
  [[maybe_unused]] const bool forking = count < 2 || std::string_view(arguments[1]) != "without_forks";
  expect(shares(40, 3) && steps_follow(5, 3), "a call of three threads loses pieces or mixes steps");
  nested();
  numbers();
  limit();
  demands();
  if (kHasThreads) {
    callers_side_by_side();
    late_member();
#if !defined(_WIN32)
    signals();
    if (forking) forks();
#endif
#if defined(__linux__)
    if (forking) {
      numbers_of_workers();
      fork_inside_a_call();
    }
    affinity();
    wakes_apart();
#endif
    // It goes on while the process ends.
    std::thread([] {
      while (true) shares(20, 3);
    }).detach();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  } else {
    expect(Helpers(Demand(3)).size() == 0, "a call gets workers where there are no threads");
  }
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
