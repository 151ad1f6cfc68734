// CPU quotas of cgroups, read from directories that are laid out as the kernel does.
#include "system/cgroup.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

using Files = std::vector<std::pair<std::string, std::string>>;

int failures = 0;

void expect(const char* what, int cpus, const Files& files) {
  // A directory of its own: this program may run several times at once.
  std::string directory = (fs::temp_directory_path() / "pyinit-cgroup-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) {
    ++failures;
    std::printf("%s: no temporary directory\n", what);
    return;
  }
  const fs::path root = directory;
  for (const auto& [name, text] : files) {
    const fs::path path = root / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const int found = pyinit::system::quota_cpus(root.string());
  fs::remove_all(root);
  if (found == cpus) return;
  ++failures;
  std::printf("%s: %d CPUs, not %d\n", what, found, cpus);
}

}  // namespace

int main() {
  const std::string own = "proc/self/cgroup", v2 = "sys/fs/cgroup/", v1 = "sys/fs/cgroup/cpu,cpuacct/";
  expect("nothing is mounted", 0, {});
  expect("a container's root", 2, {{own, "0::/\n"}, {v2 + "cpu.max", "150000 100000\n"}});
  expect("no quota", 0, {{own, "0::/\n"}, {v2 + "cpu.max", "max 100000\n"}});
  expect("no /proc", 3, {{v2 + "cpu.max", "300000 100000\n"}});
  expect("a slice", 2,
         {{own, "0::/user.slice/user-1000.slice/app.scope\n"},
          {v2 + "cpu.max", "max 100000\n"},
          {v2 + "user.slice/cpu.max", "800000 100000\n"},
          {v2 + "user.slice/user-1000.slice/cpu.max", "200000 100000\n"},
          {v2 + "user.slice/user-1000.slice/app.scope/cpu.max", "max 100000\n"}});
  expect("the cgroup's own", 4,
         {{own, "0::/slurm/job_7/step_0\n"},
          {v2 + "slurm/cpu.max", "max 100000\n"},
          {v2 + "slurm/job_7/step_0/cpu.max", "350000 100000\n"}});
  expect("a path of another namespace", 1,
         {{own, "0::/../../kubepods/pod1\n"}, {v2 + "cpu.max", "50000 100000\n"}});
  expect("a path that is not mounted", 3, {{own, "0::/docker/0123\n"}, {v2 + "cpu.max", "300000 100000\n"}});
  expect("version 1", 6,
         {{own, "12:memory:/docker/0123\n4:cpu,cpuacct:/slurm/job_7\n0::/\n"},
          {v1 + "cpu.cfs_quota_us", "-1\n"},
          {v1 + "cpu.cfs_period_us", "100000\n"},
          {v1 + "slurm/job_7/cpu.cfs_quota_us", "600000\n"},
          {v1 + "slurm/job_7/cpu.cfs_period_us", "100000\n"}});
  expect("version 1, other controllers alone", 0,
         {{own, "5:cpuset:/slurm/job_7\n"},
          {"sys/fs/cgroup/cpuset/slurm/job_7/cpu.cfs_quota_us", "600000\n"},
          {"sys/fs/cgroup/cpuset/slurm/job_7/cpu.cfs_period_us", "100000\n"}});
  expect("both versions", 2,
         {{own, "4:cpu:/a\n0::/b\n"},
          {"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "300000\n"},
          {"sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
          {"sys/fs/cgroup/unified/b/cpu.max", "200000 100000\n"}});
  expect("nonsense", 0, {{own, "::\nx\n0:\n"}, {v2 + "cpu.max", "many\n"}});
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
