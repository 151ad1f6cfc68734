"""The fixed-order product: its twin's bits in every shape, layout, thread count and instruction set."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from pyinit import _core, reference
from pyinit.linalg import matmul

from ..arrays import assert_same_bits, bits, of_many_sizes

DTYPES = ["float32", "float64"]
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


def on_every_isa(a: np.ndarray, b: np.ndarray, threads: int = 1) -> list[np.ndarray]:
    made = []
    for name in _core.available_isas():
        previous = _core.use_isa(name)
        try:
            made.append(matmul(a, b, threads=threads))
        finally:
            _core.use_isa(previous)
    return made


# Tiles are 12 or 6 rows of 32, 16 or 8 columns; depth is cut at multiples of 64 into parts of at most 256,
# of which four are packed at once.
EDGES = [
    (1, 1, 1),
    (1, 300, 1),
    (5, 7, 3),
    (6, 63, 8),
    (7, 64, 9),
    (11, 65, 15),
    (12, 2, 16),
    (13, 255, 17),
    (12, 256, 31),
    (25, 257, 32),
    (24, 3, 33),
    (23, 513, 65),
    (49, 129, 100),
]


@pytest.mark.parametrize("shape", EDGES, ids=str)
def test_equal_to_the_specification(shape: tuple[int, int, int], isa: str) -> None:
    rows, depth, columns = shape
    a, b = of_many_sizes((rows, depth), "float32"), of_many_sizes((depth, columns), "float32", 1)
    assert_same_bits(matmul(a, b), reference.matmul(a, b))


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 40, 9), (13, 3, 17), (3, 257, 5), (2, 520, 3)], ids=str)
def test_float64_is_equal_to_the_specification(shape: tuple[int, int, int], isa: str) -> None:
    rows, depth, columns = shape
    a, b = of_many_sizes((rows, depth), "float64"), of_many_sizes((depth, columns), "float64", 1)
    assert_same_bits(matmul(a, b), reference.matmul(a, b))


def test_the_order_shows_in_the_bits() -> None:
    # the comparison would notice another order, and two roundings instead of one
    a, b = of_many_sizes((23, 513), "float32"), of_many_sizes((513, 65), "float32", 1)
    c = matmul(a, b)
    assert (matmul(a[:, ::-1], b[::-1]) != c).mean() > 0.5
    assert (matmul(a[:, :256], b[:256]) + matmul(a[:, 256:], b[256:]) != c).mean() > 0.5
    twice = np.zeros_like(c)
    for p in range(513):
        twice += a[:, p, None] * b[p]
    assert (twice != c).mean() > 0.5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("rows", "depth", "columns"),
    [
        (3, 70, 4097),
        (2, 5, 8300),
        (481, 65, 70),
        (970, 300, 33),
        (130, 700, 1030),
        (29, 1300, 601),
        (3, 1100, 4101),
    ],
)
def test_threads_and_instruction_sets(rows: int, depth: int, columns: int, dtype: str) -> None:
    a, b = of_many_sizes((rows, depth), dtype), of_many_sizes((depth, columns), dtype, 1)
    first, *others = [c for threads in (1, 2, 3, 7) for c in on_every_isa(a, b, threads)]
    for other in others:
        assert_same_bits(other, first)
    # some elements against the twin: the corners, and the columns beside 4096
    at_rows = [0, rows - 1]
    at = sorted({0, columns // 2, columns - 1} | ({4095, 4096} if columns > 4096 else set()))
    assert_same_bits(first[np.ix_(at_rows, at)], reference.matmul(a[at_rows], b[:, at]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_error_bound(dtype: str) -> None:
    a, b = of_many_sizes((60, 700), dtype), of_many_sizes((700, 50), dtype, 1)
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    room = 700 * UNIT[dtype] * (np.abs(a).astype(np.longdouble) @ np.abs(b).astype(np.longdouble))
    error = np.abs(matmul(a, b) - exact)
    assert (error <= room).all()
    # and it is not zero: the bound has something to hold
    assert error.max() > room.max() / 1e6
    # elements that missed one product are often beyond it
    assert (np.abs(matmul(a[:, 1:], b[1:]) - exact) > room).mean() > 0.1


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinity_and_nan(dtype: str, isa: str) -> None:
    a, b = of_many_sizes((14, 9), dtype), of_many_sizes((9, 35), dtype, 1)
    a[3, 2], b[5, 30], b[2, 4] = np.inf, np.nan, 0.0
    a[6, 1] = -np.inf
    expected = reference.matmul(a, b)
    made = matmul(a, b)
    np.testing.assert_array_equal(made, expected)
    assert np.isnan(made[:, 30]).all()
    assert np.isnan(made[3, 4])
    assert np.isinf(made[3, 0])
    # finite products that overflow
    largest = np.full((13, 2), np.finfo(dtype).max, dtype)
    assert_same_bits(matmul(largest, largest[:2].copy()), np.full((13, 2), np.inf, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_and_zeros(dtype: str, isa: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    half = np.finfo(dtype).dtype.type(0.5)
    a = np.array([[tiny, 0], [3 * tiny, tiny], [0, -tiny], [-tiny, -tiny]], dtype)
    b = np.array([[half, -half, 1, 0, tiny], [half, 0.25, -1, -1, 1]], dtype)
    expected = reference.matmul(a, b)
    assert_same_bits(matmul(a, b), expected)
    assert (expected[1, 2], expected[2, 0]) == (2 * tiny, 0)
    assert np.signbit(expected[2, 0])
    # one rounding where a sum becomes subnormal
    generator = np.random.default_rng(3)
    small = (generator.standard_normal((13, 20)) * float(np.finfo(dtype).tiny) * 2).astype(dtype)
    factor = generator.standard_normal((20, 17)).astype(dtype)
    assert_same_bits(matmul(small, factor), reference.matmul(small, factor))


def test_the_twins_fma_rounds_once() -> None:
    def exact(a: float, b: float, c: float) -> Fraction:
        return Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))

    generator = np.random.default_rng(5)
    for _ in range(400):
        # float32: the nearest of three neighbours, even where two are as near
        a, b = generator.standard_normal(2).astype(np.float32)
        c = np.float32(-float(a) * float(b) * (1 + generator.integers(-3, 4) * 2.0**-24))
        a, b, c = generator.permutation([a, b])[0], b, c * np.float32(2.0 ** generator.integers(-30, 30))
        made = reference.fma(*(np.array([x], np.float32) for x in (a, b, c)))[0]
        wanted = exact(a, b, c)
        gaps = [
            abs(Fraction(float(near)) - wanted)
            for near in (
                np.nextafter(made, np.float32(-np.inf)),
                made,
                np.nextafter(made, np.float32(np.inf)),
            )
        ]
        assert gaps[1] <= min(gaps)
        if gaps[1] in (gaps[0], gaps[2]):
            assert bits(made) % 2 == 0
    # halfway, with something below the 53 bits of float64: two roundings would go to even
    a, b, c = (np.array([x], np.float32) for x in (1 + 2.0**-12, 1 + 2.0**-12, 2.0**-80))
    assert reference.fma(a, b, c)[0] == 1 + 2.0**-11 + 2.0**-23
    assert np.float32(float(a[0]) * float(b[0]) + float(c[0])) == 1 + 2.0**-11
    doubles = [np.array([x]) for x in (1 + 2.0**-27, 1 - 2.0**-27, -1.0)]
    assert reference.fma(*doubles)[0] == -(2.0**-54)
    overflow = [np.array([x]) for x in (1e300, -1e300, 1.0)]
    assert reference.fma(*overflow)[0] == -np.inf
    assert reference.fma(np.array([1e300]), np.array([1e300]), np.array([-np.inf]))[0] == -np.inf


def test_more_threads_than_work() -> None:
    a, b = of_many_sizes((2, 3), "float32"), of_many_sizes((3, 2), "float32", 1)
    for threads in (1, 64, 10**6):
        assert_same_bits(matmul(a, b, threads=threads), reference.matmul(a, b))


def test_calls_at_the_same_time() -> None:
    a, b = of_many_sizes((200, 300), "float32"), of_many_sizes((300, 200), "float32", 1)
    expected = matmul(a, b, threads=1)
    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(lambda _: matmul(a, b, threads=3), range(12)):
            assert_same_bits(made, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_product_after_a_fork() -> None:
    code = """
import os, sys
import numpy as np
import pyinit as pi
a = np.random.default_rng(0).standard_normal((300, 300))
whole = pi.linalg.matmul(a, a.T, threads=2)
child = os.fork()
if child == 0:
    same = (pi.linalg.matmul(a, a.T, threads=2) == whole).all()
    os._exit(0 if same else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr


# Enters a mode of rounding or flushing, and compares with products made before.
MODES = """
import ctypes, sys
import numpy as np
import pyinit as pi

libm = ctypes.CDLL("libm.so.6")
x86 = {x86}
generator = np.random.default_rng(0)
usual = [generator.standard_normal((200, 150)) for _ in range(2)]
tiny = [usual[0] * 2.0**-1022, usual[1] * 2.0**-3]
cases = [[f.astype(dtype) for f in pair] for pair in (usual, tiny) for dtype in ("f4", "f8")]
cases.append([(usual[0] * 2.0**-126).astype("f4"), usual[1].astype("f4")])

def products():
    return [pi.linalg.matmul(a, b.T, threads=threads).tobytes() for a, b in cases for threads in (1, 3)]

expected = products()
mode = (ctypes.c_uint32 * 8)()
for name, rounding in dict(up=0x800, down=0x400, zero=0xC00).items():
    assert libm.fesetround(rounding if x86 else dict(up=1, down=2, zero=3)[name] << 22) == 0
    found = products()
    libm.fesetround(0)
    assert found == expected, name
assert libm.fegetenv(mode) == 0
word, bits = (7, 0x8040) if x86 else (0, 1 << 24)
mode[word] |= bits
assert libm.fesetenv(mode) == 0
assert np.float32(1e-38) * np.float32(1e-3) == 0
assert products() == expected
assert np.float32(1e-38) * np.float32(1e-3) == 0
"""


@pytest.mark.skipif(
    not (sys.platform.startswith("linux") and platform.machine() in ("x86_64", "AMD64", "aarch64")),
    reason="needs x86-64 or aarch64 with glibc",
)
def test_the_callers_rounding_and_flushing_do_not_matter() -> None:
    code = MODES.format(x86=platform.machine() != "aarch64")
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
