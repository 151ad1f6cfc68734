"""Lazy arrays have the values of the recipe, however they are cut, wherever their chunks are computed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi

pytestmark = pytest.mark.interop
da = pytest.importorskip("dask.array")
zarr = pytest.importorskip("zarr")

import pyinit.dask  # noqa: E402

SHAPE = (60, 42)
RECIPES: dict[str, Any] = {
    "he_normal": pi.he_normal(),
    "truncated": pi.truncated_normal(std=0.02),
    "uniform": pi.uniform(-0.1, 0.1),
    "orthogonal": pi.orthogonal(),
    "sparse": pi.sparse(0.8),
    "blocks": pi.blocks([pi.orthogonal(), "ones", pi.he_normal()], axis=1),
    "identity": pi.identity(),
    "constant": pi.constant(0.3),
    "pretrained": pi.pretrained(np.arange(60 * 42, dtype=np.float32).reshape(SHAPE)),
}


@st.composite
def cut(draw: Any, size: int) -> tuple[int, ...]:
    """Sizes of chunks that add up."""
    edges = sorted(draw(st.sets(st.integers(1, size - 1), max_size=5)))
    return tuple(np.diff([0, *edges, size]).tolist())


@pytest.mark.parametrize("name", RECIPES)
@settings(max_examples=12)
@given(rows=cut(60), columns=cut(42))
def test_equal_under_any_chunking(name: str, rows: tuple[int, ...], columns: tuple[int, ...]) -> None:
    recipe = RECIPES[name]
    lazy = pyinit.dask.array(recipe, SHAPE, key=5, chunks=(rows, columns))
    assert lazy.chunks == (rows, columns)
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), recipe(SHAPE, key=5))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "uint16"])
def test_equal_in_every_dtype(dtype: str) -> None:
    lazy = pyinit.dask.array("normal", SHAPE, key=5, chunks=17, dtype=dtype)
    whole = pi.normal()(SHAPE, key=5, dtype=dtype)
    made = lazy.compute()
    assert made.dtype == lazy.dtype == whole.dtype
    assert made.tobytes() == whole.tobytes()


@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (3, 4, 5)])
def test_any_number_of_axes(shape: tuple[int, ...]) -> None:
    lazy = pyinit.dask.array("normal", shape, key=5, chunks=2)
    np.testing.assert_array_equal(lazy.compute(), pi.normal()(shape, key=5))


def test_a_row_draws_one_chunk_alone() -> None:
    """What is not asked for is not made, so that an array may be larger than memory."""
    lazy = pyinit.dask.array("normal", (1 << 22, 1 << 10), key=5, chunks=(1 << 10, 1 << 10))
    assert lazy.nbytes == 1 << 34
    row = pi.Window(start=(123_456, 0), global_shape=lazy.shape)
    np.testing.assert_array_equal(lazy[123_456].compute(), pi.normal()((1, 1 << 10), key=5, window=row)[0])


def test_fans_are_those_of_numpy() -> None:
    """A recipe that is silent about axes means (in, out); fans come from the whole shape."""
    lazy = pyinit.dask.array("he_normal", (1000, 10), key=5, chunks=(10, 10))
    np.testing.assert_array_equal(lazy.compute(), pi.he_normal()((1000, 10), key=5))
    with pytest.raises(pi.LayoutError):
        pyinit.dask.array("he_normal", (8, 32, 64), key=5)


def test_a_name_says_what_is_made(tmp_path: Path) -> None:
    """Equal arrays have one name in every process; others have another."""
    names = [
        pyinit.dask.array(recipe, SHAPE, key=key, chunks=chunks, dtype=dtype).name
        for recipe in (*RECIPES.values(), pi.pretrained(np.zeros(SHAPE)))
        for key in (0, pi.key(0).fold_in("w"))
        for chunks in (20, 21)
        for dtype in ("float32", "bfloat16")
    ]
    assert len(set(names)) == len(names)
    script = "import pyinit.dask as pd; print(pd.array('he_normal', (60, 42), key=0, chunks=20).name)"
    other = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert other.stdout.strip() == names[0]
    # equal numbers are one array, whatever the recipe is called
    assert pyinit.dask.array(pi.kaiming_normal(), SHAPE, key=0, chunks=20).name == names[0]


def test_another_process_makes_the_same_chunks() -> None:
    lazy = pickle.loads(pickle.dumps(pyinit.dask.array(pi.orthogonal(), SHAPE, key=5, chunks=30)))
    np.testing.assert_array_equal(
        lazy.compute(scheduler="processes", num_workers=1), pi.orthogonal()(SHAPE, key=5)
    )


def test_store_and_to_zarr(tmp_path: Path) -> None:
    lazy, whole = pyinit.dask.array("he_normal", SHAPE, key=5, chunks=25), pi.he_normal()(SHAPE, key=5)
    out = np.zeros(SHAPE, np.float32)
    lazy.store(out)
    np.testing.assert_array_equal(out, whole)
    lazy.to_zarr(str(tmp_path / "made.zarr"))
    np.testing.assert_array_equal(zarr.open(str(tmp_path / "made.zarr"))[:], whole)


def test_under_query_planning(tmp_path: Path) -> None:
    """Dask reads this setting once, when it is imported."""
    script = """
import sys
import dask
dask.config.set({"array.query-planning": True})
import numpy as np, zarr
import pyinit as pi, pyinit.dask
lazy, whole = pyinit.dask.array("he_normal", (60, 42), key=5, chunks=25), pi.he_normal()((60, 42), key=5)
assert hasattr(lazy, "expr")
same = pyinit.dask.array("he_normal", (60, 42), key=5, chunks=25)
assert lazy.name == same.name and lazy.name != pyinit.dask.array("he_normal", (60, 42), key=6, chunks=25).name
assert np.array_equal(lazy.compute(), whole)
assert np.array_equal((lazy[5:].T * 2).compute(), whole[5:].T * 2)
out = np.zeros((60, 42), np.float32)
lazy.store(out)
assert np.array_equal(out, whole)
lazy.to_zarr(sys.argv[1])
assert np.array_equal(zarr.open(sys.argv[1])[:], whole)
"""
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "made.zarr")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"chunks": (7, (1, 2))}, pi.ShapeError, "chunks must add up to the shape (60, 42)"),
        ({"chunks": "many"}, pi.ShapeError, "got 'many'"),
        ({"dtype": "int8"}, pi.DTypeError, "int8"),
        ({"key": -1}, pi.SeedError, "-1"),
        ({"recipe": "he_norm"}, pi.RecipeError, "he_norm"),
        ({"shape": (-1, 2)}, pi.ShapeError, "negative"),
    ],
)
def test_refused_at_once(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    given = {"recipe": "he_normal", "shape": SHAPE, "key": 0, **arguments}
    with pytest.raises(error) as raised:
        pyinit.dask.array(given.pop("recipe"), given.pop("shape"), **given)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
