// What a call takes from the process's environment.
#pragma once

#include "dispatch.hpp"
#include "threads.hpp"

// The kernels and the number of threads of one call.
struct Settled {
  const pyinit::Kernels& kernels;
  int threads;
};

// Takes the instruction set in use and counts the threads: `threads`, or by default those of the environment.
// Called while the GIL is held: os.environ["X"] = ... in another thread moves the variables, and until
// version 2.41 glibc's getenv may read what has been freed. So nothing that is called without the GIL asks
// for a variable. Throws std::invalid_argument, a ValueError in Python, when a variable is not what it must
// be.
inline Settled settled(int threads) {
  return {pyinit::active_kernels(), threads > 0 ? threads : pyinit::default_threads()};
}
