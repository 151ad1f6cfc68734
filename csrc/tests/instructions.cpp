// One fill on one thread, for a tool that counts what it executes: `instructions ISA FILL`. FILL "none" makes
// everything but the fill. instructions.cmake runs it.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "fill/fill.hpp"

namespace {

using namespace pyinit;

constexpr uint64_t kRows = 512, kColumns = 512;
constexpr rng::Key kKey{1, 2}, kMask{3, 4};
constexpr rng::NormalNumbers kNormal{0.0, 0.02};
// [-2, 2] in 32-bit draws.
constexpr rng::TruncatedNumbers kTruncated{0.0,
                                           1.0,
                                           -2.0,
                                           2.0,
                                           false,
                                           0,
                                           2147483648U,
                                           0x1.e8b4307d3627ap-33,
                                           0x1.74bcf84b28c90p-6,
                                           0x1.74bcf84b28c90p-6,
                                           0x1.e8b4307d3627ap-32,
                                           0x1.e8b4307d3627ap-33,
                                           0x1.e8b4307d3627ap-33};

using Fill = std::function<void(const fill::Kernels&, void*, const fill::Region&)>;

fill::Target float32(void* out) { return {out, Dtype::kFloat32, 1}; }

Fill normal(Dtype dtype) {
  return [dtype](const fill::Kernels& kernels, void* out, const fill::Region& region) {
    fill::normal(kernels, {out, dtype, 1}, region, kKey, kNormal);
  };
}

const std::map<std::string, Fill> kFills = {
    {"none", [](const fill::Kernels&, void*, const fill::Region&) {}},
    {"uniform",
     [](const fill::Kernels& kernels, void* out, const fill::Region& region) {
       fill::uniform(kernels, float32(out), region, kKey, {-1.0, 1.0, -1.0, 1.0});
     }},
    {"normal", normal(Dtype::kFloat32)},
    {"normal_bfloat16", normal(Dtype::kBfloat16)},
    {"normal_float16", normal(Dtype::kFloat16)},
    {"normal_float64", normal(Dtype::kFloat64)},
    {"truncated",
     [](const fill::Kernels& kernels, void* out, const fill::Region& region) {
       fill::truncated_normal(kernels, float32(out), region, kKey, kTruncated);
     }},
    {"chance_zeros",
     [](const fill::Kernels& kernels, void* out, const fill::Region& region) {
       fill::bernoulli_sparse(kernels, float32(out), region, kKey, kNormal, {kMask, uint64_t{1} << 31});
     }},
    {"column_zeros",
     [](const fill::Kernels& kernels, void* out, const fill::Region& region) {
       fill::sparse(kernels, float32(out), region, kKey, kNormal,
                    {kMask, static_cast<uint32_t>(kRows), static_cast<uint32_t>(kRows / 2)},
                    {0, 0, kRows, kColumns});
     }},
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 || kFills.count(arguments[2]) == 0) {
    std::fprintf(stderr, "instructions needs an instruction set and one of");
    for (const auto& [name, fill] : kFills) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  try {
    use_isa(arguments[1]);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  std::vector<double> out(kRows * kColumns, 1.0);
  kFills.at(arguments[2])(active_kernels().fill, out.data(),
                          fill::Region({kRows, kColumns}, {0, 0}, {kRows, kColumns}));
  return 0;
}
