// Runs work with rounding to nearest even and subnormals kept, whatever the caller's thread was set to, and
// restores that. Why: other libraries set flush-to-zero for the whole process, and R1 allows no such
// dependence.
// Why a function and no guard: compilers know nothing of the mode, and move arithmetic past the instructions
// that set it: GCC 12 moves a product and a sum behind the end of a guard's life. They cannot move it out of
// a call of something they do not see.
#pragma once

#include <memory>
#include <type_traits>

#include "strict_math.hpp"

namespace pyinit {

// It stands in another translation unit, so that no compiler sees through it or `run`.
void run_in_default_environment(void (*run)(const void* work) noexcept, const void* work) noexcept;

// Calls work() in the default environment.
template <class Work>
void in_default_environment(const Work& work) {
  static_assert(std::is_nothrow_invocable_v<const Work&>, "the environment would not be restored");
  run_in_default_environment([](const void* given) noexcept { (*static_cast<const Work*>(given))(); },
                             std::addressof(work));
}

}  // namespace pyinit
