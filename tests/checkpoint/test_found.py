"""Mean and std that the receipt says were found are those of the numbers in the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.digest import combined, digest_of
from pyinit.checkpoint.found import Found, as_float32, joined, moments_of
from pyinit.checkpoint.plan import plan_checkpoint
from pyinit.stream.safetensors import read_header

SHAPES = {"w": (700, 1000), "small": (3, 5), "bias": (1,), "none": (0, 7)}


def numbers(path: Path, name: str) -> np.ndarray:
    info = read_header(path).tensors[name]
    return as_float32(np.fromfile(path, np.uint8, info.nbytes, offset=info.start), info.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_the_receipt_says_what_numpy_finds(tmp_path: Path, dtype: str) -> None:
    recipes = [("bias", pi.constant(0.3)), ("*", pi.normal(mean=0.01, std=0.02))]
    pi.write_checkpoint(SHAPES, recipes, key=5, path=tmp_path, dtype=dtype, digest=True)
    tensors = json.loads((tmp_path / "init.json").read_text())["tensors"]
    for name in ("w", "small", "bias"):
        values = numbers(tmp_path / "model.safetensors", name).astype(np.float64)
        # six digits are written
        assert tensors[name]["found"]["mean"] == pytest.approx(values.mean(), rel=1e-5, abs=1e-12)
        assert tensors[name]["found"]["std"] == pytest.approx(values.std(), rel=1e-5, abs=1e-12)
    # the smallest error of std that 700,000 numbers show at four sigma is 0.35 %
    assert tensors["w"]["found"]["std"] == pytest.approx(tensors["w"]["std"], rel=0.0035)
    # without a number nothing is found
    assert "found" not in tensors["none"]


def test_without_a_digest_nothing_is_found(tmp_path: Path) -> None:
    pi.write_checkpoint(SHAPES, "normal", path=tmp_path)
    tensors = json.loads((tmp_path / "init.json").read_text())["tensors"]
    assert not any("found" in entry or "crc32" in entry for entry in tensors.values())


def test_integers_have_a_checksum_alone(tmp_path: Path) -> None:
    spec = pi.find_spec(_integers(tmp_path))
    receipt = pi.write_checkpoint(spec, "ones", path=tmp_path / "out", digest=True)
    assert receipt.digests["ids"].found is None
    assert receipt.digests["ids"].crc32 == receipt.crc32["ids"]


def _integers(folder: Path) -> Path:
    path = folder / "spec.json"
    path.write_text(json.dumps({"tensors": {"ids": {"shape": [4], "dtype": "int64"}}}))
    return path


def test_the_receipt_does_not_depend_on_threads_extents_or_order(tmp_path: Path) -> None:
    # more threads than there are buffers of the usual size
    for name, threads in (("a", 1), ("b", 2), ("c", 40)):
        pi.write_checkpoint(SHAPES, "normal", path=tmp_path / name, key=1, threads=threads, digest=True)
    texts = {(tmp_path / name / "init.json").read_text() for name in "abc"}
    assert len(texts) == 1
    plan = plan_checkpoint(SHAPES, "normal", path=tmp_path / "d", key=1, digest=True, extent_bytes=300_000)
    results = [pi.run_extent(plan, index) for index in reversed(range(len(plan.extents)))]
    pi.finish_checkpoint(plan, results)
    one, other = (json.loads((tmp_path / name / "init.json").read_text())["tensors"] for name in "ad")
    assert one == other


@given(st.lists(st.lists(st.floats(-9, 9, width=32), max_size=20), max_size=6))
def test_parts_join_to_the_whole(parts: Sequence[Sequence[float]]) -> None:
    arrays = [np.array(part, np.float32) for part in parts]
    found = joined(moments_of(array.view(np.uint8), "float32") for array in arrays)
    whole = np.concatenate([np.zeros(0, np.float32), *arrays]).astype(np.float64)
    assert found.count == len(whole)
    if len(whole):
        assert found.mean == pytest.approx(whole.mean(), abs=1e-12)
        assert found.std == pytest.approx(whole.std(), abs=1e-7)


def test_what_is_not_finite_does_not_count() -> None:
    values = np.array([1, np.nan, 3, np.inf], np.float32)
    assert moments_of(values.view(np.uint8), "float32") == Found(2, 2.0, 2.0)


def test_digests_join_checksums_and_numbers() -> None:
    values = np.arange(12, dtype=np.float32)
    parts = [digest_of(part.view(np.uint8), "float32") for part in np.split(values, 3)]
    whole = digest_of(values.view(np.uint8), "float32")
    assert combined(parts).crc32 == whole.crc32
    assert combined(parts).found == whole.found


def test_what_not_every_part_says_is_not_found() -> None:
    values = np.arange(12, dtype=np.float32).view(np.uint8)
    one, other = digest_of(values[:24], "float32"), digest_of(values[24:], "float32")
    assert combined([one, replace(other, found=None)]) == replace(combined([one, other]), found=None)


def test_results_that_lost_what_was_found_on_their_way_make_no_wrong_receipt(tmp_path: Path) -> None:
    plan = plan_checkpoint(SHAPES, "normal", path=tmp_path, digest=True, extent_bytes=300_000)
    results = [pi.run_extent(plan, index) for index in range(len(plan.extents))]
    assert sum(plan.extents[result.index].tensor == "w" for result in results) > 1
    receipt = pi.finish_checkpoint(plan, [replace(results[0], found=None), *results[1:]])
    assert receipt.digests["w"].found is None
    assert receipt.digests["small"].found is not None
