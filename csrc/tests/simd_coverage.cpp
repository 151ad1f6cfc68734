// Every operation of simd/interface.hpp is compared by a case of simd_operations.hpp: the cases run on an
// instruction set that is Scalar but for one operation, which flips a bit of its result, and some case must
// see it. So for each of them.
#include <cstdio>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "simd/interface.hpp"
#include "simd/scalar.hpp"
#include "simd_comparison.hpp"
#include "simd_operations.hpp"

namespace {

using namespace pyinit::tests;
using pyinit::simd::Scalar;

// A wrong operation must be seen within this many vectors.
constexpr int kRounds = 200;

// The operation that is wrong now.
std::string_view wrong;

template <class Result>
Result made(std::string_view operation, Result result) {
  if (operation != wrong) return result;
  if constexpr (std::is_same_v<Result, bool>) {
    return !result;
  } else {
    unsigned char first;
    std::memcpy(&first, &result, 1);
    first ^= 1;
    std::memcpy(static_cast<void*>(&result), &first, 1);
    return result;
  }
}

void stored_at(std::string_view operation, void* at) {
  if (operation == wrong) *static_cast<unsigned char*>(at) ^= 1;
}

// VALUE(result, name, parameters, arguments), STORE(name, parameters, arguments, where it writes),
// SHIFT(result, name).
#define OPERATIONS(VALUE, STORE, SHIFT)                                             \
  VALUE(U64, block_counters, (uint64_t first), (first))                             \
  VALUE(U64, load_counters, (const uint64_t* blocks), (blocks))                     \
  VALUE(Word, all_words, (uint32_t x), (x))                                         \
  VALUE(Word, low_word, (U64 a), (a))                                               \
  VALUE(Word, high_word, (U64 a), (a))                                              \
  VALUE(U64, multiply_words, (Word a, Word b), (a, b))                              \
  VALUE(Word, bit_xor, (Word a, Word b), (a, b))                                    \
  VALUE(Word, bit_xor, (Word a, Word b, Word c), (a, b, c))                         \
  VALUE(U32, pair32, (Word even, Word odd), (even, odd))                            \
  VALUE(U64, pair64, (Word low, Word high), (low, high))                            \
  VALUE(U32, in_order, (int k, U32 words01, U32 words23), (k, words01, words23))    \
  STORE(store_alternating, (float* out, F32 even, F32 odd), (out, even, odd), out)  \
  STORE(store_alternating, (double* out, F64 even, F64 odd), (out, even, odd), out) \
                                                                                    \
  VALUE(F32, all, (float x), (x))                                                   \
  VALUE(U32, all, (uint32_t x), (x))                                                \
  VALUE(F32, load, (const float* p), (p))                                           \
  VALUE(U32, load, (const uint32_t* p), (p))                                        \
  STORE(store, (float* p, F32 x), (p, x), p)                                        \
  STORE(store, (uint32_t* p, U32 x), (p, x), p)                                     \
  VALUE(F32, add, (F32 a, F32 b), (a, b))                                           \
  VALUE(F32, sub, (F32 a, F32 b), (a, b))                                           \
  VALUE(F32, mul, (F32 a, F32 b), (a, b))                                           \
  VALUE(F32, div, (F32 a, F32 b), (a, b))                                           \
  VALUE(F32, fma, (F32 a, F32 b, F32 c), (a, b, c))                                 \
  VALUE(F32, sqrt, (F32 a), (a))                                                    \
  VALUE(F32, clamp, (F32 x, F32 low, F32 high), (x, low, high))                     \
  VALUE(F32, at_least, (F32 x, F32 low), (x, low))                                  \
  VALUE(F32, at_most, (F32 x, F32 high), (x, high))                                 \
  VALUE(F32, negate_where, (F32 x, U32 sign), (x, sign))                            \
  VALUE(F32, negate_where, (F32 x, M32 m), (x, m))                                  \
  VALUE(F32, choose_negated, (M32 m, F32 yes, F32 no), (m, yes, no))                \
  VALUE(F32, choose, (M32 m, F32 yes, F32 no), (m, yes, no))                        \
  VALUE(U32, choose, (M32 m, U32 yes, U32 no), (m, yes, no))                        \
  VALUE(U32, choose, (U32 bits, U32 yes, U32 no), (bits, yes, no))                  \
  VALUE(U32, smaller, (U32 a, U32 b), (a, b))                                       \
  VALUE(U32, larger, (U32 a, U32 b), (a, b))                                        \
  VALUE(F32, from_unsigned, (U32 x), (x))                                           \
  VALUE(F32, from_signed, (U32 x), (x))                                             \
  VALUE(U32, bits, (F32 x), (x))                                                    \
  VALUE(F32, as_float, (U32 x), (x))                                                \
  VALUE(U32, add, (U32 a, U32 b), (a, b))                                           \
  VALUE(U32, sub, (U32 a, U32 b), (a, b))                                           \
  VALUE(U32, mul, (U32 a, U32 b), (a, b))                                           \
  VALUE(U32, bit_and, (U32 a, U32 b), (a, b))                                       \
  VALUE(U32, bit_xor, (U32 a, U32 b), (a, b))                                       \
  SHIFT(U32, shift_left)                                                            \
  SHIFT(U32, shift_right)                                                           \
  VALUE(U32, complement_where, (U32 a, M32 m), (a, m))                              \
  VALUE(M32, below, (U32 a, U32 b), (a, b))                                         \
  VALUE(M32, below, (F32 a, F32 b), (a, b))                                         \
  VALUE(M32, has_bit, (U32 a, U32 bit), (a, bit))                                   \
  VALUE(M32, invert, (M32 m), (m))                                                  \
  VALUE(bool, every, (M32 m), (m))                                                  \
                                                                                    \
  VALUE(F64, all, (double x), (x))                                                  \
  VALUE(U64, all64, (uint64_t x), (x))                                              \
  VALUE(F64, load, (const double* p), (p))                                          \
  STORE(store, (double* p, F64 x), (p, x), p)                                       \
  VALUE(F64, widen, (const float* p), (p))                                          \
  VALUE(U64, truncate, (F64 x), (x))                                                \
  STORE(store, (uint64_t* p, U64 x), (p, x), p)                                     \
  VALUE(F64, add, (F64 a, F64 b), (a, b))                                           \
  VALUE(F64, mul, (F64 a, F64 b), (a, b))                                           \
  VALUE(F64, div, (F64 a, F64 b), (a, b))                                           \
  VALUE(F64, fma, (F64 a, F64 b, F64 c), (a, b, c))                                 \
  VALUE(F64, sqrt, (F64 a), (a))                                                    \
  VALUE(F64, clamp, (F64 x, F64 low, F64 high), (x, low, high))                     \
  VALUE(F64, negate_where, (F64 x, U64 sign), (x, sign))                            \
  VALUE(F64, negate_where, (F64 x, M64 m), (x, m))                                  \
  VALUE(F64, choose_negated, (M64 m, F64 yes, F64 no), (m, yes, no))                \
  VALUE(F64, choose, (M64 m, F64 yes, F64 no), (m, yes, no))                        \
  VALUE(F64, from_unsigned, (U64 x), (x))                                           \
  VALUE(F64, from_signed, (U64 x), (x))                                             \
  VALUE(U64, bits, (F64 x), (x))                                                    \
  VALUE(F64, as_float, (U64 x), (x))                                                \
  VALUE(U64, add, (U64 a, U64 b), (a, b))                                           \
  VALUE(U64, sub, (U64 a, U64 b), (a, b))                                           \
  VALUE(U64, bit_and, (U64 a, U64 b), (a, b))                                       \
  VALUE(U64, bit_xor, (U64 a, U64 b), (a, b))                                       \
  SHIFT(U64, shift_left)                                                            \
  VALUE(U64, complement_where, (U64 a, M64 m), (a, m))                              \
  VALUE(M64, below, (U64 a, U64 b), (a, b))                                         \
  VALUE(M64, below, (F64 a, F64 b), (a, b))                                         \
  VALUE(M64, has_bit, (U64 a, U64 bit), (a, bit))                                   \
  VALUE(M64, invert, (M64 m), (m))                                                  \
  VALUE(bool, every, (M64 m), (m))                                                  \
                                                                                    \
  STORE(store_bfloat16, (void* out, F32 x), (out, x), out)                          \
  STORE(store_float16, (void* out, F32 x), (out, x), out)                           \
  STORE(stream_line, (void* out, const void* from), (out, from), out)

// It inherits nothing: an operation that is new in the interface must be written above.
struct Mutant {
  static constexpr const char* kName = "mutant";
  static constexpr int kGroups = Scalar::kGroups, kLanes = Scalar::kLanes, kBlocks = Scalar::kBlocks;
  static constexpr int kTileRows = Scalar::kTileRows;

  using F32 = Scalar::F32;
  using F64 = Scalar::F64;
  using U32 = Scalar::U32;
  using U64 = Scalar::U64;
  using Word = Scalar::Word;
  using M32 = Scalar::M32;
  using M64 = Scalar::M64;

#define VALUE(result, name, parameters, arguments) \
  static result name parameters { return made(#result #name #parameters, Scalar::name arguments); }
#define STORE(name, parameters, arguments, where) \
  static void name parameters {                   \
    Scalar::name arguments;                       \
    stored_at(#name #parameters, where);          \
  }
#define SHIFT(result, name)                                       \
  template <int kCount>                                           \
  static result name(result a) {                                  \
    return made(#result #name, Scalar::template name<kCount>(a)); \
  }
  OPERATIONS(VALUE, STORE, SHIFT)
#undef VALUE
#undef STORE
#undef SHIFT
  // Nothing to see: it returns nothing and writes nothing.
  static void stream_fence() { Scalar::stream_fence(); }
};
static_assert(pyinit::simd::InstructionSet<Mutant>);

#define VALUE(result, name, parameters, arguments) #result #name #parameters,
#define STORE(name, parameters, arguments, where) #name #parameters,
#define SHIFT(result, name) #result #name,
constexpr std::string_view kNames[] = {OPERATIONS(VALUE, STORE, SHIFT)};

bool seen(const Operations& mutant, const Operations& scalar) {
  for (int round = 0; round < kRounds; ++round) {
    const Inputs in = drawn();
    for (size_t k = 0; k < count_of(scalar); ++k) {
      unsigned char expected[kBytes] = {}, found[kBytes] = {};
      operation(scalar, k).run(in, expected);
      operation(mutant, k).run(in, found);
      if (!agree(operation(scalar, k).differ, found, expected)) return true;
    }
  }
  return false;
}

}  // namespace

int main() {
  const Operations scalar = operations<Scalar>();
  const Operations mutant = operations<Mutant>();
  int failures = 0;
  if (seen(mutant, scalar)) {
    std::printf("the mutant without a mutation differs from scalar\n");
    ++failures;
  }
  for (const std::string_view operation : kNames) {
    wrong = operation;
    if (seen(mutant, scalar)) continue;
    std::printf("no case of simd_operations.hpp sees a wrong result of %s\n", operation.data());
    ++failures;
  }
  std::printf("%zu operations, %d failures\n", sizeof(kNames) / sizeof(kNames[0]), failures);
  return failures > 0 ? 1 : 0;
}
