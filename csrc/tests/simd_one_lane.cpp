// The operations of OneLane.
#include "one_lane.hpp"
#include "simd_operations.hpp"

namespace pyinit::tests {
Operations one_lane_operations() { return operations<OneLane>(); }
}  // namespace pyinit::tests
