// What a call takes from the process's environment.
#pragma once

#include "dispatch.hpp"
#include "parallel.hpp"

// Decides the instruction set and counts the threads: `threads`, or by default those of the environment.
// Called while the GIL is held: os.environ["X"] = ... in another thread moves the variables, and until version 2.41
// glibc's getenv may read what has been freed. So nothing that is called without the GIL asks for a variable.
// Throws std::invalid_argument, a ValueError in Python, when a variable is not what it must be.
inline int settled(int threads) {
  pyinit::active_isa();
  return threads > 0 ? threads : pyinit::default_threads();
}
