// The block function, for keys and known answers.
#include "bindings/register.hpp"
#include "rng/stream.hpp"
#include "simd/scalar.hpp"

void register_stream(py::module_& module) {
  using pyinit::rng::PhiloxBlock;
  using pyinit::simd::Scalar;
  module.def(
      "philox4x32",
      [](const std::array<uint32_t, 4>& c, const std::array<uint32_t, 2>& k) {
        const PhiloxBlock w = pyinit::rng::philox4x32<Scalar>({{c[0], c[1], c[2], c[3]}}, {{k[0], k[1]}});
        return py::make_tuple(w[0], w[1], w[2], w[3]);
      },
      py::arg("counter"), py::arg("key"), "The four words of one Philox4x32-10 block.");
  module.def(
      "block",
      [](uint64_t seed, uint64_t offset, uint64_t n) {
        const PhiloxBlock w = pyinit::rng::block<Scalar>({seed, offset}, n);
        return py::make_tuple(w[0], w[1], w[2], w[3]);
      },
      py::arg("seed"), py::arg("offset"), py::arg("n"), "The four words of block n of a key.");
  module.def(
      "folded",
      [](uint64_t seed, uint64_t offset, uint64_t n) {
        const auto key = pyinit::rng::fold_in<Scalar>({seed, offset}, n);
        return py::make_tuple(key.seed, key.offset);
      },
      py::arg("seed"), py::arg("offset"), py::arg("n"), "The seed and the offset of a key's n-th part.");
}
