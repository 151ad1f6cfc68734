"""What the kernels of a device write is what the CPU writes, bit by bit: the same golden digests."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit.cuda import kernels as table
from pyinit.stream.plan import NUMBERS
from tests.cuda.emulation import EmulatedDevice, executed, filled, same_bits

DATA = Path(__file__).parents[1] / "data"
DTYPES = ["float32", "float64", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"]
INFINITY = math.inf

PLACES = {
    "line": (pi.Key(0, 0), (40013,), (0,), (40013,)),
    "rows": (pi.Key(42, 7), (300, 251), (100, 0), (120, 251)),
    "block": (pi.Key(0xDEADBEEFCAFEF00D, 1), (40, 50, 60), (3, 5, 7), (30, 41, 47)),
    "column": (pi.Key(1, 0), (3001, 17), (0, 3), (3001, 1)),
    "carry": (pi.Key(3, 0xFFFFFFFF - 1001), (20000,), (1,), (19001,)),
    "far": (pi.Key(2, 0xFFFFFFFFFFFFFF00), (2**44,), (2**43 + 5,), (9001,)),
}
RECIPES = {
    "normal": pi.normal(),
    "normal_shifted": pi.normal(mean=0.1, std=0.02),
    "normal_tiny": pi.normal(std=2.0**-127),
    "truncated_two": pi.truncated_normal(mean=0.5, std=2.0),
    "truncated_half": pi.truncated_normal(low=-0.5, high=math.inf),
    "truncated_far": pi.truncated_normal(low=6.0, high=7.0),
    "truncated_mirrored": pi.truncated_normal(low=-8.0, high=-7.0),
    "log_uniform": pi.log_uniform(0.001, 0.1),
    "inverse_softplus": pi.inverse_softplus(0.001, 0.1, floor=0.002),
    "inverse_softplus_wide": pi.inverse_softplus(0.5, 3.0),
    "log_of_uniform": pi.log_of_uniform(0.0, 16.0),
    "log_decay": pi.log_decay(0.9, 0.999),
}


def digests(file: str) -> dict[tuple[str, ...], int]:
    lines = (line.split() for line in (DATA / file).read_text().splitlines())
    return {tuple(line[:3]): int(line[3], 16) for line in lines}


STREAM, DENSE = digests("stream_v1_digests.txt"), digests("dense_v1_digests.txt")


def digest(content: np.ndarray) -> int:
    """Return the 64-bit FNV-1a hash."""
    value = 0xCBF29CE484222325
    for byte in content.tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def plan_of(name: str, shape: tuple[int, ...], dtype: str) -> pi.Plan:
    """Return the plan behind a golden digest."""
    if name in RECIPES:
        return RECIPES[name].plan(shape, dtype)
    numbers = {
        "uniform": (-0.3, 0.7, -INFINITY, 0.6875),
        "sparse": (0.0, 0.01, shape[0] * 9 // 10),
        "bernoulli_sparse": (0.0, 0.01, 0.75),
        "disk": (0.7,),
        "disk_normal": (0.7, math.exp(-4)),
    }
    return pi.Plan(name, shape, dtype, numbers=numbers[name])


@pytest.fixture
def _golden_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core's own digests have the two words of a key exchanged for its mask."""
    fold_in = pi.Key.fold_in
    monkeypatch.setattr(
        pi.Key,
        "fold_in",
        lambda key, data: pi.Key(key.offset, key.seed) if data == table.MASK else fold_in(key, data),
    )


@pytest.mark.usefixtures("_golden_mask")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", PLACES)
def test_every_golden_digest_of_the_stream(device: EmulatedDevice, place: str, dtype: str) -> None:
    key, whole, start, shape = PLACES[place]
    expected = {name: value for (name, at, held), value in STREAM.items() if (at, held) == (place, dtype)}
    assert len(expected) >= 9
    found = {
        name: digest(executed(device, plan_of(name, whole, dtype), shape, key, start)) for name in expected
    }
    assert found == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("place", "key", "shape", "gain", "step"),
    [
        ("one", pi.Key(1, 0), (1, 1), 1.0, (slice(None), slice(None))),
        ("square", pi.Key(0, 0), (97, 97), 1.0, (slice(None), slice(None))),
        ("tall", pi.Key(0xDEADBEEFCAFEF00D, 1), (300, 20), 0.1, (slice(None), slice(None))),
        ("blocks", pi.Key(42, 7), (200, 126), -1.5, (slice(None), slice(None))),
        ("part", pi.Key(42, 7), (200, 126), -1.5, (slice(1, None, 7), slice(100, None, 3))),
        ("chunks", pi.Key(3, 0), (1300, 100), 1.0, (slice(None, None, 13), slice(5, None, 9))),
        ("spans", pi.Key(4, 1), (13000, 5), 1.0, (slice(3, None, 101), slice(None))),
    ],
)
def test_every_golden_digest_of_orthogonal(
    device: EmulatedDevice,
    place: str,
    key: pi.Key,
    shape: tuple[int, int],
    gain: float,
    step: tuple[slice, slice],
    dtype: str,
) -> None:
    made = filled(device, pi.orthogonal(gain), shape, key=key, dtype=dtype)
    assert digest(np.ascontiguousarray(made[step])) == DENSE["orthogonal", place, dtype]


def test_the_golden_places_are_all() -> None:
    assert {place for _, place, _ in STREAM} == set(PLACES)
    places = {"one", "square", "tall", "blocks", "part", "chunks", "spans"}
    assert {place for name, place, _ in DENSE if name == "orthogonal"} == places


def test_every_distribution_has_launches_or_is_refused() -> None:
    # the CPU makes these, and torch's tensors get a copy
    refused = {
        "hippo": pi.hippo().plan((4, 4)),
        "icnr": pi.icnr("normal", axis=0, shuffle="pixel_shuffle").plan((8, 3, 3, 3)),
    }
    assert set(table._KERNELS) | set(refused) == set(NUMBERS)
    assert not any(map(table.has_kernel, refused.values()))


def test_a_changed_number_is_seen(device: EmulatedDevice) -> None:
    key, whole, start, shape = PLACES["column"]
    right = executed(device, pi.normal().plan(whole), shape, key, start)
    wrong = executed(device, pi.normal().plan(whole), shape, pi.Key(1, 1), start)
    assert not same_bits(right, wrong)
    assert digest(right) != digest(wrong)
