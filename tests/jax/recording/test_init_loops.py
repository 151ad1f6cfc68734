"""Which operands of a scan are fixed, carried or rows, as each version of JAX says it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.interop

jax = pytest.importorskip("jax")
loops = pytest.importorskip("pyinit.jax.recording.loops")


def test_this_jax() -> None:
    a, b, rows = jax.numpy.ones(2), jax.numpy.ones(3), jax.numpy.ones((4, 2))

    def step(carry, row):  # type: ignore[no-untyped-def]
        return carry + a.sum() * b.sum(), row * a

    (scan,) = [
        equation
        for equation in jax.make_jaxpr(lambda start, rows: jax.lax.scan(step, start, rows))(0.0, rows).eqns
        if equation.primitive.name == "scan"
    ]
    held, carried = loops.held_and_carried(scan.params, len(scan.invars))
    assert carried == 1
    assert len(scan.invars) - held - carried == 1
    assert held >= 1


def test_a_group_of_operands_for_each_kind() -> None:
    # JAX 0.12: `update` puts values in the places of the operands, `unpack` gives the three groups
    def update(values: Sequence[int]) -> SimpleNamespace:
        values = list(values)
        assert values == list(range(6))
        return SimpleNamespace(unpack=lambda: (iter(values[:3]), iter(values[3:4]), iter(values[4:])))

    assert loops.held_and_carried({"ft_in": SimpleNamespace(update=update)}, 6) == (3, 1)


def test_counts() -> None:
    assert loops.held_and_carried({"num_consts": 2, "num_carry": 5}, 9) == (2, 5)
