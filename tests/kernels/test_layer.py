"""The probe's layer: its twin's bits everywhere, weights drawn or given, exact chains, dead units, memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit import _core
from pyinit.errors import RecipeError, ShapeError
from pyinit.lab.network.drawn import Drawn
from pyinit.linalg import matmul
from pyinit.linalg.statistics import LinearAxis, LogAxis, Question, statistics
from pyinit.reference import layer
from pyinit.theory.activation import NAMES

from .single_layer import backward, forward

# (batch, inputs, outputs): tiles are 12 or 6 rows of 32, 16 or 8 columns, blocks of statistics 64 rows of 64
SHAPES = [(1, 1, 1), (1, 70, 3), (5, 1, 67), (13, 33, 17), (66, 65, 64), (130, 7, 5)]
LINEAR = Question(LinearAxis(-3.0, 3.0, 24), (-1.0, 1.0))
LOG = Question(LogAxis(-20, 6, 1))
RECIPES = [
    pi.normal(mean=0.1, std=0.3),
    pi.uniform(-0.4, 0.6),
    pi.truncated_normal(std=0.5, low=-1.0, high=1.5),
]


def drawn(shape: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return np.float32(scale) * np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def on_the_way(recipe: Any, shape: tuple[int, int], seed: int) -> Drawn:
    return Drawn(recipe.plan_for(shape, "float32"), pi.key(seed))


def kernel(which: str, name: str, parameter: float = 0.0) -> Any:
    def function(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x, order="C")
        getattr(_core, which)(name, parameter, np.ascontiguousarray(x), out)
        return out

    return function


def same_bits(*pairs: tuple[Any, Any]) -> None:
    for left, right in pairs:
        assert left.dtype == right.dtype == np.float32
        np.testing.assert_array_equal(left.view(np.uint32), np.ascontiguousarray(right).view(np.uint32))


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_twin(shape: tuple[int, int, int], isa: str) -> None:
    batch, inputs, outputs = shape
    x, w, b = drawn((batch, inputs)), drawn((inputs, outputs), 1, 0.3), drawn((outputs,), 2)
    dy = drawn((batch, outputs), 3)
    z, y = layer.layer_forward(x, w, b, kernel("activate", "tanh"))
    got = forward(x, w, "tanh", bias=b, keep_z=True, ask_z=LINEAR, ask_y=LOG, ask_weight=LINEAR, threads=1)
    assert got.z is not None
    same_bits((got.z, z), (got.y, y))
    assert (got.of_z, got.of_weight) == (statistics(z, LINEAR), statistics(w, LINEAR))
    assert got.of_y is not None
    assert got.of_y.mean == statistics(y, LOG).mean
    twin = layer.layer_backward(x, w, z, dy, kernel("slope", "tanh"))
    back = backward(x, w, "tanh", z, dy, ask_dz=LOG, ask_dw=LINEAR, threads=1)
    same_bits(*zip((back.dz, back.dx, back.dw, back.db), twin, strict=True))
    assert back.of_dw == statistics(twin[2], LINEAR)


@pytest.mark.parametrize("name", NAMES)
def test_every_activation(name: str) -> None:
    x, w, dy = drawn((40, 20)), drawn((20, 30), 1), drawn((40, 30), 2)
    spec, parameter = (("leaky_relu", 0.2), 0.2) if name == "leaky_relu" else (name, 0.0)
    z = matmul(x, w)
    got = forward(x, w, spec, keep_z=True)
    assert got.z is not None
    same_bits((got.z, z), (got.y, kernel("activate", name, parameter)(z)))
    same_bits((forward(x, w, spec).y, got.y))
    same_bits((backward(x, w, spec, z, dy).dz, kernel("slope", name, parameter)(z) * dy))


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("shape", [(3, 300, 129), (2, 7, 4200), (70, 130, 31)])
def test_weights_drawn_on_the_way_are_those_that_fill_makes(
    recipe: Any, shape: tuple[int, int, int], isa: str
) -> None:
    batch, inputs, outputs = shape
    x, dy = drawn((batch, inputs)), drawn((batch, outputs), 1)
    w, lazy = recipe((inputs, outputs), key=9), on_the_way(recipe, (inputs, outputs), 9)
    given = forward(x, w, "relu", keep_z=True, ask_z=LINEAR, ask_y=LINEAR, ask_weight=LINEAR)
    made = forward(x, lazy, "relu", keep_z=True, ask_z=LINEAR, ask_y=LINEAR, ask_weight=LINEAR)
    assert given.z is not None
    same_bits((made.y, given.y), (made.z, given.z), (given.z, matmul(x, w)))
    assert made[2:] == given[2:]
    assert made.of_weight == statistics(w, LINEAR)
    kept = backward(x, w, "relu", given.z, dy, ask_dw=LOG)
    lost = backward(x, lazy, "relu", given.z, dy, keep_dw=False, ask_dw=LOG)
    assert kept.dw is not None
    assert lost.dw is None
    same_bits((lost.dx, kept.dx), (kept.dx, matmul(kept.dz, w.T)), (kept.dw, matmul(x.T, kept.dz)))
    assert kept.of_dw == lost.of_dw == statistics(kept.dw, LOG)


@settings(max_examples=40)
@given(
    sizes=st.tuples(st.integers(1, 140), st.integers(1, 300), st.integers(1, 200)),
    seed=st.integers(0, 2**64 - 1),
    threads=st.integers(1, 4),
)
def test_any_layer_is_its_parts(sizes: tuple[int, int, int], seed: int, threads: int) -> None:
    batch, inputs, outputs = sizes
    recipe = pi.normal(std=0.2)
    x, b = recipe((batch, inputs), key=1), recipe((outputs,), key=2)
    x.flags.writeable = False
    got = forward(
        x, on_the_way(recipe, (inputs, outputs), seed), "tanh", bias=b, ask_y=LINEAR, threads=threads
    )
    w = recipe((inputs, outputs), key=seed)
    y = kernel("activate", "tanh")(matmul(x, w) + b)
    same_bits((got.y, y))
    assert got.of_y is not None
    assert got.of_y == replace(statistics(y, LINEAR), dead=got.of_y.dead)


def test_bits_do_not_depend_on_threads(isa: str) -> None:
    x, dy = drawn((150, 260)), drawn((150, 300), 1)
    lazy, b = on_the_way(RECIPES[0], (260, 300), 4), drawn((300,), 2)

    def run(threads: int) -> tuple[Any, Any]:
        made = forward(
            x, lazy, "gelu", bias=b, keep_z=True, ask_z=LOG, ask_y=LINEAR, ask_weight=LOG, threads=threads
        )
        assert made.z is not None
        return made, backward(x, lazy, "gelu", made.z, dy, ask_dz=LOG, ask_dw=LOG, threads=threads)

    first, back = run(1)
    for threads in (2, 5):
        again, back_again = run(threads)
        same_bits(*zip(again[:2], first[:2], strict=True), *zip(back_again[:4], back[:4], strict=True))
        assert again[2:] == first[2:]
        assert back_again[4:] == back[4:]


def test_bits_do_not_depend_on_the_instruction_set() -> None:
    x, lazy = drawn((90, 130)), on_the_way(RECIPES[2], (130, 70), 4)
    found = []
    for isa in _core.available_isas():
        previous = _core.use_isa(isa)
        try:
            found.append(forward(x, lazy, "mish", ask_z=LOG, ask_y=LINEAR, ask_weight=LINEAR))
        finally:
            _core.use_isa(previous)
    for other in found[1:]:
        same_bits((other.y, found[0].y))
        assert other[2:] == found[0][2:]


def test_weights_are_read_where_they_lie() -> None:
    x, w = drawn((20, 30)), drawn((60, 80), 1)
    views = (w.T[:30], w[::2, ::-4], np.asfortranarray(w[:30]), np.broadcast_to(w[0], (30, 80)))
    for weight in views:
        copy = np.ascontiguousarray(weight)
        got, same = (forward(x, v, "relu", ask_weight=LINEAR) for v in (weight, copy))
        same_bits((got.y, same.y))
        assert got.of_weight == same.of_weight
        dy = drawn(got.y.shape, 3)
        back, again = (backward(x, v, "relu", got.y, dy) for v in (weight, copy))
        same_bits((back.dx, again.dx), (back.dw, again.dw))


@pytest.mark.parametrize(("scale", "end"), [(1.5, 57.6650390625), (0.5, 0.0009765625)])
def test_linear_chains_are_exact(scale: float, end: float, isa: str) -> None:
    w = np.float32(scale) * np.eye(40, dtype=np.float32)
    x = y = np.ones((3, 40), np.float32)
    for _ in range(10):
        got = forward(y, w, "linear", ask_y=Question())
        y = got.y
    assert got.of_y is not None
    assert (y == end).all()
    assert (got.of_y.mean, got.of_y.variance, got.of_y.dead) == (end, 0, 0)
    gradient = x
    for _ in range(10):
        back = backward(x, w, "linear", x, gradient, ask_dz=Question())
        assert back.dx is not None
        gradient = back.dx
    assert (gradient == end).all()


def test_dead_units_are_counted() -> None:
    x, w = drawn((200, 30)), drawn((30, 150), 1, 0.1)
    b = np.zeros(150, np.float32)
    b[[3, 64, 149]] = -100
    got = forward(x, w, "relu", bias=b, keep_z=True, ask_y=Question())
    assert got.of_y is not None
    assert got.of_y.dead == 3 / 150
    assert got.z is not None
    back = backward(x, w, "relu", got.z, np.ones_like(got.y), ask_dz=Question())
    assert back.of_dz is not None
    assert back.of_dz.dead == 3 / 150
    # one row that answers keeps a unit alive: the last of a block, the first of the next
    for row in (63, 64, 199):
        once = np.full((200, 1), -1, np.float32)
        once[row] = 1
        alive = forward(once, np.ones((1, 2), np.float32), "relu", ask_y=Question())
        assert alive.of_y is not None
        assert alive.of_y.dead == 0
    # hardtanh's value is 1 where its slope is 0
    flat = forward(x, w, "hardtanh", bias=-b, ask_y=Question())
    assert flat.of_y is not None
    assert flat.of_y.dead == 3 / 150
    assert forward(x, 0 * w, "tanh", ask_y=Question()).of_y.dead == 1  # type: ignore[union-attr]
    # NaN is not zero
    x[5, 0] = np.nan
    assert forward(x, 0 * w, "linear", ask_y=Question()).of_y.dead == 0  # type: ignore[union-attr]


def test_dead_units_match_the_twin() -> None:
    x = drawn((70, 4))
    w = np.float32(3) * drawn((4, 90), 1)
    b = np.float32(4) * drawn((90,), 2)
    for name in ("relu", "hardtanh", "elu", "sigmoid"):
        got = forward(x, w, name, bias=b, keep_z=True, ask_y=Question())
        assert got.of_y is not None
        assert got.of_y.dead == layer.dead(got.y, kernel("slope", name)(got.z)) / 90
    assert forward(x, w, "relu", bias=b, ask_y=Question()).of_y.dead > 0  # type: ignore[union-attr]


def test_numbers_that_are_not_finite_pass_through() -> None:
    x, w = drawn((80, 20)), drawn((20, 70), 1)
    x[3, 4], x[70, 2] = np.nan, np.inf
    got = forward(x, w, "linear", ask_y=Question())
    assert got.of_y is not None
    assert got.of_y.nonfinite == 140
    assert np.isnan(got.y[3]).all()
    assert np.isinf(got.y[70]).all()
    assert np.isfinite(np.delete(got.y, [3, 70], axis=0)).all()


# Memory that a process may not have cannot have been used: the weights are 144 MiB, their gradient as much.
LIMITED = """
import resource, sys
import numpy as np
import pyinit as pi
from pyinit.lab.network.drawn import Drawn
from pyinit.lab.network.fused import backward, forward
from pyinit.linalg.statistics import LinearAxis, Question
from pyinit.theory.activation import activation

shape = (6144, 6144)
lazy = Drawn(pi.normal(std=0.01).plan_for(shape, "float32"), pi.key(0))
x = np.ones((2, 6144), np.float32)
ask = Question(LinearAxis(-3.0, 3.0, 50))
with open("/proc/self/statm") as file:
    pages = int(file.read().split()[0])
most = pages * resource.getpagesize() + (48 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
if sys.argv[1] == "whole":
    pi.normal(std=0.01)(shape, key=0, threads=1)
tanh = activation("tanh")
got = forward(x, lazy, tanh, keep_z=True, ask_z=ask, ask_y=ask, ask_weight=ask, threads=1)
backward(x, lazy, tanh, got.z, got.y, ask_dz=ask, ask_dw=ask, threads=1)
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs an x86-64 machine with glibc")
def test_drawn_weights_never_exist_as_a_whole() -> None:
    for how, done in (("panels", True), ("whole", False)):
        ran = subprocess.run(
            [sys.executable, "-c", LIMITED, how], capture_output=True, text=True, check=False, timeout=300
        )
        assert (ran.stdout == "done\n") == done, ran.stderr
        assert ("MemoryError" in ran.stderr) != done


@pytest.mark.parametrize(
    ("recipe", "shape", "dtype", "error", "message"),
    [
        (pi.zeros(), (2, 2), "float32", RecipeError, "got constant in float32"),
        (pi.normal(), (2, 2), "float64", RecipeError, "in float64"),
        (pi.normal(), (2, 2, 2), "float32", ShapeError, r"got \(2, 2, 2\)"),
    ],
)
def test_weights_that_a_layer_cannot_draw(
    recipe: pi.Recipe, shape: tuple[int, ...], dtype: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Drawn(recipe.plan_for(shape, dtype), pi.key(0))


ONE = np.ones((1, 1), np.float32)
TWO = np.ones((1, 2), np.float32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: forward(np.ones((0, 3), np.float32), np.ones((3, 1), np.float32), "relu"),
            "none of them empty",
        ),
        (lambda: forward(ONE, np.ones((2, 1), np.float32), "relu"), "weight must be"),
        (lambda: forward(ONE, np.ones((1, 0), np.float32), "relu"), "none of them empty"),
        (lambda: forward(ONE, ONE, "relu", bias=np.ones(2, np.float32)), "bias"),
        (lambda: backward(ONE, ONE, "relu", ONE, np.ones((2, 1), np.float32)), "another shape"),
        (lambda: backward(ONE, ONE, "relu", TWO, ONE), "weight must be"),
    ],
)
def test_the_kernel_refuses_memory_of_another_shape(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("wrong", [np.ones((1, 1)), np.ones((2, 2), np.float32)[:, :1]])
def test_the_kernel_refuses_another_dtype_or_gaps(wrong: np.ndarray) -> None:
    with pytest.raises(TypeError):
        forward(wrong, ONE, "relu")
