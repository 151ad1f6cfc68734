// What the machine offers: instruction sets and threads.
#include "bindings/register.hpp"
#include "dispatch.hpp"
#include "threads.hpp"

namespace {

// Each product waits for the one before. The square of an odd number is odd: nothing is zero, and no compiler knows
// the result.
uint64_t multiply_in_turn(uint64_t count) {
  uint64_t x = count | 1;
  for (uint64_t i = 0; i < count; ++i) x *= x;
  return x;
}

}  // namespace

void register_machine(py::module_& module) {
  module.def(
      "info",
      [] {
        py::dict facts;
        facts["isa"] = pyinit::active_kernels().name;
        facts["threads"] = pyinit::default_threads();
        return facts;
      },
      "The active instruction set and the default number of threads.");
  module.def("environment_threads", &pyinit::environment_threads,
             "PYINIT_NUM_THREADS as a number, 0 where it is not set.");
  module.def(
      "available_isas",
      [] {
        std::vector<std::string> names;
        for (const pyinit::Kernels* kernels : pyinit::available_kernels()) names.emplace_back(kernels->name);
        return names;
      },
      "Instruction sets this machine runs, widest first.");
  module.def("multiply_in_turn", &multiply_in_turn, py::arg("count"),
             "Make `count` products of 64 bits, each of the last one; the time tells the clock rate.");
  module.def(
      "fill_kernels",
      [] {
        const pyinit::fill::Kernels& kernels = pyinit::active_kernels().fill;
        return py::capsule(&kernels, "pyinit.fill.Kernels");
      },
      "The active table of fills, for another module of this build, which then needs no kernels of its own.");
  module.def("use_isa", &pyinit::use_isa, py::arg("name"),
             "Make an instruction set active; return the previous name. Not while another thread fills.");
}
