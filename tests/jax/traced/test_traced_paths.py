"""What JAX 0.11 and later compile on a CPU: few paths lead to a number, or compiling it takes half a minute.

LLVM walks every path of a fused program from a value to where it is used. So the draws are computed apart
from what is made of them. The paths are counted in the operations that JAX traces, of whatever version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import pyinit as pi

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.interop

import jax.numpy as jnp  # noqa: E402

from pyinit.jax.traced import counter  # noqa: E402
from pyinit.jax.traced.traced import traced  # noqa: E402

# Compiling takes 0.2 s with some 10^4 paths, and 10 to 60 s with 10^8, on one core.
MOST = 10**6
SHAPE = (12, 20)
RECIPES: dict[str, Any] = {
    "uniform": pi.uniform(-1, 2),
    "normal": pi.normal(mean=1),
    "truncated_normal": pi.truncated_normal(),
    "far tail": pi.truncated_normal(low=7.0, high=9.0),
    "log_uniform": pi.log_uniform(0.01, 100.0),
    "inverse_softplus": pi.inverse_softplus(0.001, 3.0),
    "log_of_uniform": pi.log_of_uniform(0.0, 16.0),
    "log_decay": pi.log_decay(0.9, 0.999),
    "disk": pi.glorot_uniform(),
    "sparse": pi.sparse(0.3, std=1.0),
}


def counts(jaxpr: Any, given: list[int]) -> tuple[list[int], int]:
    """Return the number of paths to each result, and the most that lead to one float on the way."""
    paths = dict(zip(jaxpr.invars, given, strict=True))
    most = 0

    def of(atom: Any) -> int:
        return 1 if hasattr(atom, "val") else paths.get(atom, 1)

    for equation in jaxpr.eqns:
        before = [of(atom) for atom in equation.invars]
        name = equation.primitive.name
        if name in ("cond", "while", "scan", "optimization_barrier"):
            # compiled by itself
            after = [1] * len(equation.outvars)
        elif "jaxpr" in equation.params:
            inner = equation.params["jaxpr"]
            after, within = counts(getattr(inner, "jaxpr", inner), before)
            most = max(most, within)
        else:
            after = [sum(before)] * len(equation.outvars)
        paths.update(zip(equation.outvars, after, strict=True))
        floats = (n for var, n in zip(equation.outvars, after, strict=True) if var.aval.dtype.kind in "fc")
        most = max(most, *floats, 0)
    return [of(atom) for atom in jaxpr.outvars], most


def paths_of(name: str, dtype: str) -> int:
    """Return the largest number of paths that lead to a float of a recipe's weights."""
    plan = RECIPES[name].plan(SHAPE, dtype)
    # a function that was traced before is not traced again
    closed = jax.make_jaxpr(lambda key: traced(plan, key))(jnp.arange(4, dtype=jnp.uint32))
    return counts(closed.jaxpr, [1])[1]


@pytest.fixture(autouse=True)
def _wide() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, dtype) for name in RECIPES for dtype in ("float32", "float64", "bfloat16", "float8_e4m3fn")),
        ("disk", "complex64"),
    ],
)
def test_few_paths_lead_to_a_number(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter, "_COMPILES_TOGETHER", False)
    assert paths_of(name, dtype) < MOST
    # the mutant: all in one piece
    monkeypatch.setattr(counter, "_COMPILES_TOGETHER", True)
    assert paths_of(name, dtype) > 10 * MOST


def test_the_draws_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    key = jnp.array([1, 2, 3, 4], jnp.uint32)
    index = counter.element_index(SHAPE, (0, 0), SHAPE)
    ways = (counter.words32, counter.words64, counter.pair32, counter.pair64)
    made = []
    for together in (True, False):
        monkeypatch.setattr(counter, "_COMPILES_TOGETHER", together)
        made.append(jax.jit(lambda key: [way(key, index) for way in ways])(key))
    one, other = (jax.tree.leaves(each) for each in made)
    assert all(bool((a == b).all()) for a, b in zip(one, other, strict=True))


def test_only_a_cpu_computes_draws_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter, "_COMPILES_TOGETHER", False)
    plan = pi.normal().plan(SHAPE)
    for platform, apart in (("cpu", True), ("cuda", False)):
        exported = jax.export.export(jax.jit(lambda key: traced(plan, key)), platforms=[platform])
        text = exported(jnp.arange(4, dtype=jnp.uint32)).mlir_module()
        assert ("optimization_barrier" in text) == apart
