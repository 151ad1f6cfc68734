// Golden digests of stream version 1 (R7): every distribution and dtype, on every instruction set of this
// machine. `digests FILE` compares with the file and fails on any difference; `digests` prints the lines of
// the file.
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "fill/fill.hpp"
#include "golden.hpp"
#include "named_curves.hpp"

namespace {

using namespace pyinit;
using fill::Region;
using fill::Target;
using tests::Digests;

struct Place {
  const char* name;
  rng::Key key;
  std::vector<uint64_t> global_shape, start, shape;
};

const std::vector<Place> kPlaces = {
    {"line", {0, 0}, {40013}, {0}, {40013}},
    {"rows", {42, 7}, {300, 251}, {100, 0}, {120, 251}},
    {"block", {0xDEADBEEFCAFEF00D, 1}, {40, 50, 60}, {3, 5, 7}, {30, 41, 47}},
    {"column", {1, 0}, {3001, 17}, {0, 3}, {3001, 1}},
    {"carry", {3, 0xFFFFFFFF - 1001}, {20000}, {1}, {19001}},
    {"far", {2, 0xFFFFFFFFFFFFFF00}, {uint64_t{1} << 44}, {(uint64_t{1} << 43) + 5}, {9001}},
};

// What a distribution is drawn with.
struct Window {
  const fill::Kernels& kernels;
  const Target& target;
  const Region& region;
  const Place& place;

  rng::Key key() const { return place.key; }
};
// Whether complex numbers have parts of a dtype.
bool is_of_parts(Dtype dtype) { return dtype == Dtype::kFloat32 || dtype == Dtype::kFloat64; }

using Draw = std::function<void(const Window&)>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// [-2, 2], [-1/2, inf), [6, 7] and [-8, -7], as pyinit/recipes/truncation.py works them out; for 32-bit and
// 64-bit draws.
rng::TruncatedNumbers truncated(int which, Dtype dtype) {
  const bool wide = dtype == Dtype::kFloat64;
  switch (which) {
    case 0:
      return {0.5,
              2.0,
              -3.5,
              4.5,
              false,
              0,
              wide ? 9223372036854775808U : 2147483648U,
              wide ? 0x1.e8b4307d3627ap-65 : 0x1.e8b4307d3627ap-33,
              wide ? 0x1.74bcf82c9d860p-6 : 0x1.74bcf84b28c90p-6,
              wide ? 0x1.74bcf82c9d860p-6 : 0x1.74bcf84b28c90p-6,
              wide ? 0x1.e8b4307d3627ap-64 : 0x1.e8b4307d3627ap-32,
              wide ? 0x1.e8b4307d3627ap-65 : 0x1.e8b4307d3627ap-33,
              wide ? 0x1.e8b4307d3627ap-65 : 0x1.e8b4307d3627ap-33};
    case 1:
      return {0.0,
              1.0,
              -0.5,
              kInfinity,
              false,
              0,
              wide ? 5107810214797240913U : 1189254740U,
              wide ? 0x1.62075e232ac77p-65 : 0x1.62075e232ac77p-33,
              wide ? 0x1.3bf143b9aa712p-2 : 0x1.3bf143bb0c788p-2,
              wide ? 0x1.62075e232ac77p-66 : 0x1.62075e232ac77p-34,
              wide ? 0x1.62075e232ac77p-64 : 0x1.62075e232ac77p-32,
              wide ? 0x1.1959521016e8ap-66 : 0x1.4ef2a4824cb61p-33,
              wide ? 0x1.1bb1099f250d4p-64 : 0x1.751c17c408d8dp-33};
    case 2:
      return {0.0,
              1.0,
              6.0,
              7.0,
              false,
              30,
              0,
              wide ? 0x1.0ed6dff2f56dfp-64 : 0x1.0ed6dff2f56dfp-32,
              0.0,
              wide ? 0x1.683c36759a444p-10 : 0x1.683c389348043p-10,
              wide ? 0x1.0ed6dff2f56dfp-93 : 0x1.0ed6dff2f56dfp-61,
              -0x1.ffffffef0cf11p-1,
              0x1.ffffffef0cf11p-1};
    default:
      return {0.0,
              1.0,
              -8.0,
              -7.0,
              true,
              40,
              0,
              wide ? 0x1.680f62d008299p-64 : 0x1.680f62d008299p-32,
              0.0,
              wide ? 0x1.669d2c90d55cfp-11 : 0x1.669d323112e82p-11,
              wide ? 0x1.680f62d008299p-103 : 0x1.680f62d008299p-71,
              -0x1.fffffffffa5f1p-1,
              0x1.fffffffffa5f1p-1};
  }
}

Draw curve(const tests::NamedCurve& named) {
  return [&named](const Window& w) {
    fill::transformed(w.kernels, w.target, w.region, w.key(), named.of[static_cast<size_t>(w.target.dtype)]);
  };
}

std::vector<std::pair<const char*, Draw>> with_curves(std::vector<std::pair<const char*, Draw>> draws) {
  for (const tests::NamedCurve& named : tests::kCurves) draws.emplace_back(named.name, curve(named));
  return draws;
}

const std::vector<std::pair<const char*, Draw>> kDraws = with_curves({
    {"uniform",
     [](const Window& w) {
       fill::uniform(w.kernels, w.target, w.region, w.key(), {-0.3, 0.7, -kInfinity, 0.6875});
     }},
    {"normal", [](const Window& w) { fill::normal(w.kernels, w.target, w.region, w.key(), {0.0, 1.0}); }},
    {"normal_shifted",
     [](const Window& w) { fill::normal(w.kernels, w.target, w.region, w.key(), {0.1, 0.02}); }},
    // Near the smallest float32: subnormals are kept, whatever the caller's mode.
    {"normal_tiny",
     [](const Window& w) { fill::normal(w.kernels, w.target, w.region, w.key(), {0.0, 0x1p-127}); }},
    {"disk", [](const Window& w) { fill::disk(w.kernels, w.target, w.region, w.key(), {0.7, 0.0, false}); }},
    // The modulus is cut at 2 sqrt(2).
    {"disk_normal",
     [](const Window& w) {
       fill::disk(w.kernels, w.target, w.region, w.key(), {0.7, 0x1.2c155b8213cf4p-6, true});
     }},
    {"truncated_two",
     [](const Window& w) {
       fill::truncated_normal(w.kernels, w.target, w.region, w.key(), truncated(0, w.target.dtype));
     }},
    {"truncated_half",
     [](const Window& w) {
       fill::truncated_normal(w.kernels, w.target, w.region, w.key(), truncated(1, w.target.dtype));
     }},
    {"truncated_far",
     [](const Window& w) {
       fill::truncated_normal(w.kernels, w.target, w.region, w.key(), truncated(2, w.target.dtype));
     }},
    {"truncated_mirrored",
     [](const Window& w) {
       fill::truncated_normal(w.kernels, w.target, w.region, w.key(), truncated(3, w.target.dtype));
     }},
    {"bernoulli_sparse",
     [](const Window& w) {
       fill::bernoulli_sparse(w.kernels, w.target, w.region, w.key(), {0.0, 0.01},
                              {{w.key().offset, w.key().seed}, uint64_t{3} << 30});
     }},
    {"sparse",
     [](const Window& w) {
       if (w.place.shape.size() != 2) return;
       const rng::ColumnZeros zeros{{w.key().offset, w.key().seed},
                                    static_cast<uint32_t>(w.place.global_shape[0]),
                                    static_cast<uint32_t>(w.place.global_shape[0] * 9 / 10)};
       fill::sparse(w.kernels, w.target, w.region, w.key(), {0.0, 0.01}, zeros,
                    {w.place.start[0], w.place.start[1], w.place.shape[0], w.place.shape[1]});
     }},
});

Digests digests_of(const Kernels& kernels, int threads) {
  Digests found;
  for (const Place& place : kPlaces) {
    const Region region(place.global_shape, place.start, place.shape);
    for (const auto& [name, draw] : kDraws) {
      if (std::strcmp(name, "sparse") == 0 && place.shape.size() != 2) continue;
      for (const NamedDtype& dtype : kDtypes) {
        if (std::strncmp(name, "disk", 4) == 0 && !is_of_parts(dtype.dtype)) continue;
        std::vector<unsigned char> bytes(region.size() * itemsize(dtype.dtype));
        const Target target{bytes.data(), dtype.dtype, threads};
        draw({kernels.fill, target, region, place});
        found[std::string(name) + " " + place.name + " " + std::string(dtype.name)] = tests::digest(bytes);
      }
    }
  }
  return found;
}

}  // namespace

int main(int count, char** arguments) { return tests::golden_digests(count, arguments, digests_of); }
