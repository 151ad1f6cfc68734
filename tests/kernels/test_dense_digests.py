"""The golden digests of the dense kernels, through Python: the file that the core's own test checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyinit as pi

GOLDEN = {
    tuple(line.split()[:3]): int(line.split()[3], 16)
    for line in (Path(__file__).parents[1] / "data" / "dense_v1_digests.txt").read_text().splitlines()
}
DTYPES = ["float32", "float64", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"]


def digest(content: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
    value = 0xCBF29CE484222325
    for byte in content:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def factor(rows: int, columns: int, dtype: str) -> np.ndarray:
    return pi.normal()((rows, columns), key=pi.Key(rows * columns, 1), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("place", "key", "shape", "gain"),
    [
        ("one", pi.Key(1, 0), (1, 1), 1.0),
        ("square", pi.Key(0, 0), (97, 97), 1.0),
        ("tall", pi.Key(0xDEADBEEFCAFEF00D, 1), (300, 20), 0.1),
    ],
)
def test_orthogonal(place: str, key: pi.Key, shape: tuple[int, int], gain: float, dtype: str) -> None:
    recipe = pi.orthogonal(gain)
    stored = "uint16" if dtype == "bfloat16" else dtype
    assert digest(recipe(shape, key=key, dtype=stored).tobytes()) == GOLDEN["orthogonal", place, dtype]
    if shape[0] > shape[1]:
        # a wide matrix is the tall one, transposed
        wide = recipe(shape[::-1], key=key, dtype=stored)
        assert digest(wide.T.tobytes()) == GOLDEN["orthogonal", place, dtype]


def test_a_part_of_orthogonal() -> None:
    whole = pi.orthogonal(-1.5)((200, 126), key=pi.Key(42, 7))
    assert digest(whole[1::7, 100::3].tobytes()) == GOLDEN["orthogonal", "part", "float32"]


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_parts_of_long_matrices(dtype: str) -> None:
    chunks = pi.orthogonal()((1300, 100), key=pi.Key(3, 0), dtype=dtype)
    assert digest(chunks[::13, 5::9].tobytes()) == GOLDEN["orthogonal", "chunks", dtype]
    spans = pi.orthogonal()((13000, 5), key=pi.Key(4, 1), dtype=dtype)
    assert digest(spans[3::101].tobytes()) == GOLDEN["orthogonal", "spans", dtype]


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_matmul(dtype: str) -> None:
    tile = pi.linalg.matmul(factor(13, 65, dtype), factor(65, 33, dtype))
    assert digest(tile.tobytes()) == GOLDEN["matmul", "tile", dtype]
    transposed = pi.linalg.matmul(factor(257, 31, dtype).T, factor(70, 257, dtype).T)
    assert digest(transposed.tobytes()) == GOLDEN["matmul", "transposed", dtype]


def test_a_changed_bit_changes_the_digest() -> None:
    q = pi.orthogonal()((97, 97), key=pi.Key(0, 0))
    q.view(np.uint32)[50, 60] ^= 1
    assert digest(q.tobytes()) != GOLDEN["orthogonal", "square", "float32"]


def test_the_file_is_whole() -> None:
    orthogonal = {
        ("orthogonal", place) for place in ("one", "square", "tall", "blocks", "part", "chunks", "spans")
    }
    products = {("matmul", place) for place in ("tile", "deep", "wide", "transposed")}
    assert set(GOLDEN) == {(*name, dtype) for name in orthogonal for dtype in DTYPES} | {
        (*name, dtype) for name in products for dtype in DTYPES[:2]
    }
