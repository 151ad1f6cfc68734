// Refuses to be compiled where the compiler may change what arithmetic means: R1 needs every operation as it
// is written. Each file with arithmetic in it includes this. -ffp-contract is not seen here: CMakeLists.txt
// sets it, and fill/self_check.hpp looks at what came of it.
#pragma once

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0)
#error "pyinit needs IEEE 754 arithmetic: take -ffast-math, -Ofast and their parts out of CXXFLAGS"
#endif
