"""Keys of torch.func._random: two words, the same on both sides."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
keys = pytest.importorskip("pyinit.torch.keys")
WORDS = st.integers(0, 2**64 - 1)
VECTORS = Path(__file__).resolve().parents[1] / "data" / "torch_stateless_philox.json"


@given(seed=WORDS, offset=WORDS)
def test_there_and_back(seed: int, offset: int) -> None:
    pytest.importorskip("torch.func._random")
    made = keys.to_key(pi.Key(seed, offset))
    assert made.dtype is torch.uint64
    assert made.tolist() == [seed, offset]
    assert keys.from_key(made) == pi.Key(seed, offset)


@given(seed=WORDS)
def test_a_seed_makes_the_key_that_torch_makes(seed: int) -> None:
    stateless = pytest.importorskip("torch.func._random")
    theirs = stateless.key(seed)
    ours = keys.to_key(seed)
    assert (ours.dtype, ours.shape, ours.device) == (theirs.dtype, theirs.shape, theirs.device)
    assert torch.equal(ours, theirs)
    assert keys.from_key(theirs) == pi.key(seed)


def test_what_torch_drew_under_its_keys_is_drawn_under_ours() -> None:
    """The outputs of torch 2.14: uniforms to the last bit, normals within 2e-6, fold_in exactly."""
    cases = json.loads(VECTORS.read_text())["cases"]
    assert cases
    for case in cases:
        theirs = torch.tensor([int(case["seed"]), int(case["offset"])], dtype=torch.uint64)
        key = keys.from_key(theirs)
        for dtype in ("float32", "float64"):
            uniform = np.frombuffer(bytes.fromhex(case[f"uniform_{dtype}"]), dtype)
            np.testing.assert_array_equal(pi.uniform()((case["n"],), key=key, dtype=dtype), uniform)
            normal = np.frombuffer(bytes.fromhex(case[f"normal_{dtype}"]), dtype)
            np.testing.assert_allclose(
                pi.normal()((case["n"],), key=key, dtype=dtype), normal, rtol=0, atol=2e-6
            )
        for number, words in case["fold_in"].items():
            folded = torch.tensor([int(word) for word in words], dtype=torch.uint64)
            assert keys.from_key(folded) == key.fold_in(int(number))


def test_the_device_is_the_callers() -> None:
    pytest.importorskip("torch.func._random")
    assert keys.to_key(3, device="meta").device.type == "meta"
    with torch.device("meta"):
        assert keys.to_key(3).tolist() == [3, 0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (7, r"needs a uint64 tensor \(seed, offset\); got 7\. Use torch\.func\._random\.key"),
        (torch.tensor([1, 2]), r"got a torch\.int64 tensor on cpu\. Use"),
        (torch.empty(2, dtype=torch.uint64, device="meta"), r"got a torch\.uint64 tensor on meta\. Use"),
        (
            torch.zeros(3, 2, dtype=torch.uint64),
            r"needs one key, of shape \(2,\); got shape \(3, 2\)\. Convert keys\[i\]",
        ),
    ],
)
def test_what_is_no_key(wrong: Any, message: str) -> None:
    with pytest.raises(pi.SeedError, match=message):
        keys.from_key(wrong)


def test_a_seed_that_is_none() -> None:
    with pytest.raises(pi.SeedError):
        keys.to_key(-1)


def test_a_torch_without_stateless_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    # how an import fails where the module does not exist
    monkeypatch.setitem(sys.modules, "torch.func._random", None)
    with pytest.raises(
        ImportError, match=rf"torch {torch.__version__.split('+')[0]}.* does not have it\. Use torch 2\.13"
    ) as caught:
        keys.to_key(3)
    assert isinstance(caught.value, pi.PyinitError)
    assert keys.from_key(torch.tensor([7, 2], dtype=torch.uint64)) == pi.Key(7, 2)
