"""One meaning at every door: the same shape and recipe give the same fans, or a refusal that says why.

What a door counted is read from its bytes: a normal draw is the standard one times a std, and the std of
`he_normal` is sqrt(2 / fan_in).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

from .doors import ADAPTERS, DOORS, KEY, OWNERS, Case, Door

REFUSED = pi.LayoutError
EVERYWHERE = ("numpy", "file")


def same(fan: float | type[Exception]) -> dict[str, float | type[Exception]]:
    """Return the same answer for every layout."""
    return dict.fromkeys(EVERYWHERE, fan)


CASES = {
    "matrix": Case((10, 1000), pi.he_normal(), {"numpy": 10, "file": 1000}),
    "matrix, alias": Case((10, 1000), pi.kaiming_normal(), {"numpy": 10, "file": 1000}),
    "matrix in torch's layout": Case((10, 1000), pi.he_normal(layout="torch"), same(1000)),
    "matrix in Keras' layout": Case((10, 1000), pi.he_normal(layout="keras"), same(10)),
    "matrix by its axes": Case((10, 1000), pi.he_normal(in_axis=0, out_axis=1), same(10)),
    "convolution that nobody explains": Case((64, 3, 7, 7), pi.he_normal(), same(REFUSED)),
    "convolution in torch's layout": Case((64, 3, 7, 7), pi.he_normal(layout="torch"), same(147)),
    "convolution in JAX's layout": Case((7, 7, 3, 64), pi.he_normal(layout="jax"), same(147)),
    "convolution with torch's own fans": Case((8, 32, 4, 4), pi.he_normal(compat="torch"), same(512)),
    "grouped": Case((32, 4, 3, 3), pi.he_normal(layout="torch", groups=4), same(36)),
    "transposed": Case((8, 32, 4, 4), pi.he_normal(layout="torch", transposed=True), same(128)),
    "transposed, strided": Case(
        (8, 32, 4, 4), pi.he_normal(layout="torch", transposed=True, stride=2), same(32)
    ),
    "experts that nobody explains": Case((8, 32, 64), pi.he_normal(), same(REFUSED)),
    "experts": Case((8, 32, 64), pi.he_normal(batch_axis=0), {"numpy": 32, "file": 64}),
    "experts in torch's layout": Case((8, 32, 64), pi.he_normal(layout="torch", batch_axis=0), same(64)),
    "heads": Case((24, 4, 5), pi.he_normal(in_axis=0, out_axis=(1, 2)), same(24)),
    "stacked convolutions": Case((3, 8, 4, 3, 3), pi.he_normal(layout="torch", batch_axis=0), same(36)),
    "one input axis": Case((8, 32, 64), pi.he_normal(in_axis=1), same(REFUSED)),
    "axes and a layout": Case((10, 1000), pi.he_normal(in_axis=-1, out_axis=-2), same(1000)),
    "no axes": Case((12,), pi.he_normal(), same(pi.ShapeError)),
    "counts nothing": Case((8, 32, 64), pi.normal(std=0.5), same(8)),
}

OWNED = {
    "convolution": Case((64, 3, 7, 7), pi.he_normal(), {"owner": 147}, {"layout": "torch"}),
    "convolution in JAX's layout": Case((7, 7, 3, 64), pi.he_normal(), {"owner": 147}, {"layout": "jax"}),
    "grouped": Case((32, 4, 3, 3), pi.he_normal(), {"owner": 36}, {"groups": 4}),
    "transposed, strided": Case(
        (8, 32, 4, 4), pi.he_normal(), {"owner": 32}, {"transposed": True, "stride": 2}
    ),
    "transposed, half a tap": Case(
        (1, 32, 3, 3), pi.he_normal(), {"owner": 2.25}, {"transposed": True, "stride": 2}
    ),
    "experts": Case((8, 32, 64), pi.he_normal(), {"owner": 64}, {"batch_axis": 0}),
    "heads": Case((24, 4, 5), pi.he_normal(), {"owner": 24}, {"in_axis": 0, "out_axis": [1, 2]}),
    "Conv1D": Case((10, 1000), pi.he_normal(), {"owner": 10}, {"layout": "jax"}),
    "the recipe knows better": Case(
        (10, 1000), pi.he_normal(layout="torch"), {"owner": 1000}, {"layout": "jax"}
    ),
    "experts of convolutions": Case(
        (3, 8, 4, 3, 3), pi.he_normal(), {"owner": 36}, {"layout": "torch", "batch_axis": 0}
    ),
    "a batch that leaves three axes": Case(
        (2, 8, 4, 3), pi.he_normal(), {"owner": REFUSED}, {"batch_axis": 0}
    ),
}


def fan_of(weights: np.ndarray[Any, Any]) -> float:
    """Return the fan_in that made draws of `he_normal`."""
    standard = pi.normal()(weights.shape, key=KEY)
    std = float(np.median(weights.astype(np.float64) / standard))
    return 2.0 / std**2


def pairs(cases: Iterable[str], doors: Iterable[str]) -> list[tuple[str, str]]:
    return [(case, door) for case in cases for door in doors]


def check(case: Case, door: Door, expected: float | type[Exception]) -> None:
    if isinstance(expected, type):
        with pytest.raises(expected) as caught:
            door.make(case)
        message = str(caught.value)
        assert "\n" not in message
        assert str(case.shape) in message
        if expected is REFUSED:
            # the ways out
            assert all(option in message for option in ("batch_axis=", "in_axis=", "out_axis=", "layout="))
    else:
        assert fan_of(door.make(case)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "door"), pairs(CASES, DOORS))
def test_every_door_counts_the_same_or_refuses(name: str, door: str) -> None:
    check(CASES[name], DOORS[door], CASES[name].fans[DOORS[door].layout])


@pytest.mark.interop
@pytest.mark.parametrize(("name", "adapter"), pairs(CASES, ADAPTERS))
def test_every_adapter_counts_the_same_or_refuses(name: str, adapter: str) -> None:
    framework, door = ADAPTERS[adapter]
    pytest.importorskip(framework)
    check(CASES[name], door, CASES[name].fans[door.layout])


@pytest.mark.parametrize(("name", "door"), pairs(OWNED, OWNERS))
def test_what_an_owner_says_is_heard(name: str, door: str) -> None:
    check(OWNED[name], DOORS[door], OWNED[name].fans["owner"])


def test_a_wrong_fan_would_be_seen() -> None:
    wrong = pi.he_normal(layout="torch")((10, 1000), key=KEY)
    with pytest.raises(AssertionError):
        check(CASES["matrix"], Door("numpy", lambda case: wrong), 10)
    # the measure tells fans apart that differ in one
    assert fan_of(pi.he_normal()((1000, 10), key=KEY)) != pytest.approx(1001, rel=1e-5)
