// A file of golden digests, "name place dtype digest" in each line, compared on every instruction set.
#pragma once

#include <cinttypes>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "dispatch.hpp"

namespace pyinit::tests {

// By "name place dtype".
using Digests = std::map<std::string, uint64_t>;

// 64-bit FNV-1a.
inline uint64_t digest(const std::vector<unsigned char>& bytes) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001B3;
  return hash;
}

inline Digests read(const char* path) {
  Digests lines;
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) return lines;
  char name[64], place[64], dtype[64];
  uint64_t value;
  while (std::fscanf(file, "%63s %63s %63s %" SCNx64, name, place, dtype, &value) == 4) {
    lines[std::string(name) + " " + place + " " + dtype] = value;
  }
  std::fclose(file);
  return lines;
}

inline int compare(const Digests& golden, const Digests& found, const char* isa) {
  int wrong = golden.size() == found.size() ? 0 : 1;
  if (wrong > 0) std::printf("%s: %zu digests, the file has %zu\n", isa, found.size(), golden.size());
  for (const auto& [name, value] : found) {
    const auto line = golden.find(name);
    if (line != golden.end() && line->second == value) continue;
    ++wrong;
    std::printf("%s: %s is %016" PRIx64 "\n", isa, name.c_str(), value);
  }
  return wrong;
}

// With a file: the exit status, 1 on any difference from made(kernels, threads) on any instruction set.
// Without: prints the lines of the file.
template <class Made>
int golden_digests(int count, char** arguments, const Made& made) {
  if (count < 2) {
    for (const auto& [name, value] : made(*available_kernels().back(), 1))
      std::printf("%s %016" PRIx64 "\n", name.c_str(), value);
    return 0;
  }
  const Digests golden = read(arguments[1]);
  int wrong = golden.empty() ? 1 : 0;
  for (const Kernels* kernels : available_kernels()) {
    // More threads than tiles here and there; windows.cpp and dense.cpp compare one thread with several.
    wrong += compare(golden, made(*kernels, 3), kernels->name);
    std::printf("%s: %zu digests\n", kernels->name, golden.size());
  }
  if (wrong > 0) std::printf("%d wrong\n", wrong);
  return wrong > 0 ? 1 : 0;
}

}  // namespace pyinit::tests
