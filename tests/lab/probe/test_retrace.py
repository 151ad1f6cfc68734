"""The way back with few layers kept: the fewest runs, the same bits, memory that depth does not add to."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.probe.measure import measure
from pyinit.lab.probe.measure.retrace import places_for, retraced, stops

MIB = 1 << 20


@cache
def fewest_runs(layers: int, places: int) -> float:
    """Return the least number of layers to run, found by trying every first layer to keep."""
    if layers == 0:
        return 0.0
    if places == 0:
        return np.inf
    return min(
        stop + fewest_runs(layers - stop, places - 1) + fewest_runs(stop - 1, places)
        for stop in range(1, layers + 1)
    )


@pytest.mark.parametrize("places", [1, 2, 3, 4, 7, 20])
def test_layers_come_back_in_order_by_the_fewest_runs(places: int) -> None:
    for layers in range(1, 25):
        ran = list(range(layers))
        kept = {at: np.full(1, at, np.float32) for at in stops(0, layers, places)}
        assert len(kept) <= places

        def run(first: int, stop: int, z: Any) -> Any:
            assert (-1 if z is None else z.item()) == first - 1
            ran.extend(range(first, stop + 1))  # noqa: B023
            return np.full(1, stop, np.float32)

        assert [z.item() for z in retraced(kept, places, run)] == list(range(layers))[::-1]
        assert len(ran) == fewest_runs(layers, places)


def test_as_many_places_as_48_mib_hold_or_as_four_runs_need() -> None:
    assert places_for(10, MIB) == 10
    assert places_for(100, MIB) == 48
    assert [places_for(layers, 16 * MIB) for layers in (3, 32, 34, 35)] == [3, 3, 3, 4]
    assert [places_for(layers, 512 * MIB) for layers in (1, 4, 5)] == [1, 1, 2]


@pytest.mark.parametrize("places", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": pi.normal(std=0.1)},
        {"norm": "batch"},
        {"residual": True},
        {"residual": "scaled", "norm": "layer"},
        {"activation": np.tanh},
    ],
    ids=str,
)
def test_bits_do_not_depend_on_what_is_kept(
    options: dict[str, Any], places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = pi.mlp([12, *[20] * 6, 5], **{"activation": "gelu", **options})
    x = pi.normal()((50, 12), key=1)
    report = pi.probe(network, x, dy="normal")
    monkeypatch.setattr(measure, "places_for", lambda layers, largest_bytes: places)
    assert pi.probe(network, x, dy="normal").to_json() == report.to_json()


def test_a_given_gradient_is_not_written_over() -> None:
    network, x = pi.mlp([6, 6, 6], "tanh", output_activation="tanh"), pi.normal()((9, 6), key=1)
    dy = pi.normal()((9, 6), key=2)
    before = dy.copy()
    report = pi.probe(network, x, dy=dy)
    np.testing.assert_array_equal(dy, before)
    assert pi.probe(network, x, dy=dy) == report


DEEP = """
import pyinit as pi
from pyinit.cli.meter import peak_memory
x = pi.normal()((8192, 256), key=1)
pi.probe(pi.mlp([256, 8], "tanh"), x[:8].copy())
before = peak_memory()
pi.probe(pi.mlp([256] * 33, "tanh"), x, threads=2)
print(peak_memory() - before)
"""


def test_a_deep_network_stays_in_memory() -> None:
    """A matrix has 8 MiB: 6 are kept, 3 are worked on; to keep all 32 would take 270 MiB and more."""
    done = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True, check=True)
    assert 48 * MIB < int(done.stdout) < 110 * MIB
