// The CPU quota of the cgroups a process is in: of its own and of each above it, versions 2 and 1.
// Why all of them: a container sets the root's quota, systemd a slice's and Slurm a step's; the least counts.
// Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/cgroups.rst of Linux; cgroups(7).
#pragma once

#include <string>

namespace pyinit::system {

// CPUs the least quota amounts to, rounded up; 0 without a quota. `root` stands before /proc and /sys: "" but
// in tests. Throws std::bad_alloc.
int quota_cpus(const std::string& root);

}  // namespace pyinit::system
