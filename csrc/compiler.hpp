// What compilers spell in different ways: inlining, unrolling, and asking for memory before it is written. For GCC
// and Clang; for CUDA (NVRTC and nvcc), which shares rng/; and for MSVC, which has no word for unrolling.
// Why inline by force: a vector that is passed in memory costs more than what is done to it.
#pragma once

#if defined(__CUDACC__)
#define PYINIT_INLINE __forceinline__
// A call would send what the draw keeps in registers through memory.
#define PYINIT_NOINLINE
#define PYINIT_PRAGMA(text) _Pragma(#text)
#define PYINIT_UNROLL(count) PYINIT_PRAGMA(unroll count)
#define PYINIT_PREFETCH_TO_WRITE(address) ((void)(address))
#elif defined(__GNUC__)
#define PYINIT_INLINE [[gnu::always_inline]] inline
#define PYINIT_NOINLINE [[gnu::noinline]]
#define PYINIT_PRAGMA(text) _Pragma(#text)
#define PYINIT_UNROLL(count) PYINIT_PRAGMA(GCC unroll count)
#define PYINIT_PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1, 3)
#elif defined(_MSC_VER)
#define PYINIT_INLINE __forceinline
#define PYINIT_NOINLINE __declspec(noinline)
#define PYINIT_UNROLL(count)
#define PYINIT_PREFETCH_TO_WRITE(address) ((void)(address))
#else
#error "compiler.hpp does not know this compiler: write down how it inlines and unrolls"
#endif
