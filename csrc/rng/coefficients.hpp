// Polynomial coefficients, lowest power first. Printed by tools/coefficients.py; do not edit.
// Frozen with stream version 1; see frozen.hpp.
#pragma once

namespace pyinit::rng {

// (-2 ln(1 + f) - g) / g^2 in g = -2 f, f in [-1/4, 1/2]; relative error 2^-25.1 before rounding.
inline constexpr float kLogFloat[] = {
    0x1.0000140000000p-2F, 0x1.5555e60000000p-4F, 0x1.ffdd9e0000000p-6F,  0x1.99216a0000000p-7F,
    0x1.5888000000000p-8F, 0x1.32deea0000000p-9F, 0x1.ee47360000000p-11F, 0x1.bb72e00000000p-13F,
};

// (sin y - y) / y^3 in y^2, |y| <= pi / 4; relative error 2^-28.1 before rounding.
inline constexpr float kSinFloat[] = {
    -0x1.5555460000000p-3F,
    0x1.1107600000000p-7F,
    -0x1.994eb40000000p-13F,
};

// (cos y - 1) / y^2 in y^2, |y| <= pi / 4; relative error 2^-33.9 before rounding.
inline constexpr float kCosFloat[] = {
    -0x1.0000000000000p-1F,
    0x1.55553c0000000p-5F,
    -0x1.6c07f20000000p-10F,
    0x1.9916a00000000p-16F,
};

// (sin y - y) / y^3 in y^2, |y| <= pi / 4; relative error 2^-58.0 before rounding.
inline constexpr double kSinDouble[] = {
    -0x1.5555555555549p-3, 0x1.111111110f881p-7,   -0x1.a01a019c12722p-13,
    0x1.71de357878434p-19, -0x1.ae5e66d719764p-26, 0x1.5d932fd002c5ap-33,
};

// (cos y - 1) / y^2 in y^2, |y| <= pi / 4; relative error 2^-64.5 before rounding.
inline constexpr double kCosDouble[] = {
    -0x1.0000000000000p-1,  0x1.5555555555539p-5,  -0x1.6c16c16c13ba5p-10, 0x1.a01a019b2d755p-16,
    -0x1.27e4f72b6b923p-22, 0x1.1ee96cc2c6209p-29, -0x1.8f754296a87d7p-37,
};

// (ln((1 + s) / (1 - s)) / s - 2) / s^2 in s^2, s = f / (2 + f), 1 + f in [sqrt 1/2, sqrt 2]; relative error
// 2^-59.5 before rounding.
inline constexpr double kLogRatioDouble[] = {
    0x1.5555555555592p-1, 0x1.999999997fd82p-2, 0x1.24924941f4813p-2, 0x1.c71c520654ddbp-3,
    0x1.74663f967b059p-3, 0x1.39a1a7c720e35p-3, 0x1.2f062f840a843p-3,
};

// (2^r - 1) / r in r, |r| <= 1/2; relative error 2^-28.9 before rounding.
inline constexpr float kPowerFloat[] = {
    0x1.62e4300000000p-1F, 0x1.ebfbdc0000000p-3F,  0x1.c6aee80000000p-5F,
    0x1.3b2d4e0000000p-7F, 0x1.5f3e800000000p-10F, 0x1.41fb8e0000000p-13F,
};

// (ln((e^t - 1) / t) - t / 2) / t^2 in t^2, t in (0, 1]; error of ln((e^t - 1) / t) 2^-30.1 before rounding.
inline constexpr float kSoftplusFloat[] = {
    0x1.55554c0000000p-5F,
    -0x1.6bf9040000000p-12F,
    0x1.64e9c40000000p-18F,
};

// (2^r - 1) / r in r, |r| <= 1/2; relative error 2^-58.0 before rounding.
inline constexpr double kPowerDouble[] = {
    0x1.62e42fefa39efp-1,  0x1.ebfbdff82c5a4p-3,  0x1.c6b08d7049fe8p-5,  0x1.3b2ab6fba00f4p-7,
    0x1.5d87fe78cd753p-10, 0x1.4309130ee0a59p-13, 0x1.ffcbfba96e480p-17, 0x1.62bfc788c9cb0p-20,
    0x1.b5267cdcdfbdcp-24, 0x1.e61b7486ed971p-28, 0x1.e79bf9caba244p-32,
};

// (ln((e^t - 1) / t) - t / 2) / t^2 in t^2, t in (0, 1]; error of ln((e^t - 1) / t) 2^-68.0 before rounding.
inline constexpr double kSoftplusDouble[] = {
    0x1.5555555555555p-5,  -0x1.6c16c16c16b3fp-12, 0x1.71de3a55470a8p-18, -0x1.bbd779010863bp-24,
    0x1.1eed7c4a15bdfp-29, -0x1.834db0c1ef14bp-35, 0x1.0c083c70efdf6p-40, -0x1.5978a3b791262p-46,
};

// z / x in omega in [0, 5]; relative error 2^-27.4 before rounding.
inline constexpr float kQuantileCentreFloat[] = {
    0x1.40d9320000000p+0F,   0x1.4ffdee0000000p-2F,   0x1.0b967a0000000p-6F,  -0x1.b0b1a60000000p-9F,
    -0x1.7a16de0000000p-13F, 0x1.0858e60000000p-14F,  0x1.7a04ec0000000p-18F, -0x1.7726880000000p-19F,
    0x1.4fa0f60000000p-22F,  -0x1.ab29f20000000p-27F,
};

// z / (x sqrt omega) in 1 / sqrt omega - 0.35, omega in [5, 16]; relative error 2^-26.6 before rounding.
inline constexpr float kQuantileTailFloat[] = {
    0x1.54df300000000p+0F,  -0x1.d6daea0000000p-3F, 0x1.c90a300000000p-2F,
    0x1.e010360000000p+0F,  0x1.2d4e2a0000000p+2F,  -0x1.2ccc300000000p+3F,
    -0x1.b277bc0000000p+6F, 0x1.cc42ec0000000p+6F,  0x1.6675ec0000000p+10F,
};

// z / (x sqrt omega) in 1 / sqrt omega - 0.14, omega in [16, 756]; relative error 2^-28.1 before rounding.
inline constexpr float kQuantileFarFloat[] = {
    0x1.63762a0000000p+0F,  -0x1.13518c0000000p-2F, -0x1.0cc5f80000000p-2F,  0x1.a03f6a0000000p+0F,
    -0x1.930b480000000p+1F, 0x1.10ddfe0000000p+3F,  -0x1.03429c0000000p+5F,  0x1.d9a5a80000000p+5F,
    -0x1.8f33480000000p+7F, 0x1.ceb8f60000000p+12F, -0x1.2956d40000000p+15F,
};

}  // namespace pyinit::rng
