#include "threads.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "system/system.hpp"

namespace pyinit {

int usable_cpus() { return std::min(system::usable_cpus(), kMostThreads); }

int environment_threads() {
  const char* variable = std::getenv("PYINIT_NUM_THREADS");
  const std::string_view text = variable == nullptr ? "" : variable;
  if (text.empty()) return 0;
  int wanted = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') {
      wanted = 0;
      break;
    }
    wanted = std::min(10 * wanted + (digit - '0'), kMostThreads);
  }
  if (wanted > 0) return wanted;
  throw std::invalid_argument("PYINIT_NUM_THREADS must be a positive integer; got " + std::string(text) +
                              ". Unset it for all CPUs.");
}

int default_threads() {
  const int wanted = environment_threads();
  return wanted > 0 ? wanted : usable_cpus();
}

}  // namespace pyinit
