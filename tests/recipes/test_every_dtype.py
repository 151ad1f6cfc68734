"""Every recipe in every dtype makes that dtype, alike for each window, or refuses by name before it draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.stream.dtypes import FORMATS, decode, held, resolve
from pyinit.stream.plan import NUMBERS

SHAPE = (12, 8)
RECIPES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "constant": (pi.constant(0.3), SHAPE),
    "uniform": (pi.uniform(-1, 1), SHAPE),
    "normal": (pi.normal(std=0.5), SHAPE),
    "disk": (pi.he_uniform(), SHAPE),
    "disk_normal": (pi.truncated_normal(std=0.5), SHAPE),
    "truncated_normal": (pi.truncated_normal(std=0.5, low=-1.0), SHAPE),
    "log_uniform": (pi.log_uniform(0.01, 100.0), SHAPE),
    "inverse_softplus": (pi.inverse_softplus(0.001, 20.0, floor=0.01), SHAPE),
    "log_of_uniform": (pi.log_of_uniform(0.0, 16.0), SHAPE),
    "log_decay": (pi.log_decay(0.5, 0.999), SHAPE),
    "sparse": (pi.sparse(0.5, std=1.0), SHAPE),
    "bernoulli_sparse": (pi.sparse(0.5, std=1.0, exact=False), SHAPE),
    "flattened_sparse": (pi.sparse(0.5, std=1.0, in_axis=(0, 1), out_axis=2), (3, 4, 8)),
    "orthogonal": (pi.orthogonal(), SHAPE),
    "grouped_orthogonal": (pi.orthogonal(groups=2), SHAPE),
    "delta_orthogonal": (pi.delta_orthogonal(), (3, 4, 8)),
    "along": (pi.along([0.1 * k for k in range(8)], axis=1), SHAPE),
    "identity": (pi.identity(gain=0.7), SHAPE),
    "dirac": (pi.dirac(), (3, 4, 8)),
    "bilinear": (pi.bilinear(), (4, 4, 2, 2)),
    "hippo": (pi.hippo(), (12, 12)),
    "pretrained": (pi.pretrained(np.linspace(-1, 1, 96, dtype=np.float32).reshape(SHAPE)), SHAPE),
    "selected": (pi.pretrained(np.linspace(-1, 1, 384).reshape(24, 16), select="even"), SHAPE),
    "blocks": (pi.blocks(["orthogonal", pi.normal(std=0.1)], axis=1), SHAPE),
    "sharing_blocks": (pi.blocks([pi.normal(std=0.1), pi.normal(std=0.1)], axis=1, streams=[1, 1]), SHAPE),
    "icnr": (pi.icnr(pi.normal(), 2, axis=0, shuffle="pixel_shuffle"), (8, 3, 3, 3)),
}


# what no complex number is drawn by
REAL = {
    "truncated_normal", "log_uniform", "inverse_softplus", "log_of_uniform", "log_decay", "sparse",
    "bernoulli_sparse", "flattened_sparse",
}  # fmt: skip


def values(array: np.ndarray, dtype: str) -> np.ndarray:
    found = resolve(dtype)
    return decode(held(array, found), found).astype(np.complex128)


def test_every_distribution_is_here() -> None:
    assert {*RECIPES} == {*NUMBERS}


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", RECIPES)
def test_it_is_made_alike_for_each_window_or_refused_by_name(name: str, dtype: str) -> None:
    recipe, shape = RECIPES[name]
    if dtype.startswith("complex") and name in REAL:
        # one line that names what came, before anything is drawn
        for refused in (lambda: recipe.plan(shape, dtype), lambda: recipe(shape, key=0, dtype=dtype)):
            with pytest.raises(pi.RecipeError, match=f"^[^\n]*{dtype}[^\n]*$"):
                refused()
        return
    plan = recipe.plan(shape, dtype)
    assert plan.dtype == dtype
    made = recipe(shape, key=5, dtype=dtype)
    assert made.dtype.name == dtype
    assert np.isfinite(values(made, dtype)).all()
    start, extent = tuple(n // 3 for n in shape), tuple(n - n // 3 for n in shape)
    part = recipe(extent, key=5, dtype=dtype, window=pi.Window(start, shape))
    place = tuple(slice(i, None) for i in start)
    np.testing.assert_array_equal(values(part, dtype), values(made, dtype)[place])
    filled = pi.fill(np.zeros(shape, made.dtype), recipe, key=5)
    np.testing.assert_array_equal(values(filled, dtype), values(made, dtype))


@pytest.mark.parametrize("dtype", [name for name in FORMATS if not name.startswith("complex")])
@pytest.mark.parametrize("name", RECIPES)
def test_narrow_numbers_are_those_of_float32_within_a_rounding(name: str, dtype: str) -> None:
    recipe, shape = RECIPES[name]
    if dtype == "float64":
        # other draws
        return
    wide = recipe(shape, key=5).astype(np.float64)
    found = resolve(dtype)
    off = np.abs(values(recipe(shape, key=5, dtype=dtype), dtype).real - wide)
    # half a unit in the last place, or of the smallest number; a whole one at an open bound
    unit = 2.0 * np.maximum(np.abs(wide) * 2.0**-found.digits, math.ldexp(0.5, found.quantum))
    assert (off <= unit).all()


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_whole_dict(dtype: str) -> None:
    made = pi.init_params({"l1.weight": SHAPE, "l1.bias": (8,)}, "he_normal", key=0, dtype=dtype)
    assert {array.dtype.name for array in made.values()} == {dtype}
    assert not values(made["l1.bias"], dtype).any()
    expected = pi.he_normal()(SHAPE, key=pi.key(0).fold_in("l1.weight"), dtype=dtype)
    np.testing.assert_array_equal(values(made["l1.weight"], dtype), values(expected, dtype))
