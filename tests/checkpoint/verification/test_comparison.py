"""What a verification compares: everything, a sample, what cannot be made here; it misses no bit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.completion import receipt_of
from pyinit.checkpoint.digest import Digest
from pyinit.checkpoint.found import Found
from pyinit.checkpoint.plan import plan_checkpoint
from pyinit.checkpoint.spec import Spec, TensorSpec
from pyinit.checkpoint.spec_json import spec_from_json
from pyinit.checkpoint.verification import comparison, sampling
from pyinit.checkpoint.verification.expected import expected_of, read_expected
from pyinit.checkpoint.verification.sampling import Sample
from pyinit.errors import ArgumentError, FormatError, SpecError
from pyinit.recipes.rules import Rule
from pyinit.stream.safetensors import read_header

SPEC = spec_from_json(
    {
        "tensors": {
            "emb": [301, 17],
            "deep": {"shape": [3, 5, 7, 11], "layout": "jax"},
            "bias": [129],
            "scalar": [],
            "empty": [0, 4],
            "steps": {"shape": [], "dtype": "int64"},
            "mask": {"shape": [5, 2], "dtype": "bool"},
            "wide": {"shape": [2, 5000], "dtype": "float64"},
            "half": {"shape": [9, 9], "dtype": "float16"},
            "brain": {"shape": [7, 11], "dtype": "bfloat16"},
            "ortho": {"shape": [40, 30], "layout": "torch"},
            "sparse": {"shape": [50, 60], "layout": "torch"},
        }
    }
)
RULES = (
    Rule("steps", pi.zeros()),
    Rule("mask", pi.ones()),
    Rule("emb", pi.truncated_normal(std=0.5), zero_rows=(0, 150, 300)),
    Rule("deep", pi.he_normal()),
    Rule("bias", pi.uniform(-1, 1)),
    Rule("ortho", pi.orthogonal()),
    Rule("sparse", pi.sparse(0.9)),
    Rule("*", pi.normal()),
)


def written(folder: Path, **options: Any) -> Path:
    pi.write_checkpoint(SPEC, RULES, path=folder, **{"key": 7, **options})
    return folder


@pytest.mark.parametrize("options", [{}, {"shard_size": 9000}, {"dtype": "bfloat16"}, {"digest": True}])
def test_every_kind_of_tensor_is_made_again(tmp_path: Path, options: dict[str, Any]) -> None:
    found = pi.verify(written(tmp_path, **options))
    assert (found.is_same, found.findings) == (True, ())
    assert found.compared == found.tensors == len(SPEC.tensors)
    assert found.compared_bytes == found.nbytes


def test_blocks_do_not_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    data = bytearray((tmp_path / "model.safetensors").read_bytes())
    for place in range(len(data) - 30_000, len(data), 997):
        data[place] ^= 1
    (tmp_path / "model.safetensors").write_bytes(data)
    found = pi.verify(tmp_path, threads=1)
    assert not found.is_same
    # a block that differs is looked at as a whole, so what is said of few bytes is the same
    for block in (64, 1000, 1 << 16):
        monkeypatch.setattr(comparison, "BLOCK_BYTES", block)
        monkeypatch.setattr(sampling, "BLOCK_BYTES", block)
        again = pi.verify(tmp_path, threads=3)
        assert [(each.tensor, each.kind) for each in again.findings] == [
            (each.tensor, each.kind) for each in found.findings
        ]


@given(place=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_no_flipped_bit_of_a_file_is_missed(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "flipped"
    if not folder.exists():
        written(folder)
    path = folder / "model.safetensors"
    before = path.read_bytes()
    data = bytearray(before)
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    found = pi.verify(folder)
    path.write_bytes(before)
    start = min(info.start for info in read_header(path).tensors.values())
    is_in_header = place % len(data) < start
    if is_in_header:
        assert "header" in {each.kind for each in found.findings}
    else:
        (finding,) = found.findings
        info = read_header(path).tensors[str(finding.tensor)]
        assert info.start + finding.facts["first"] == place % len(data)


def test_a_receipt_of_another_checkpoint_differs_everywhere(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b", key=8)
    found = pi.verify(tmp_path / "a", tmp_path / "b" / "init.json")
    # all that is drawn; constants are the same
    assert len(found.findings) == len(SPEC.tensors) - len(("empty", "steps", "mask"))
    assert {each.kind for each in found.findings} <= {"key", "values", "constant", "corrupt"}


def test_receipts_and_plans_say_the_same(tmp_path: Path) -> None:
    receipt = pi.write_checkpoint(SPEC, RULES, key=7, path=tmp_path, shard_size=9000)
    plan = plan_checkpoint(SPEC, RULES, key=7, path=tmp_path, shard_size=9000)
    (tmp_path / "plan").write_text(plan.to_json())
    for given_as in (None, receipt, plan, tmp_path, tmp_path / "init.json", tmp_path / "plan"):
        assert pi.verify(tmp_path, given_as).is_same
    one, other = expected_of(plan), read_expected((tmp_path / "init.json").read_bytes(), "init.json")
    assert [shard.header for shard in one.shards] == [shard.header for shard in other.shards]
    assert [replace(draft, recipe=None) for draft in one.drafts] == [
        replace(draft, recipe=None) for draft in other.drafts
    ]


def test_a_changed_receipt_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    text = (tmp_path / "init.json").read_text()

    def refused(change: Callable[[dict[str, Any]], Any], error: type[Exception], message: str) -> None:
        content = json.loads(text)
        change(content)
        (tmp_path / "init.json").write_text(json.dumps(content))
        with pytest.raises(error, match=message):
            pi.verify(tmp_path)

    refused(lambda c: c["tensors"]["deep"].update(std=1.0), SpecError, "'deep': he_normal has std 1.0 in the")
    refused(lambda c: c["tensors"]["deep"].update(shape=[3, 5, 7, 12]), SpecError, "'deep': he_normal has")
    refused(lambda c: c["tensors"]["bias"].pop("key"), FormatError, "the receipt cannot be read")
    refused(lambda c: c["tensors"]["mask"].pop("content"), FormatError, "does not say what makes it")
    refused(
        lambda c: c["files"].update({"model.safetensors": 5}), FormatError, "are not those of its tensors"
    )
    refused(lambda c: c.update(stream_version=9), SpecError, "version 9 of the stream")
    refused(lambda c: c.pop("tensors"), FormatError, "the receipt cannot be read")


def test_copies_of_a_file_that_is_gone_are_known_by_their_checksum(tmp_path: Path) -> None:
    old = tmp_path / "old.safetensors"
    tensors = Spec("old", (TensorSpec("ids", (3,), "int32"), TensorSpec("w", (4, 5), "float32")))
    pi.write_checkpoint(tensors, [("ids", pi.constant(-9)), ("w", "zeros")], path=old)
    copying = [("w", pi.pretrained(old, tensor="w")), ("v", "normal")]
    for name, digest in (("with", True), ("without", False)):
        pi.write_checkpoint(pi.find_spec(old), "normal", path=tmp_path / f"ids {name}", digest=digest)
        pi.write_checkpoint({"w": (4, 5), "v": (2,)}, copying, path=tmp_path / f"w {name}", digest=digest)
    names = ("ids with", "ids without", "w with", "w without")
    assert all(pi.verify(tmp_path / name).is_same for name in names)
    old.unlink()
    assert [pi.verify(tmp_path / name).is_same for name in names] == [True, True, True, False]
    found = pi.verify(tmp_path / "w without")
    assert (found.differing, found.compared, found.unsampled) == ((), 1, ())
    assert str(found.unchecked[0]) == f"w: not checked: is copied from {old}: No such file or directory"
    assert str(found).endswith(
        "1 tensor not checked; compared 1 of 2 tensors, 8 bytes of 88 bytes: as written"
    )
    path = tmp_path / "ids without" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[read_header(path).tensors["ids"].start] ^= 1
    path.write_bytes(data)
    (finding,) = pi.verify(path.parent).findings
    assert (finding.kind, finding.tensor) == ("checksum", "ids")


def test_memory_is_that_of_the_blocks(tmp_path: Path) -> None:
    shapes = {"large": (15000, 5000), "many": (500, 1000)}
    pi.write_checkpoint(shapes, "normal", path=tmp_path, dtype="bfloat16")
    program = (
        "import resource, sys\n"
        "import pyinit as pi\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "pi.verify\n"
        "before = peak()\n"
        "assert pi.verify(sys.argv[1], threads=2).is_same\n"
        "assert not pi.verify(sys.argv[1], sys.argv[2], threads=2).is_same\n"
        "print((peak() - before) // 1024)\n"
    )
    # another seed: every block differs
    other = tmp_path / "other"
    plan = plan_checkpoint(shapes, "normal", path=tmp_path, key=1, dtype="bfloat16")
    other.write_text(plan.to_json())
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path, other], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # two threads with two blocks of 4 MiB each, and what a block that differs needs
    assert int(done.stdout) < 100


def test_receipts_are_small() -> None:
    plan = plan_checkpoint("llama-70b", path="out", shard_size=5 * 10**9, digest=True)
    found = {
        extent.index: Digest(2**32 - 1, extent.nbytes, Found(9, -1.23456e-5, 0.0036))
        for extent in plan.extents
    }
    size = len(receipt_of(plan, found).to_json())
    assert size < len(plan.blueprint.drafts) * (1 << 20) / 1000
    assert len(plan.blueprint.drafts) == 723


def test_a_sample_takes_a_block_of_every_tensor(tmp_path: Path) -> None:
    shapes = {"big": (2000, 1000), "small": (3,), "whole": (64, 64)}
    pi.write_checkpoint(
        shapes, [("whole", pi.orthogonal()), ("small", "ones"), ("*", "normal")], path=tmp_path
    )
    found = pi.verify(tmp_path, sample=0.1)
    assert found.is_same
    # 8 MB are 31 blocks of 262,144 bytes, less what rows do not fill
    assert found.compared_bytes == pytest.approx(0.1 * 8_000_000, rel=0.1)
    assert set(found.unsampled) <= {"whole"}
    assert found.compared + len(found.unsampled) == 3


def test_a_seed_decides_what_a_sample_takes(tmp_path: Path) -> None:
    pi.write_checkpoint({"big": (2000, 1000)}, "normal", path=tmp_path)
    (draft,) = plan_checkpoint({"big": (2000, 1000)}, "normal", path=tmp_path).blueprint.drafts
    taken = [list(Sample(0.1, seed).blocks(draft)) for seed in (0, 0, 1)]
    assert taken[0] == taken[1] != taken[2]
    # a tenth of the tensor is damaged: seeds that meet it find it, all of it together is found by all
    path = tmp_path / "model.safetensors"
    data = np.memmap(path, np.uint8, "r+")
    data[-800_000:] ^= 1
    data.flush()
    seen = [pi.verify(tmp_path, sample=0.1, seed=seed).is_same for seed in range(8)]
    assert seen == [pi.verify(tmp_path, sample=0.1, seed=seed).is_same for seed in range(8)]
    assert set(seen) == {True, False}
    assert not pi.verify(tmp_path).is_same


@given(share=st.floats(0.001, 1), rows=st.integers(1, 3000), seed=st.integers(0, 2**64 - 1))
def test_samples_are_of_the_size_that_was_asked_for(share: float, rows: int, seed: int) -> None:
    (draft,) = plan_checkpoint({"t": (rows, 4096)}, "normal", path="x").blueprint.drafts
    blocks = list(Sample(share, seed).blocks(draft))
    starts = [window.offset for window, _ in blocks]
    assert starts == sorted(set(starts))
    taken = sum(extent[0] for _, extent in blocks)
    # blocks are of 16 rows
    assert abs(taken - share * rows) <= 24
    assert taken > 0


@pytest.mark.parametrize("sample", [0, -1, 1.5, float("nan"), "1%"])
def test_a_share_is_a_number_up_to_one(tmp_path: Path, sample: Any) -> None:
    written(tmp_path)
    with pytest.raises(ArgumentError, match=r"sample must be in \(0, 1\]"):
        pi.verify(tmp_path, sample=sample)


def test_progress_grows_to_the_whole(tmp_path: Path) -> None:
    pi.write_checkpoint({"big": (3000, 1000)}, "normal", path=tmp_path)
    seen: list[tuple[int, int]] = []
    pi.verify(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (12_000_000, 12_000_000)


def test_an_error_in_the_callers_progress_stops_it(tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        pi.verify(written(tmp_path), progress=fail)


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    written(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="there is no directory or file"):
        pi.verify(tmp_path / "absent", tmp_path / "a")
    (tmp_path / "a" / "other.safetensors").write_bytes(b"")
    with pytest.raises(SpecError, match=r"speaks of model\.safetensors; got other\.safetensors"):
        pi.verify(tmp_path / "a" / "other.safetensors")
