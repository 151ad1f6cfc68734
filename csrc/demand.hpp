// How many threads a call wants.
#pragma once

#include <algorithm>
#include <cstddef>

namespace pyinit {

// A worker that waits awake begins in 1 us, one that sleeps or has to be started in 5 to 20 us. So for little
// work a call takes those that are awake, and leaves the others asleep.
struct Demand {
  // As many threads as `most`, this one among them.
  explicit Demand(size_t most) : threads(most), woken(most) {}
  // As many as have work for 5 us each, of which `share` is as much; as many as have four times as much, where
  // they sleep. At least 1, at most `most`.
  Demand(double work, double share, size_t most)
      : threads(clamped(work / share, most)), woken(clamped(work / (4 * share), most)) {}

  // The same for work of so many pieces.
  Demand at_most(size_t pieces) const {
    Demand demand = *this;
    demand.threads = std::min(threads, std::max<size_t>(pieces, 1));
    demand.woken = std::min(woken, demand.threads);
    return demand;
  }

  size_t threads;
  // Of these, so many also if somebody has to be woken or started.
  size_t woken;

 private:
  static size_t clamped(double count, size_t most) {
    return static_cast<size_t>(std::clamp(count, 1.0, static_cast<double>(most)));
  }
};

}  // namespace pyinit
