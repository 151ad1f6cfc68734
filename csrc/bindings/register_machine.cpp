// What the machine offers: instruction sets and threads.
#include "bindings/register.hpp"
#include "dispatch.hpp"
#include "threads.hpp"

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
  module.def("use_isa", &pyinit::use_isa, py::arg("name"),
             "Make an instruction set active; return the previous name. Not while another thread fills.");
}
