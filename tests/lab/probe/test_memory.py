"""What a probe keeps in memory: nothing by depth going forward, small matrices of each layer to come back."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

import pyinit as pi

ROWS, WIDTH = 1024, 64
MATRIX = 4 * ROWS * WIDTH


def peak(depth: int, rows: int, width: int, options: dict[str, Any], **arguments: Any) -> int:
    """Return the most bytes that arrays took; weights are small here, or drawn on the way."""
    return traced(pi.mlp([width] * (depth + 1), "relu", **options), rows, **arguments)


def traced(network: pi.Network, rows: int, **arguments: Any) -> int:
    x = pi.normal()((rows, network.widths[0]), key=1)
    # what is imported and cached on the way is not meant
    pi.probe(network, x[:2], **arguments)
    tracemalloc.start()
    try:
        pi.probe(network, x, threads=1, **arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("options", [{}, {"norm": "batch"}, {"norm": "layer"}, {"residual": True}], ids=str)
def test_a_layer_adds_its_pre_activations(options: dict[str, Any]) -> None:
    """And its weight, 1/16 of a matrix here; what also kept phi would take another whole one."""
    few, many = (peak(depth, ROWS, WIDTH, options) for depth in (4, 12))
    assert 0.95 <= (many - few) / 8 / MATRIX <= 1.2
    few, many = (peak(depth, ROWS, WIDTH, options, backward=False) for depth in (4, 12))
    assert (many - few) / 8 / MATRIX < 0.05


def test_layers_of_other_widths_leave_nothing() -> None:
    """What is kept to be used again is what the next layer uses."""
    few, many = (
        traced(pi.mlp([40 + at for at in range(depth + 1)], "relu"), ROWS, backward=False)
        for depth in (4, 12)
    )
    # the widest layer is a fifth wider
    assert many < 1.4 * few


def test_a_weight_gradient_is_one_at_a_time_or_none() -> None:
    """Weights of 4.1 MiB are drawn on the way; their gradients are as large, rows are 32 KiB."""
    width, weight = 1040, 4 * 1040**2
    assert 1.0 < peak(4, 8, width, {}) / weight < 1.5
    assert peak(4, 8, width, {}, log=True) < 0.5 * weight
