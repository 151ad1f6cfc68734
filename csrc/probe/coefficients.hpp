// Coefficients of the activations, lowest power first. Printed by
// tools/activation_coefficients.py; do not edit.
#pragma once

namespace pyinit::probe {

// (e^r - 1 - r) / r^2, |r| <= ln 2 / 2; relative error 2^-26.2 before rounding.
inline constexpr float kExpTail[] = {
    0x1.fffffe0000000p-2F, 0x1.5554b00000000p-3F,  0x1.5556740000000p-5F,
    0x1.1227f80000000p-7F, 0x1.6bebc00000000p-10F,
};

// (sin y - y) / y^3 in y^2, |y| <= pi / 2; relative error 2^-27.3 before rounding.
inline constexpr float kSinTail[] = {
    -0x1.55554c0000000p-3F,
    0x1.110ed00000000p-7F,
    -0x1.9f6f4e0000000p-13F,
    0x1.5db39c0000000p-19F,
};

// tanh(x) / x in x^2, |x| <= 9, the top less 1; relative error 2^-26.7 with these coefficients.
inline constexpr float kTanhTop[] = {
    0x0.0p+0F,
    0x1.182ede0000000p-3F,
    0x1.fb2d520000000p-9F,
    0x1.d644fe0000000p-16F,
    0x1.0730ee0000000p-25F,
    -0x1.aebad00000000p-37F,
};
inline constexpr float kTanhBottom[] = {
    0x1.0000000000000p+0F,  0x1.e16cc40000000p-2F,  0x1.be769e0000000p-6F,
    0x1.9d342c0000000p-12F, 0x1.5a00900000000p-20F,
};

// erf(x) / x in x^2, |x| <= 3.92, the top less 1; relative error 2^-26.6 with these coefficients.
inline constexpr float kErfTop[] = {
    0x1.020d000000000p-25F, 0x1.5005520000000p-3F,  0x1.89d0fc0000000p-5F,   0x1.bde8a20000000p-9F,
    0x1.5e255e0000000p-12F, 0x1.122ece0000000p-18F, -0x1.85e84c0000000p-27F,
};
inline constexpr float kErfBottom[] = {
    0x1.c5bf8a0000000p-1F, 0x1.c364ea0000000p-2F,  0x1.9d5d2c0000000p-4F,
    0x1.c019320000000p-7F, 0x1.2e62fc0000000p-10F, 0x1.cff41a0000000p-15F,
};

// Q(t) e^(t^2/2) in t in [0, 14.5]; relative error 2^-26.3 with these coefficients.
inline constexpr float kNormalTailTop[] = {
    0x1.0000000000000p-1F, 0x1.c0d6900000000p-2F, 0x1.774d200000000p-3F,
    0x1.4cea6a0000000p-5F, 0x1.0dd2d00000000p-8F,
};
inline constexpr float kNormalTailBottom[] = {
    0x1.0000000000000p+0F, 0x1.acad780000000p+0F, 0x1.33dbfe0000000p+0F,
    0x1.e0c8fe0000000p-2F, 0x1.a146340000000p-4F, 0x1.522b720000000p-7F,
};

}  // namespace pyinit::probe
