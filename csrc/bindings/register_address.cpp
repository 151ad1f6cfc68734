// Fills of a whole small tensor that is given by its address, by the calling thread.
// Why beside the fills of arrays: to make an array of a tensor's memory, and to count the CPUs, takes longer
// than to fill it. The caller answers for the address: `elements` of the dtype are there, may be written, and
// stay there during the call.
#include "bindings/buffer.hpp"
#include "bindings/environment.hpp"
#include "bindings/register.hpp"
#include "bindings/released.hpp"
#include "bindings/truncated.hpp"
#include "fill/fill.hpp"

namespace {

using pyinit::fill::Region;
using pyinit::fill::Target;

// Calls fill(kernels, target, region) on the memory at an address.
template <class Fill>
void fill_at(uintptr_t address, uint64_t elements, std::string_view dtype, const Fill& fill) {
  const pyinit::Dtype known = dtype_named(dtype);
  if (address % pyinit::itemsize(known) != 0) throw py::value_error("the address is not aligned");
  if (elements == 0) return;
  // A variable that is not valid is refused here as everywhere.
  (void)pyinit::environment_threads();
  const pyinit::fill::Kernels& kernels = pyinit::active_kernels().fill;
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  const Target target{reinterpret_cast<void*>(address), known, 1};
  const Region whole({elements}, {0}, {elements});
  const GilReleased released;
  fill(kernels, target, whole);
}

}  // namespace

void register_address(py::module_& module) {
  using pyinit::fill::Kernels;
  module.def(
      "fill_uniform_at",
      [](uintptr_t address, uint64_t elements, uint64_t seed, uint64_t offset, std::string_view dtype,
         double low, double high, double lowest, double highest) {
        fill_at(address, elements, dtype, [&](const Kernels& kernels, const Target& to, const Region& whole) {
          pyinit::fill::uniform(kernels, to, whole, {seed, offset}, {low, high, lowest, highest});
        });
      },
      py::arg("address"), py::arg("elements"), py::arg("seed"), py::arg("offset"), py::arg("dtype"),
      py::arg("low"), py::arg("high"), py::arg("lowest"), py::arg("highest"));
  module.def(
      "fill_normal_at",
      [](uintptr_t address, uint64_t elements, uint64_t seed, uint64_t offset, std::string_view dtype,
         double mean, double std) {
        fill_at(address, elements, dtype, [&](const Kernels& kernels, const Target& to, const Region& whole) {
          pyinit::fill::normal(kernels, to, whole, {seed, offset}, {mean, std});
        });
      },
      py::arg("address"), py::arg("elements"), py::arg("seed"), py::arg("offset"), py::arg("dtype"),
      py::arg("mean"), py::arg("std"));
  module.def(
      "fill_truncated_at",
      [](uintptr_t address, uint64_t elements, uint64_t seed, uint64_t offset, std::string_view dtype,
         double mean, double std, double lowest, double highest, const Interval& numbers) {
        const auto interval = truncated(mean, std, lowest, highest, numbers);
        fill_at(address, elements, dtype, [&](const Kernels& kernels, const Target& to, const Region& whole) {
          pyinit::fill::truncated_normal(kernels, to, whole, {seed, offset}, interval);
        });
      },
      py::arg("address"), py::arg("elements"), py::arg("seed"), py::arg("offset"), py::arg("dtype"),
      py::arg("mean"), py::arg("std"), py::arg("lowest"), py::arg("highest"), py::arg("numbers"));
}
