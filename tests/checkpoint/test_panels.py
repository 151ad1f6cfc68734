"""Matrices that are drawn whole, made in panels: the same bytes, checksum, mean and std, in less memory."""

from __future__ import annotations

import subprocess
import sys
import zlib
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

import pyinit as pi
from pyinit.checkpoint import writer
from pyinit.checkpoint.contents import Drawn
from pyinit.checkpoint.panels import joined_digest, panels_of
from pyinit.stream.window import Window

RECIPES = {
    "tall": ((600, 130), pi.orthogonal(layout="torch")),
    "wide": ((130, 600), pi.orthogonal(layout="torch", gain=2.0)),
    "square": ((256, 256), pi.orthogonal(layout="torch")),
    "jax": ((40, 9, 300), pi.orthogonal(layout="jax")),
    "stack": ((3, 200, 150), pi.orthogonal(layout="torch", batch_axis=0)),
    "last_stack": ((100, 120, 3), pi.orthogonal(out_axis=0, batch_axis=2)),
    "groups": ((64, 32, 3, 3), pi.orthogonal(layout="torch", groups=2)),
    "conv": ((96, 32, 3, 3), pi.delta_orthogonal(layout="torch")),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("name", RECIPES)
def test_panels_hold_the_bytes_of_the_whole(
    name: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, recipe = RECIPES[name]
    monkeypatch.setattr(writer, "_SMALLEST_BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(writer, "_DIGEST_BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(writer, "_PANEL_BYTES", 1 << 14)
    file = tmp_path / "model.safetensors"
    rules = [("w", recipe)]
    pi.write_checkpoint({"w": shape}, rules, path=file, key=3, dtype=dtype, digest=True, threads=2)
    plan = recipe.plan(shape, dtype)
    storage = np.dtype(np.uint16 if dtype == "bfloat16" else dtype)
    whole = np.empty(prod(shape) * storage.itemsize, np.uint8)
    origin = Window((0,) * len(shape), shape)
    Drawn(plan, pi.key(3).fold_in("w")).fill(origin, shape, whole, 1)
    assert file.read_bytes().endswith(whole.tobytes())


def test_the_receipt_says_the_checksum_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_DIGEST_BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(writer, "_PANEL_BYTES", 1 << 14)
    shapes = {name: shape for name, (shape, _) in RECIPES.items()}
    rules = [(name, recipe) for name, (_, recipe) in RECIPES.items()]
    receipt = pi.write_checkpoint(shapes, rules, path=tmp_path, key=3, digest=True)
    tensors = receipt.to_dict()["tensors"]
    for name, array in load_file(tmp_path / "model.safetensors").items():
        assert tensors[name]["crc32"] == f"{zlib.crc32(array.tobytes()):08x}", name
        assert tensors[name]["found"]["std"] == pytest.approx(array.std(), rel=1e-5), name


@given(
    shape=st.tuples(*[st.integers(1, 12)] * 3),
    axis=st.integers(0, 2),
    most=st.integers(1, 4000),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_panels_are_each_byte_once(shape: tuple[int, ...], axis: int, most: int, seed: int) -> None:
    content = _Cut(axis)
    data = np.random.default_rng(seed).integers(0, 256, prod(shape) * 4, dtype=np.uint8)
    values = data.view(np.uint32).reshape(shape)
    copy, digests = np.zeros_like(data), []
    for panel in panels_of(content, Window((0, 0, 0), shape), shape, 4, most):
        inside = tuple(slice(a, a + n) for a, n in zip(panel.window.start, panel.shape, strict=True))
        part = np.ascontiguousarray(values[inside]).reshape(-1).view(np.uint8)
        assert panel.nbytes == len(part)
        for offset, row in panel.cut(part):
            assert not copy[offset : offset + len(row)].any() or not row.nbytes
            copy[offset : offset + len(row)] = row
        digests.append(panel.digest(part, "float32", len(data)))
    np.testing.assert_array_equal(copy, data)
    assert joined_digest(digests).crc32 == zlib.crc32(data.data)


class _Cut(Drawn):
    """A content that is cut along a given axis."""

    def __init__(self, axis: int) -> None:
        object.__setattr__(self, "_axis", axis)

    def cheap_axis(self, shape: tuple[int, ...]) -> int | None:
        axis: int = self._axis  # type: ignore[attr-defined]
        return axis


WRITE = """
import sys
import pyinit as pi
from pyinit.cli.meter import peak_memory

pi.write_checkpoint({"w": (4, 4)}, "orthogonal", path=sys.argv[1] + "/small.safetensors")
before = peak_memory()
pi.write_checkpoint({"w": (6144, 6144)}, "orthogonal", path=sys.argv[1] + "/large.safetensors", threads=2)
print(peak_memory() - before)
"""


def test_a_matrix_need_not_fit_into_memory(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WRITE, tmp_path], capture_output=True, text=True, check=True)
    # the matrix has 151 MB
    assert int(done.stdout) < 120 << 20
