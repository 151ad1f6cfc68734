"""Polynomial coefficients of the kernels, lowest power first, as csrc/rng has them.

csrc/rng/coefficients.hpp and wichura.hpp state what each approximates, and how well; a test compares the
numbers.
"""

from __future__ import annotations

__all__ = [
    "COS_DOUBLE",
    "COS_FLOAT",
    "LOG_FLOAT",
    "LOG_RATIO_DOUBLE",
    "POWER_DOUBLE",
    "POWER_FLOAT",
    "QUANTILE_CENTRE_FLOAT",
    "QUANTILE_FAR_FLOAT",
    "QUANTILE_TAIL_FLOAT",
    "SIN_DOUBLE",
    "SIN_FLOAT",
    "SOFTPLUS_DOUBLE",
    "SOFTPLUS_FLOAT",
    "WICHURA_CENTRE_BOTTOM",
    "WICHURA_CENTRE_TOP",
    "WICHURA_FAR_BOTTOM",
    "WICHURA_FAR_TOP",
    "WICHURA_TAIL_BOTTOM",
    "WICHURA_TAIL_TOP",
]


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float.fromhex(number) for number in text.split())


LOG_FLOAT = _floats(
    """
    0x1.000014p-2 0x1.5555e6p-4 0x1.ffdd9ep-6 0x1.99216ap-7 0x1.5888p-8 0x1.32deeap-9 0x1.ee4736p-11
    0x1.bb72ep-13
    """
)
SIN_FLOAT = _floats(
    """
    -0x1.555546p-3 0x1.11076p-7 -0x1.994eb4p-13
    """
)
COS_FLOAT = _floats(
    """
    -0x1p-1 0x1.55553cp-5 -0x1.6c07f2p-10 0x1.9916ap-16
    """
)
SIN_DOUBLE = _floats(
    """
    -0x1.5555555555549p-3 0x1.111111110f881p-7 -0x1.a01a019c12722p-13 0x1.71de357878434p-19
    -0x1.ae5e66d719764p-26 0x1.5d932fd002c5ap-33
    """
)
COS_DOUBLE = _floats(
    """
    -0x1p-1 0x1.5555555555539p-5 -0x1.6c16c16c13ba5p-10 0x1.a01a019b2d755p-16 -0x1.27e4f72b6b923p-22
    0x1.1ee96cc2c6209p-29 -0x1.8f754296a87d7p-37
    """
)
LOG_RATIO_DOUBLE = _floats(
    """
    0x1.5555555555592p-1 0x1.999999997fd82p-2 0x1.24924941f4813p-2 0x1.c71c520654ddbp-3
    0x1.74663f967b059p-3 0x1.39a1a7c720e35p-3 0x1.2f062f840a843p-3
    """
)
POWER_FLOAT = _floats(
    """
    0x1.62e43p-1 0x1.ebfbdcp-3 0x1.c6aee8p-5 0x1.3b2d4ep-7 0x1.5f3e8p-10 0x1.41fb8ep-13
    """
)
SOFTPLUS_FLOAT = _floats(
    """
    0x1.55554cp-5 -0x1.6bf904p-12 0x1.64e9c4p-18
    """
)
POWER_DOUBLE = _floats(
    """
    0x1.62e42fefa39efp-1 0x1.ebfbdff82c5a4p-3 0x1.c6b08d7049fe8p-5 0x1.3b2ab6fba00f4p-7
    0x1.5d87fe78cd753p-10 0x1.4309130ee0a59p-13 0x1.ffcbfba96e48p-17 0x1.62bfc788c9cbp-20
    0x1.b5267cdcdfbdcp-24 0x1.e61b7486ed971p-28 0x1.e79bf9caba244p-32
    """
)
SOFTPLUS_DOUBLE = _floats(
    """
    0x1.5555555555555p-5 -0x1.6c16c16c16b3fp-12 0x1.71de3a55470a8p-18 -0x1.bbd779010863bp-24
    0x1.1eed7c4a15bdfp-29 -0x1.834db0c1ef14bp-35 0x1.0c083c70efdf6p-40 -0x1.5978a3b791262p-46
    """
)
QUANTILE_CENTRE_FLOAT = _floats(
    """
    0x1.40d932p+0 0x1.4ffdeep-2 0x1.0b967ap-6 -0x1.b0b1a6p-9 -0x1.7a16dep-13 0x1.0858e6p-14
    0x1.7a04ecp-18 -0x1.772688p-19 0x1.4fa0f6p-22 -0x1.ab29f2p-27
    """
)
QUANTILE_TAIL_FLOAT = _floats(
    """
    0x1.54df3p+0 -0x1.d6daeap-3 0x1.c90a3p-2 0x1.e01036p+0 0x1.2d4e2ap+2 -0x1.2ccc3p+3 -0x1.b277bcp+6
    0x1.cc42ecp+6 0x1.6675ecp+10
    """
)
QUANTILE_FAR_FLOAT = _floats(
    """
    0x1.63762ap+0 -0x1.13518cp-2 -0x1.0cc5f8p-2 0x1.a03f6ap+0 -0x1.930b48p+1 0x1.10ddfep+3
    -0x1.03429cp+5 0x1.d9a5a8p+5 -0x1.8f3348p+7 0x1.ceb8f6p+12 -0x1.2956d4p+15
    """
)
WICHURA_CENTRE_TOP = _floats(
    """
    0x1.b18d91e9eef75p+1 0x1.0a4888b1a436ep+7 0x1.ece5d2213c0ccp+10 0x1.ad1d8cd4ee71dp+13
    0x1.66c3e869b752ap+15 0x1.06c1c55b78f2p+16 0x1.052d26b2e45e4p+15 0x1.39a296f7d925ep+11
    """
)
WICHURA_CENTRE_BOTTOM = _floats(
    """
    0x1p+0 0x1.5281b386e1ab5p+5 0x1.5797efdc8b3f7p+9 0x1.512322e75c89fp+12 0x1.4b772d5d65266p+14
    0x1.3317caa64f4bep+15 0x1.c0e457cb1ae76p+14 0x1.46a7eca984b69p+12
    """
)
WICHURA_TAIL_TOP = _floats(
    """
    0x1.6c665fde9526ap+0 0x1.2857748cab19bp+2 0x1.713f71462256ap+2 0x1.d2ecb1a3d02c4p+1
    0x1.453cc085375b2p+0 0x1.ef2abb9b85c37p-3 0x1.744eb6c45ec67p-6 0x1.9615ac0b7ace9p-11
    """
)
WICHURA_TAIL_BOTTOM = _floats(
    """
    0x1p+0 0x1.06cefbb46a449p+1 0x1.ad278e6526633p+0 0x1.61292f23385c9p-1 0x1.2f5123394f04p-3
    0x1.f207a7eab17bfp-7 0x1.1f18cbfdf2728p-11 0x1.20d3f686439e4p-30
    """
)
WICHURA_FAR_TOP = _floats(
    """
    0x1.aa1b1c13ee526p+2 0x1.5daea6e875003p+2 0x1.c8ea6461fa445p+0 0x1.2fad9315255cfp-2
    0x1.b2b41193b4ee7p-6 0x1.45c1908425345p-10 0x1.c6ec6cc59e02ap-16 0x1.afb74d693bf93p-23
    """
)
WICHURA_FAR_BOTTOM = _floats(
    """
    0x1p+0 0x1.331d34fc7d77fp-1 0x1.186eb183443fbp-3 0x1.e76f93215462ap-7 0x1.9c8bc979dc5d7p-11
    0x1.35c2c496374bfp-16 0x1.31446f740b9ep-23 0x1.269bff1f8c19p-49
    """
)
