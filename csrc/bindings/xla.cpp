// The fills as a handler of XLA's foreign function interface, for compiled JAX programs on a CPU.
// A module of its own, for it alone needs jaxlib's headers; pyinit/jax/traced/ffi.py registers it.
// Contract: the bytes of the same fill. Nothing of Python and no variable of the environment is touched in a
// call, so it needs no GIL: the instruction set is decided when the handler is fetched, and
// PYINIT_NUM_THREADS is read by whoever makes a call, as an attribute. What memory safety needs is checked,
// whoever made it.
#include <xla/ffi/api/ffi.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/pybind.hpp"
#include "bindings/transformed.hpp"
#include "bindings/truncated.hpp"
#include "dispatch.hpp"
#include "fill/fill.hpp"
#include "threads.hpp"

namespace {

namespace ffi = xla::ffi;
using pyinit::Dtype;
using pyinit::fill::Region;
using pyinit::fill::Target;
using pyinit::rng::Key;
using Axes = std::vector<uint64_t>;
using Doubles = ffi::Span<const double>;
using Integers = ffi::Span<const int64_t>;

// The words of a key and of the key that decides about zeros.
constexpr size_t kWords = 8;

Key key_of(const uint32_t* words) {
  return {words[0] | uint64_t{words[1]} << 32, words[2] | uint64_t{words[3]} << 32};
}

bool dtype_of(ffi::DataType type, Dtype& dtype) {
  switch (type) {
    case ffi::F32:
      dtype = Dtype::kFloat32;
      return true;
    case ffi::F64:
      dtype = Dtype::kFloat64;
      return true;
    case ffi::BF16:
      dtype = Dtype::kBfloat16;
      return true;
    case ffi::F16:
      dtype = Dtype::kFloat16;
      return true;
    case ffi::F8E4M3FN:
      dtype = Dtype::kFloat8E4m3fn;
      return true;
    case ffi::F8E5M2:
      dtype = Dtype::kFloat8E5m2;
      return true;
    default:
      return false;
  }
}

// What a call draws, which is the same for all keys of a batch.
struct Request {
  std::string_view distribution;
  Axes global_shape, start, extent;
  Doubles numbers;
  Integers integers;
};

template <class Integer>
bool holds(int64_t value) {
  return std::in_range<Integer>(value);
}

// Fills the result of one key. Numbers come in the order of pyinit.stream.plan.NUMBERS. Returns false where
// their count is not the distribution's, or one is a number that it cannot have.
bool fill_one(const pyinit::fill::Kernels& kernels, const Request& what, const Target& target,
              const uint32_t* words) {
  const Region region(what.global_shape, what.start, what.extent);
  const Key key = key_of(words);
  const Key mask = key_of(words + 4);
  const auto& x = what.numbers;
  const auto& n = what.integers;
  if (what.distribution == "uniform" && x.size() == 4) {
    pyinit::fill::uniform(kernels, target, region, key, {x[0], x[1], x[2], x[3]});
  } else if (what.distribution == "normal" && x.size() == 2) {
    pyinit::fill::normal(kernels, target, region, key, {x[0], x[1]});
  } else if (what.distribution == "disk" && x.size() == 1 && target.dtype <= Dtype::kFloat64) {
    pyinit::fill::disk(kernels, target, region, key, {x[0], 0.0, false});
  } else if (what.distribution == "disk_normal" && x.size() == 2 && target.dtype <= Dtype::kFloat64) {
    pyinit::fill::disk(kernels, target, region, key, {x[0], x[1], true});
  } else if (what.distribution == "truncated_normal" && x.size() == 10 && n.size() == 3 && holds<int>(n[1])) {
    const Interval interval{n[0] < 0 ? -1 : 1,
                            static_cast<int>(n[1]),
                            std::bit_cast<uint64_t>(n[2]),
                            x[4],
                            x[5],
                            x[6],
                            x[7],
                            x[8],
                            x[9]};
    const auto numbers = truncated(x[0], x[1], x[2], x[3], interval);
    pyinit::fill::truncated_normal(kernels, target, region, key, numbers);
  } else if (const auto function = transform_named(what.distribution); function && x.size() == 7) {
    const auto numbers = transformed(*function, {x[0], x[1], x[2], x[3], x[4], x[5], x[6]});
    pyinit::fill::transformed(kernels, target, region, key, numbers);
  } else if (what.distribution == "sparse" && x.size() == 2 && n.size() == 1 && what.extent.size() == 2 &&
             what.global_shape[0] <= UINT32_MAX && holds<uint32_t>(n[0])) {
    const pyinit::rng::ColumnZeros zeros{mask, static_cast<uint32_t>(what.global_shape[0]),
                                         static_cast<uint32_t>(n[0])};
    pyinit::fill::sparse(kernels, target, region, key, {x[0], x[1]}, zeros,
                         {what.start[0], what.start[1], what.extent[0], what.extent[1]});
  } else if (what.distribution == "bernoulli_sparse" && x.size() == 2 && n.size() == 1 && n[0] >= 0) {
    pyinit::fill::bernoulli_sparse(kernels, target, region, key, {x[0], x[1]},
                                   {mask, static_cast<uint64_t>(n[0])});
  } else {
    return false;
  }
  return true;
}

// Multiplies a number of elements. Returns false where the product would not be less than 2^63.
bool multiply_into(uint64_t& product, uint64_t factor) {
  if (factor != 0 && product > INT64_MAX / factor) return false;
  product *= factor;
  return true;
}

// words: [batch..., kWords + rank], the keys and where the window starts, which is the same for a whole
// batch; out: [batch..., extent...]. threads: at most as many, 0 for the CPUs this process may use.
ffi::Error checked_fill(const ffi::Buffer<ffi::U32>& words, ffi::Result<ffi::AnyBuffer> out,
                        std::string_view distribution, Integers global_shape, Doubles numbers,
                        Integers integers, int64_t threads) {
  const auto wrong = [](const char* what) { return ffi::Error::InvalidArgument(what); };
  const size_t rank = global_shape.size();
  const auto keys = words.dimensions();
  const auto dims = out->dimensions();
  Dtype dtype{};
  if (!dtype_of(out->element_type(), dtype)) return wrong("pyinit_fill cannot write this dtype");
  const size_t row = kWords + rank;
  if (keys.size() == 0 || static_cast<size_t>(keys.back()) != row || dims.size() != keys.size() - 1 + rank)
    return wrong("pyinit_fill: key and result differ in rank");
  uint64_t batch = 1;
  for (size_t d = 0; d + 1 < keys.size(); ++d) {
    if (keys[d] != dims[d]) return wrong("pyinit_fill: keys and result differ in their leading axes");
    if (!multiply_into(batch, static_cast<uint64_t>(keys[d]))) return wrong("pyinit_fill: too many keys");
  }
  if (batch == 0) return ffi::Error::Success();
  if (threads < 0) return wrong("pyinit_fill: threads must be 0 or more");
  const int most = threads > 0 ? static_cast<int>(std::min<int64_t>(threads, pyinit::kMostThreads))
                               : pyinit::usable_cpus();
  const pyinit::fill::Kernels& kernels = pyinit::active_kernels().fill;
  Request what{distribution, Axes(rank), Axes(rank), Axes(rank), numbers, integers};
  uint64_t elements = 1, whole = 1;
  for (size_t d = 0; d < rank; ++d) {
    if (global_shape[d] < 0 || !multiply_into(whole, static_cast<uint64_t>(global_shape[d])))
      return wrong("pyinit_fill: the tensor must have fewer than 2^63 elements");
    what.global_shape[d] = static_cast<uint64_t>(global_shape[d]);
    what.start[d] = words.typed_data()[kWords + d];
    what.extent[d] = static_cast<uint64_t>(dims[dims.size() - rank + d]);
    if (what.start[d] > what.global_shape[d] || what.extent[d] > what.global_shape[d] - what.start[d])
      return wrong("pyinit_fill: the window leaves the tensor");
    // Not more than `whole`, which fits.
    elements *= what.extent[d];
  }
  const size_t step = elements * pyinit::itemsize(dtype);
  for (size_t k = 0; k < batch; ++k) {
    for (size_t d = 0; d < rank; ++d) {
      if (words.typed_data()[k * row + kWords + d] != what.start[d])
        return wrong("pyinit_fill: a batch has one window");
    }
    const Target target{static_cast<char*>(out->untyped_data()) + k * step, dtype, most};
    if (!fill_one(kernels, what, target, words.typed_data() + k * row))
      return wrong("pyinit_fill: unknown distribution, or other numbers than its own");
  }
  return ffi::Error::Success();
}

// XLA's threads end the process where an exception reaches them.
ffi::Error fill(const ffi::Buffer<ffi::U32>& words, ffi::Result<ffi::AnyBuffer> out,
                std::string_view distribution, Integers global_shape, Doubles numbers, Integers integers,
                int64_t threads) {
  try {
    return checked_fill(words, out, distribution, global_shape, numbers, integers, threads);
  } catch (const std::exception& error) {
    return ffi::Error::Internal(error.what());
  }
}

XLA_FFI_DEFINE_HANDLER(kFill, fill,
                       ffi::Ffi::Bind()
                           .Arg<ffi::Buffer<ffi::U32>>()
                           .Ret<ffi::AnyBuffer>()
                           .Attr<std::string_view>("distribution")
                           .Attr<Integers>("global_shape")
                           .Attr<Doubles>("numbers")
                           .Attr<Integers>("integers")
                           .Attr<int64_t>("threads"));

}  // namespace

PYBIND11_MODULE(_xla, module, py::mod_gil_not_used()) {
  module.doc() = "The handler of XLA's foreign function interface.";
  module.def(
      "fill",
      [] {
        // The GIL is held here: a wrong PYINIT_ISA is an error now, and no later call reads a variable.
        pyinit::active_kernels();
        return py::capsule(reinterpret_cast<void*>(kFill));
      },
      "A capsule of the handler, for jax.ffi.register_ffi_target.");
}
