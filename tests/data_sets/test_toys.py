"""Toy sets: shapes, balance, geometry, the distribution of their points, and the same bytes everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit import _core
from pyinit.data.circle import circle

KINDS = ("circles", "moons", "spirals", "blobs", "checkerboard")

# of 1001 points under key 7 with the defaults
DIGESTS = {
    "circles": "85f38cf85f6ffde4",
    "moons": "1718a6ae724809bd",
    "spirals": "1d71d2fdc7198f0b",
    "blobs": "cfd543f766d46e18",
    "checkerboard": "5ee47fdf88757d8c",
}


def clean(
    kind: str, n: int = 2000, **options: object
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    data = pi.data.toy(kind, n, noise=0.0, key=3, **options)
    return data.inputs.astype(np.float64), data.targets


@pytest.mark.parametrize("isa", _core.available_isas())
def test_bytes_are_the_same_on_every_instruction_set(isa: str, tmp_path: Path) -> None:
    code = (
        "import hashlib, pyinit as pi\n"
        f"for kind in {KINDS}:\n"
        "    print(hashlib.sha256(pi.data.toy(kind, 1001, key=7).inputs.tobytes()).hexdigest()[:16])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYINIT_ISA": isa},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [DIGESTS[kind] for kind in KINDS]


def test_digests_are_of_the_public_functions() -> None:
    for kind in KINDS:
        by_name: Callable[..., pi.data.Dataset] = getattr(pi.data, kind)
        found = hashlib.sha256(by_name(1001, key=7).inputs.tobytes()).hexdigest()
        assert found.startswith(DIGESTS[kind]), kind


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(3, 400), seed=st.integers(0, 2**64 - 1))
def test_shapes_types_and_balance(kind: str, n: int, seed: int) -> None:
    data = pi.data.toy(kind, n, key=seed)
    assert (data.inputs.shape, data.inputs.dtype) == ((n, 2), np.float32)
    assert (data.targets.shape, data.targets.dtype) == ((n,), np.int64)
    counts = np.bincount(data.targets, minlength=len(data.classes))
    assert counts.max() - counts.min() <= 1
    assert len(data.test) == n // 5
    np.testing.assert_array_equal(np.concatenate((data.train, data.test)), np.arange(n))
    assert data.feature_names == ("x", "y")


@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_set_begins_with_a_smaller_one(kind: str) -> None:
    np.testing.assert_array_equal(
        pi.data.toy(kind, 500, key=1).inputs[:77], pi.data.toy(kind, 77, key=1).inputs
    )


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_gives_other_points(kind: str) -> None:
    a, b = (pi.data.toy(kind, 50, key=pi.key(0).fold_in(name)).inputs for name in ("a", "b"))
    assert not np.isin(a, b).any()


def test_circle_is_within_rounding_of_cos_and_sin() -> None:
    turns = np.linspace(-3, 3, 10001)
    exact = np.stack((np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)), axis=1)
    # 2 pi times 3 turns is itself only known to 2e-15
    np.testing.assert_allclose(circle(turns), exact, rtol=0, atol=1e-14)


def test_circles_have_their_radii() -> None:
    x, y = clean("circles", factor=0.25)
    np.testing.assert_allclose(np.hypot(*x.T), np.where(y == 0, 1.0, 0.25), rtol=2e-7)


def test_moons_are_two_half_circles() -> None:
    x, y = clean("moons")
    upper, lower = x[y == 0], x[y == 1] - [1.0, 0.5]
    np.testing.assert_allclose(np.hypot(*upper.T), 1, rtol=2e-7)
    np.testing.assert_allclose(np.hypot(*lower.T), 1, rtol=2e-7)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0


@pytest.mark.parametrize(("arms", "turns"), [(1, 0.5), (2, 1.0), (3, -2.0)])
def test_spirals_stand_at_the_angle_of_their_radius(arms: int, turns: float) -> None:
    x, y = clean("spirals", arms=arms, turns=turns)
    radius = np.hypot(*x.T)
    assert radius.max() < 1
    angle = 2 * np.pi * (turns * radius + y / arms)
    expected = radius[:, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    np.testing.assert_allclose(x, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("cells", [2, 4, 6, 100])
def test_checkerboard_has_the_colour_of_its_squares(cells: int) -> None:
    x, y = clean("checkerboard", cells=cells)
    assert x.min() >= -1
    assert x.max() < 1
    # an edge of a square on a board of 6 is no float32: a point on it may read as the neighbour's
    square = np.floor((x + 1) * (cells / 2) + 1e-5)
    np.testing.assert_array_equal(square.sum(axis=1) % 2, y)


def test_noise_is_added_with_its_standard_deviation() -> None:
    """40000 normals: an error of 2 % in the std is 5.6 standard errors, and shows."""
    plain, _ = clean("moons", 20000)
    for noise, right in ((0.3, True), (0.3 * 1.02, False)):
        shifted = pi.data.moons(20000, noise=noise, key=3).inputs
        std = float((shifted - plain).std())
        assert (abs(std / 0.3 - 1) < 0.01) is right


def test_blobs_are_round_clouds_on_the_unit_circle() -> None:
    data = pi.data.blobs(20000, noise=0.1, classes=4)
    for label, centre in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        cloud = data.inputs[data.targets == label].astype(np.float64)
        # 5000 points: five standard errors of 0.1 / sqrt(5000)
        np.testing.assert_allclose(cloud.mean(axis=0), centre, atol=0.0071)
        np.testing.assert_allclose(cloud.std(axis=0), 0.1, rtol=0.05)


def unevenness(bins: npt.NDArray[np.int64], count: int) -> float:
    """Return chi^2 of counts against equal ones, in standard deviations from its mean."""
    observed = np.bincount(bins, minlength=count)
    expected = len(bins) / count
    degrees = count - 1
    return float((((observed - expected) ** 2 / expected).sum() - degrees) / np.sqrt(2 * degrees))


def eighths(angle: npt.NDArray[np.float64], part: float = 1.0) -> npt.NDArray[np.int64]:
    """Return in which eighth of `part` of a turn an angle in radians lies."""
    return np.floor(angle / (2 * np.pi * part) % 1 * 8).astype(np.int64)


def test_points_are_spread_evenly() -> None:
    """20000 points in 8 bins at 6 standard deviations: one that has 15 % more adds 47, and shows."""
    x, _ = clean("circles", 20000)
    assert unevenness(eighths(np.arctan2(x[:, 1], x[:, 0])), 8) < 6
    x, y = clean("moons", 40000)
    upper = np.arctan2(x[y == 0, 1], x[y == 0, 0])
    assert unevenness(eighths(upper * (1 - 1e-9), 0.5), 8) < 6
    x, _ = clean("spirals", 20000)
    assert unevenness(np.floor(np.hypot(*x.T) * 8).astype(np.int64), 8) < 6
    x, _ = clean("checkerboard", 20000)
    square = np.floor((x + 1) * 2).astype(np.int64)
    assert unevenness(square[:, 0] * 4 + square[:, 1], 16) < 6
    within = np.floor((x + 1) * 2 % 1 * 4).astype(np.int64)
    assert unevenness(within[:, 0] * 4 + within[:, 1], 16) < 6


def test_the_check_of_evenness_can_fail() -> None:
    bins = np.arange(20000) % 8
    extra = np.zeros(375, dtype=np.int64)
    assert unevenness(np.concatenate((bins, extra)), 8) > 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pi.data.toy("stars"),
            "a toy set is one of circles, moons, spirals, blobs, checkerboard; got 'stars'. Choose one.",
        ),
        (lambda: pi.data.moons(1), "n must be an integer of at least 2; got 1. Use an int."),
        (lambda: pi.data.blobs(2), "n must be an integer of at least 3; got 2. Use an int."),
        (lambda: pi.data.blobs(classes=101), "classes must be an integer in [1, 100]; got 101. Use 3."),
        (lambda: pi.data.spirals(arms=0), "arms must be an integer in [1, 100]; got 0. Use 2."),
        (lambda: pi.data.spirals(turns=1e9), "turns must be in [-100, 100]; got 1000000000.0. Use 1.0."),
        (lambda: pi.data.circles(factor=1.0), "factor must be in (0, 1); got 1.0. Use 0.5."),
        (lambda: pi.data.circles(factor="x"), "factor must be a number; got 'x'. Use a float."),
        (
            lambda: pi.data.moons(noise=-0.1),
            "noise must be in [0, 1e6]; got -0.1. It is a standard deviation.",
        ),
        (
            lambda: pi.data.moons(noise=float("inf")),
            "noise must be a finite number; got inf. It is a standard deviation.",
        ),
        (lambda: pi.data.checkerboard(cells=3), "cells must be even; got 3. Use 4."),
    ],
)
def test_refusals(call: Callable[[], object], message: str) -> None:
    with pytest.raises(pi.DataError) as caught:
        call()
    assert str(caught.value) == message
