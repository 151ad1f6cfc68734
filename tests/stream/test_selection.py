"""Weight selection: evenly spread indices of a larger tensor, of arrays and files, in any window."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

import pyinit as pi

VALUES = np.arange(12 * 15 * 4, dtype=np.float64).reshape(12, 15, 4)


def _chosen(length: int, size: int) -> list[int]:
    if length % size == 0:
        return [k * (length // size) for k in range(size)]
    # Python rounds a fraction half to even, exactly
    return [round(Fraction(k * (length - 1), max(size - 1, 1))) for k in range(size)]


def _selected(shape: tuple[int, ...]) -> np.ndarray:
    return VALUES[np.ix_(*[_chosen(m, n) for m, n in zip(VALUES.shape, shape, strict=True)])]


@given(st.tuples(*[st.integers(1, n) for n in VALUES.shape]))
def test_indices_are_spread_evenly(shape: tuple[int, int, int]) -> None:
    made = pi.pretrained(VALUES, select="even")(shape, key=0, dtype="float64")
    np.testing.assert_array_equal(made, _selected(shape))


def test_the_ends_are_kept_and_steps_are_whole() -> None:
    line = pi.pretrained(np.arange(1024.0), select="even")
    np.testing.assert_array_equal(line((256,), key=0), np.arange(0.0, 1024.0, 4.0))
    made = line((192,), key=0)
    assert (made[0], made[-1], set(np.diff(made).tolist())) == (0.0, 1023.0, {5.0, 6.0})
    assert line((0,), key=0).shape == (0,)
    assert line((1,), key=0) == 0.0


@pytest.mark.interop
def test_the_published_selection_takes_the_same_indices() -> None:
    torch = pytest.importorskip("torch")
    # widths, hidden sizes and heads of ViT, ConvNeXt and Llama models
    sizes = [48, 96, 192, 320, 384, 640, 768, 1024, 1280, 2048, 2304, 3072, 4096, 5632, 11008, 14336]
    for length in sizes:
        line = pi.pretrained(np.arange(float(length)), select="even")
        for size in (n for n in sizes if n < length):
            # its float32 moves up to 3 indices of lengths above 10,000 by one place
            kind = torch.float32 if length < 10_000 else torch.float64
            even = torch.linspace(0, length - 1, size, dtype=kind).round()
            expected = torch.arange(size) * (length // size) if length % size == 0 else even
            np.testing.assert_array_equal(line((size,), key=0, dtype="float64"), expected.numpy())


@given(data=st.data())
def test_a_window_is_a_slice_of_the_whole(data: Any) -> None:
    shape = data.draw(st.sampled_from([(12, 15, 4), (6, 4, 3), (5, 5, 2), (7, 15, 1)]))
    start = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    extent = tuple(data.draw(st.integers(1, n - i)) for n, i in zip(shape, start, strict=True))
    recipe = pi.pretrained(VALUES, select="even")
    part = recipe(extent, key=0, window=pi.Window(start, shape))
    whole = recipe(shape, key=0)
    np.testing.assert_array_equal(
        part, whole[tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))]
    )


@pytest.mark.parametrize("kept", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_file_gives_what_an_array_gives(tmp_path: Path, kept: Any, dtype: str) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"w": VALUES.astype(kept)}, path)
    recipe = pi.pretrained(path, "w", select="even")
    expected = pi.pretrained(_selected((5, 5, 2)).astype(kept))((5, 5, 2), key=0, dtype=dtype)
    np.testing.assert_array_equal(recipe((5, 5, 2), key=0, dtype=dtype), expected)
    again = pi.recipe_from_json(recipe.to_json())
    assert again == recipe == eval(repr(recipe), vars(pi))
    assert again != pi.pretrained(path, "w")


def test_files_hold_the_selection_however_they_are_cut(tmp_path: Path) -> None:
    save_file({"w": VALUES.astype(np.float32)}, tmp_path / "large.safetensors")
    rules = {"w": pi.pretrained(tmp_path / "large.safetensors", "w", select="even")}
    plan = pi.plan_checkpoint({"w": (5, 5, 2)}, rules, key=0, path=tmp_path / "small", extent_bytes=40)
    read = pi.CheckpointPlan.from_json(plan.to_json())
    assert read.fingerprint == plan.fingerprint
    pi.write_checkpoint({"w": (5, 5, 2)}, rules, key=0, path=tmp_path / "small")
    data = (tmp_path / "small" / "model.safetensors").read_bytes()
    assert data.endswith(_selected((5, 5, 2)).astype(np.float32).tobytes())
    assert pi.verify(tmp_path / "small").is_same


@pytest.mark.interop
def test_jax_and_dask_select_the_same() -> None:
    jax = pytest.importorskip("jax")
    pytest.importorskip("dask")
    import pyinit.dask
    from pyinit.jax.traced.traced import draw

    recipe, expected = pi.pretrained(VALUES, select="even"), _selected((5, 5, 2)).astype(np.float32)
    words = jax.numpy.array([7, 0, 0, 0], "uint32")
    np.testing.assert_array_equal(draw(recipe, words, (5, 5, 2)), expected)
    lazy = pyinit.dask.array(recipe, (5, 5, 2), key=0, chunks=(2, 3, 1))
    np.testing.assert_array_equal(np.asarray(lazy), expected)


def test_what_does_not_fit_is_refused() -> None:
    recipe = pi.pretrained(VALUES, select="even")
    for shape in ((13, 15, 4), (12, 15), (12,)):
        with pytest.raises(pi.ShapeError, match=r"shape \(12, 15, 4\), exactly or evenly spaced; got \(1"):
            recipe.plan(shape)
    with pytest.raises(pi.RecipeError, match="pretrained's select is 'leading' or 'even'; got 'odd'"):
        pi.pretrained(VALUES, select="odd")
    with pytest.raises(pi.RecipeError, match="float16 holds values up to 65504; an array"):
        pi.pretrained(VALUES * 1000, select="even")((5, 5, 2), key=0, dtype="float16")
