// A stand-in for NVIDIA's driver: the functions of libcuda that pyinit calls, on the CPU's memory. A kernel is
// the function of the same name, compiled for the CPU; a launch runs it at once. What is loaded must be a
// program: the machine code of a device begins as an ELF file, PTX as text.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {
using Kernel = void (*)(const void*, uint32_t, uint32_t);

// What the tests set through the environment, and what they ask for.
int number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}
int depth = 0;
long launches = 0, loads = 0, held = 0;
void* last_stream = nullptr;
}  // namespace

#define API extern "C" __attribute__((visibility("default")))

API long fake_launches() { return launches; }
API long fake_loads() { return loads; }
API long fake_held() { return held; }
API int fake_depth() { return depth; }
API void* fake_last_stream() { return last_stream; }

API int cuInit(unsigned) { return 0; }
API int cuDriverGetVersion(int* version) { return *version = number("FAKE_CUDA", 13000), 0; }
API int cuGetErrorString(int, const char** text) { return *text = "made up by a test", 0; }
API int cuDeviceGetCount(int* count) { return *count = number("FAKE_DEVICES", 2), 0; }
API int cuDeviceGet(int* device, int ordinal) {
  return *device = ordinal, ordinal < number("FAKE_DEVICES", 2) ? 0 : 101;
}
API int cuDeviceGetName(char* name, int bytes, int device) {
  return std::snprintf(name, static_cast<size_t>(bytes), "Fake %d", device), 0;
}
API int cuDeviceGetAttribute(int* value, int which, int) {
  const int arch = number("FAKE_ARCH", 90);
  *value = which == 16 ? 4 : which == 75 ? arch / 10 : arch % 10;
  return 0;
}
API int cuDevicePrimaryCtxRetain(void** context, int device) {
  return *context = reinterpret_cast<void*>(intptr_t{0x1000} + device), 0;
}
API int cuCtxPushCurrent_v2(void*) { return ++depth, 0; }
API int cuCtxPopCurrent_v2(void**) { return --depth, 0; }
API int cuModuleLoadData(void** module, const char* image) {
  if (number("FAKE_CAPTURE", 0)) return 900;
  const bool is_elf = std::memcmp(image, "\x7F" "ELF", 4) == 0;
  if (!is_elf && std::strstr(image, ".target sm_") == nullptr) return 200;
  // A kernel must be in the program that is loaded for it; its name is in the symbols of either.
  return *module = const_cast<char*>(image), ++loads, 0;
}
API int cuModuleGetFunction(void** function, void*, const char* name) {
  *function = dlsym(RTLD_DEFAULT, name);
  return *function == nullptr ? 500 : 0;
}
API int cuLaunchKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned,
                       unsigned, void* stream, void** arguments, void**) {
  if (depth < 1) return 201;
  ++launches;
  last_stream = stream;
  reinterpret_cast<Kernel>(function)(arguments[0], blocks, threads);
  return 0;
}
API int cuMemAllocAsync(uint64_t* address, size_t bytes, void*) {
  void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xFF, bytes);
  return *address = reinterpret_cast<uint64_t>(memory), ++held, 0;
}
API int cuMemFreeAsync(uint64_t address, void*) {
  return std::free(reinterpret_cast<void*>(address)), --held, 0;
}
API int cuMemAlloc_v2(uint64_t* address, size_t bytes) { return cuMemAllocAsync(address, bytes, nullptr); }
API int cuMemFree_v2(uint64_t address) { return cuMemFreeAsync(address, nullptr); }
API int cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t bytes) {
  return std::memcpy(reinterpret_cast<void*>(to), from, bytes), 0;
}
API int cuMemcpyDtoH_v2(void* to, uint64_t from, size_t bytes) {
  return std::memcpy(to, reinterpret_cast<void*>(from), bytes), 0;
}
// The null pointer is no device's.
API int cuPointerGetAttribute(void* value, int, uint64_t pointer) {
  return *static_cast<int*>(value) = 1, pointer == 0 ? 1 : 0;
}
