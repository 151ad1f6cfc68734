// Which memory goes without huge pages: where those of two buffers in a row were slow, for a while; and that a
// thread which waits for its turn does not look like a slow page.
#include "memory.hpp"
#include "system/system.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::printf("%s\n", what);
}

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

void check_thread_time() {
#if defined(__linux__)
  const auto before = pyinit::system::thread_time();
  std::this_thread::sleep_for(milliseconds(30));
  expect(pyinit::system::thread_time() - before < milliseconds(5), "a thread's time holds what it waited");
  const auto start = pyinit::system::thread_time();
  while (pyinit::system::thread_time() - start < milliseconds(10)) {
  }
  // Threads that take turns on one CPU: each waits for the others.
  constexpr int kThreads = 4;
  std::atomic<int> waited_longer{0};
  cpu_set_t all, one;
  if (sched_getaffinity(0, sizeof(all), &all) != 0) return;
  CPU_ZERO(&one);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &all)) ++cpu;
  CPU_SET(cpu, &one);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&]() noexcept {
      (void)sched_setaffinity(0, sizeof(one), &one);
      const auto begin = Clock::now();
      const auto own = pyinit::system::thread_time();
      while (pyinit::system::thread_time() - own < milliseconds(30)) {
      }
      if (Clock::now() - begin > milliseconds(60)) ++waited_longer;
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect(waited_longer > 0, "threads that share a CPU do not wait: this test tests nothing");
#endif
}

}  // namespace

int main() {
  check_thread_time();
  using pyinit::HugePageJudge;
  constexpr size_t kBuffer = size_t{64} << 20;
  HugePageJudge judge;
  expect(!judge.goes_without(kBuffer), "huge pages are not asked for at first");
  judge.note(true);
  expect(!judge.goes_without(kBuffer), "one slow buffer decides for others");
  judge.note(false);
  judge.note(true);
  expect(!judge.goes_without(kBuffer), "slow pages with a fast one between them decide");
  judge.note(true);
  int without = 0;
  while (judge.goes_without(kBuffer)) ++without;
  expect(without == HugePageJudge::kWithout / static_cast<int64_t>(kBuffer), "it does not last for 1 GiB");
  judge.note(true);
  expect(judge.goes_without(kBuffer), "a slow page after that is not one more in a row");
  judge.note(false);
  expect(!judge.goes_without(kBuffer), "a fast page does not end it");

  constexpr size_t kBytes = size_t{16} << 20;
  auto* fresh = static_cast<unsigned char*>(std::malloc(kBytes));
  if (fresh == nullptr) return 1;
  pyinit::advise_huge_pages(fresh, kBytes);
  pyinit::supply(fresh, kBytes);
  for (size_t i = 0; i < kBytes; i += 4096) fresh[i] = 1;
  expect(pyinit::advise_huge_pages(fresh, kBytes) == pyinit::Pages::kAsTheyAre,
         "touched memory is not left alone");
  std::free(fresh);
  expect(pyinit::advise_huge_pages(&failures, sizeof(failures)) == pyinit::Pages::kAsTheyAre,
         "small memory is not left alone");
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
