// The GIL, released while a call works.
#pragma once

#include <chrono>
#include <thread>

#include "bindings/pybind.hpp"

// Why not py::gil_scoped_release: a daemon thread that comes back while the interpreter ends is ended by
// Python inside the destructor, in versions before 3.14 by an unwinding of the C++ stack, which aborts the
// process there. This one waits for the end of the process, as Python does since version 3.14.
class GilReleased {
 public:
  GilReleased() : state_(PyEval_SaveThread()) {}
  ~GilReleased() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      while (true) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* state_;
};
