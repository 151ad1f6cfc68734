"""What a layer is, decided once: its spreads, where it is flat, whether kernels know its activation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.probe.measure.facts import facts_of
from pyinit.lab.probe.measure.saturation import saturated_from
from pyinit.recipes.patterns import Identity
from pyinit.theory.activation import NAMES, activation
from pyinit.theory.law import Spread

X = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)


def test_spreads_are_those_of_plans_or_of_the_tensor_itself() -> None:
    layers = [
        pi.Dense(6, 6, "tanh", pi.he_normal(), pi.normal(mean=0.5, std=0.1)),
        pi.Dense(6, 6, "hardtanh", pi.identity(2.0)),
        pi.Dense(6, 6, "relu", np.full((6, 6), 0.5), np.arange(6.0)),
    ]
    drawn, pattern, given = facts_of(pi.Network(layers))
    assert drawn.weight == Spread(0.0, math.sqrt(2 / 6), True)
    assert drawn.bias == Spread(0.5, 0.1, True)
    assert (pattern.weight, pattern.bias) == (Spread(0.0, math.sqrt(4 / 6), False), Spread(0.0, 0.0, False))
    assert given.weight == Spread(0.0, 0.5, False)
    assert given.bias.second_moment == pytest.approx(55 / 6)
    assert pattern.flat_ends == (-1.0, 1.0)
    assert given.flat_ends == (-math.inf, math.inf)
    assert pattern.saturated_from == saturated_from(activation("hardtanh"))
    assert [one.layer for one in facts_of(pi.Network(layers))] == layers


def test_a_pattern_is_made_twice_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once to know its spread, once to run; however many stages ask."""
    made: list[Any] = []
    call = Identity.__call__

    def counted(self: Identity, *args: Any, **options: Any) -> Any:
        made.append(self)
        return call(self, *args, **options)

    monkeypatch.setattr(Identity, "__call__", counted)
    # exploding, so that advice is wanted, too
    report = pi.probe([pi.Dense(6, 6, "relu", pi.identity(30.0)) for _ in range(3)], X)
    assert report.verdict.kind == "exploding"
    assert len(made) == 2 * 3


def test_advice_reads_what_arrays_hold_now() -> None:
    """Advice is remembered by facts, not by networks, whose arrays their owner may write to."""
    bias = np.zeros(6, np.float32)
    network = pi.Network([pi.Dense(6, 6, "tanh", pi.normal(std=3.0), bias) for _ in range(4)])
    assert pi.probe(network, X).verdict.fix.startswith("pi.glorot_normal()")
    bias[:] = 3.0
    assert pi.probe(network, X).verdict.fix.startswith("zero biases; pi.glorot_normal()")


@pytest.mark.parametrize("name", [*(name for name in NAMES if name != "leaky_relu"), ("leaky_relu", 0.2)])
def test_only_pyinits_own_activations_are_builtin(name: Any) -> None:
    phi = activation(name)
    assert phi.is_builtin
    assert not replace(phi, name="other").is_builtin
    assert not replace(phi).is_builtin
    assert not activation(np.tanh).is_builtin
    # it is no part of what an activation is
    assert replace(phi) == phi
