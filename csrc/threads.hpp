// How many threads a call may use.
#pragma once

namespace pyinit {

// More threads than any fill can use; a larger number asks for as many.
inline constexpr int kMostThreads = 4096;

// The CPUs this process may use: its affinity, and the quota of its cgroups. At least 1.
int usable_cpus();

// PYINIT_NUM_THREADS, 0 where it is not set. Reads the environment, which no other thread may change
// meanwhile: a binding calls it while it holds the GIL. Throws std::invalid_argument when the variable is not
// a positive integer.
int environment_threads();

// environment_threads(), or usable_cpus() where the variable is not set. It needs the same care.
int default_threads();

}  // namespace pyinit
