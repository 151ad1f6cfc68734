// Waiting for another thread: first awake, then asleep.
// Why both: to wake a thread that sleeps takes 5 to 50 us, as long as a small product; a thread that never
// sleeps takes a CPU from somebody else. OpenBLAS's threads stay awake for 26 ms after a call, libgomp's for some
// milliseconds; these for half of one.
// Why not yield: where another process waits for this CPU, that gives it milliseconds.
#pragma once

#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pyinit {

// How long a thread stays awake: inside a call, longer than the others' last pieces take; between calls, longer
// than Python needs from one layer of a network to the next.
inline constexpr std::chrono::microseconds kAwakeInside{1000}, kAwakeBetween{500};

// Tells the CPU that this is a loop that waits.
inline void relax() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" : : : "memory");
#endif
}

// Calls ready() until it returns true or the time is over; returns what it returned last.
template <class Ready>
bool stay_awake_until(const Ready& ready, std::chrono::microseconds awake) noexcept {
  // Between two looks at the clock.
  constexpr int kLooks = 16;
  const auto end = std::chrono::steady_clock::now() + awake;
  do {
    for (int look = 0; look < kLooks; ++look) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

}  // namespace pyinit
