// What a kernel is written in: its threads, its blocks of threads, and how it gets a name.
// A kernel takes one struct by value, its task, with every pointer and number that decides what it writes.
// Two kinds. In a grid kernel each thread goes its own way: elements index, index + count, .... In a block
// kernel the threads of a block work in steps: each step ends with a barrier, and what a thread keeps between
// steps is PerThread. So no barrier can be missing, and a compiler for CPUs runs the same source as loops
// over threads (csrc/tests/emulated/cuda.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"

namespace pyinit::cuda {

// Threads of a block of a block kernel; pyinit/cuda/tasks.py launches so many.
inline constexpr uint32_t kBlockThreads = 256;

// One thread of a grid: it takes units index, index + count, and so on.
struct Thread {
  uint64_t index, count;
};

}  // namespace pyinit::cuda

#if defined(__CUDACC__)

#define PYINIT_SHARED __shared__

namespace pyinit::cuda {

// One block of threads.
struct Block {
  uint32_t index;

  // Each thread calls work(its number), and waits for all others.
  template <class Work>
  PYINIT_INLINE void step(const Work& work) const {
    work(threadIdx.x);
    __syncthreads();
  }
};

// What each thread of a block keeps from one step to the next.
template <class State>
struct PerThread {
  State state{};
  PYINIT_INLINE State& operator[](uint32_t) { return state; }
};

}  // namespace pyinit::cuda

#define PYINIT_GRID_KERNEL(name, Task, work)                                                  \
  extern "C" __global__ void __launch_bounds__(256) name(const __grid_constant__ Task task) { \
    const pyinit::cuda::Thread thread{uint64_t{blockIdx.x} * blockDim.x + threadIdx.x,        \
                                      uint64_t{gridDim.x} * blockDim.x};                      \
    work(task, thread);                                                                       \
  }
#define PYINIT_BLOCK_KERNEL(name, Task, work)                               \
  extern "C" __global__ void __launch_bounds__(pyinit::cuda::kBlockThreads) \
      name(const __grid_constant__ Task task) {                             \
    work(task, pyinit::cuda::Block{blockIdx.x});                            \
  }

#endif
