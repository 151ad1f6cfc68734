// Work shared among threads that live for one call: nothing survives that a fork could break.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace pyinit {

// Joins its threads at the end of its life, also where an exception ends it. Not std::jthread: libc++ has had
// it only since version 20.
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

}  // namespace pyinit
