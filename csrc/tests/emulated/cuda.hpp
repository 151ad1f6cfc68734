// A device's intrinsics and launches as plain C++, so that csrc/cuda/ is compiled and run without a device.
// Included before everything else, by the compiler's -include. Each kernel becomes a function
// NAME(task, blocks, threads) that runs the threads one after the other, and NAME_bytes says how large its task
// is. In a block kernel a step runs all threads before the next one begins.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/launch.hpp"

// Each is one operation, rounded once: the compiler must not contract (-ffp-contract=off).
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline double __dsqrt_rn(double a) { return std::sqrt(a); }
inline float __uint2float_rn(uint32_t x) { return static_cast<float>(x); }
inline float __int2float_rn(int32_t x) { return static_cast<float>(x); }
inline double __ull2double_rn(uint64_t x) { return static_cast<double>(x); }
inline double __ll2double_rn(int64_t x) { return static_cast<double>(x); }
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }
inline float __uint_as_float(uint32_t x) { return std::bit_cast<float>(x); }
inline int64_t __double_as_longlong(double x) { return std::bit_cast<int64_t>(x); }
inline double __longlong_as_double(int64_t x) { return std::bit_cast<double>(x); }

namespace pyinit::cuda {

struct Block {
  uint32_t index;

  template <class Work>
  void step(const Work& work) const {
    for (uint32_t thread = 0; thread < kBlockThreads; ++thread) work(thread);
  }
};

template <class State>
class PerThread {
 public:
  State& operator[](uint32_t thread) { return states_[thread]; }

 private:
  std::vector<State> states_ = std::vector<State>(kBlockThreads);
};

}  // namespace pyinit::cuda

#define PYINIT_SHARED
#define PYINIT_EMULATED extern "C" [[gnu::visibility("default")]]

#define PYINIT_GRID_KERNEL(name, Task, work)                                       \
  PYINIT_EMULATED void name(const Task* task, uint32_t blocks, uint32_t threads) { \
    const uint64_t count = uint64_t{blocks} * threads;                             \
    for (uint64_t index = 0; index < count; ++index) work(*task, {index, count});  \
  }                                                                                \
  PYINIT_EMULATED size_t name##_bytes() { return sizeof(Task); }
#define PYINIT_BLOCK_KERNEL(name, Task, work)                               \
  PYINIT_EMULATED void name(const Task* task, uint32_t blocks, uint32_t) {  \
    for (uint32_t index = 0; index < blocks; ++index) work(*task, {index}); \
  }                                                                         \
  PYINIT_EMULATED size_t name##_bytes() { return sizeof(Task); }
