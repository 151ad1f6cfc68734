#include "system/cgroup.hpp"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <string_view>

namespace pyinit::system {
namespace {

// The quota that two texts amount to; 0 where either is not a positive number, such as "max" or "-1".
int cpus(const std::string& quota, const std::string& period) {
  const long long q = std::atoll(quota.c_str());
  const long long p = std::atoll(period.c_str());
  if (q <= 0 || p <= 0) return 0;
  const long long whole = q / p + (q % p == 0 ? 0 : 1);
  return whole < std::numeric_limits<int>::max() ? static_cast<int>(whole) : 0;
}

int unified_quota(const std::string& directory) {
  std::string quota, period;
  std::ifstream(directory + "/cpu.max") >> quota >> period;
  return cpus(quota, period);
}

int legacy_quota(const std::string& directory) {
  std::string quota, period;
  std::ifstream(directory + "/cpu.cfs_quota_us") >> quota;
  std::ifstream(directory + "/cpu.cfs_period_us") >> period;
  return cpus(quota, period);
}

// The least quota of a cgroup and of all above it, up to where the hierarchy is mounted. A path of another
// namespace may not exist here; its parents that do exist count.
template <class Quota>
int least(const std::string& mount, std::string path, const Quota& quota) {
  if (path.find("..") != std::string::npos) path.clear();
  int result = 0;
  while (true) {
    const int found = quota(mount + path);
    if (found > 0 && (result == 0 || found < result)) result = found;
    const size_t end = path.rfind('/');
    if (end == std::string::npos) return result;
    path.resize(end);
  }
}

// Returns whether "cpu" is one of the names in a list such as "cpu,cpuacct".
bool has_cpu(std::string_view names) {
  while (!names.empty()) {
    const size_t end = names.find(',');
    if (names.substr(0, end) == "cpu") return true;
    names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
  }
  return false;
}

int smaller(int a, int b) { return a == 0 || (b != 0 && b < a) ? b : a; }

}  // namespace

int quota_cpus(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  // The root of the mount counts even where /proc/self/cgroup cannot be read.
  int result = smaller(unified_quota(mount), legacy_quota(mount + "/cpu"));
  std::ifstream file(root + "/proc/self/cgroup");
  // hierarchy:controllers:path
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (names.empty()) {
      for (const char* place : {"", "/unified"})
        result = smaller(result, least(mount + place, path, unified_quota));
    } else if (has_cpu(names)) {
      for (const std::string& place : {std::string("/cpu"), "/" + names})
        result = smaller(result, least(mount + place, path, legacy_quota));
    }
  }
  return result;
}

}  // namespace pyinit::system
