// Work in steps, each cut into pieces: a piece is taken once, and no piece of a step before the last step's are
// all done.
// Why no barrier: a thread that the system has not woken yet, or has put aside, would hold up all others at
// every step. Here only one that is inside a piece can; whoever comes late finds the steps that are over, and
// goes on to the one that is not.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "waiting.hpp"

namespace pyinit {

class Steps {
 public:
  // `stay_awake`: whether every thread has a CPU to wait on.
  explicit Steps(bool stay_awake) : stay_awake_(stay_awake) {}

  // Calls work(i) for pieces i < count of this step that nobody has taken; returns when the step is over.
  // Steps are numbered from 0, and every thread takes all of them in order, with the same counts below 2^32.
  template <class Work>
  void take_part(uint32_t step, size_t count, const Work& work) noexcept {
    uint64_t next = next_.load();
    size_t mine = 0;
    while (step_of(next) == step && piece_of(next) < count) {
      if (!next_.compare_exchange_weak(next, next + 1)) continue;
      work(piece_of(next));
      ++mine;
      next = next_.load();
    }
    if (mine > 0 && done_.fetch_add(mine) + mine == count) {
      done_.store(0);
      next_.store(first_of(step + 1));
      wake();
    } else if (count == 0 && step_of(next) == step) {
      if (next_.compare_exchange_strong(next, first_of(step + 1))) wake();
    } else {
      wait_for(step);
    }
  }

 private:
  static constexpr uint64_t first_of(uint32_t step) { return uint64_t{step} << 32; }
  static constexpr uint32_t step_of(uint64_t next) { return static_cast<uint32_t>(next >> 32); }
  static constexpr size_t piece_of(uint64_t next) { return static_cast<uint32_t>(next); }
  bool is_over(uint32_t step) const noexcept { return step_of(next_.load()) != step; }

  void wake() noexcept {
    ended_.fetch_add(1);
    ended_.notify_all();
  }

  void wait_for(uint32_t step) noexcept {
    const auto over = [this, step]() noexcept { return is_over(step); };
    if (over() || (stay_awake_ && stay_awake_until(over, kAwakeInside))) return;
    while (true) {
      // It changes after the step, so that none sleeps through the end.
      const uint32_t seen = ended_.load();
      if (over()) return;
      ended_.wait(seen);
    }
  }

  // The step's number and that of the piece to be taken next: one word, for who comes late must not take a
  // piece of another step.
  std::atomic<uint64_t> next_{0};
  // Pieces of the step that are done, counted by whoever did them when it finds no more.
  std::atomic<size_t> done_{0};
  // How many steps have ended, a little later: what threads sleep on.
  std::atomic<uint32_t> ended_{0};
  bool stay_awake_;
};

}  // namespace pyinit
