"""Checkpoints whose tensors are cut into rectangles are verified as whole ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.verification.finding import Verification
from pyinit.stream.safetensors import read_header

SHAPES = {"emb": (40, 30), "b": (9,), "square": (24, 24)}
RULES = [("square", pi.orthogonal()), ("*", pi.normal())]
NAME = "shard-{:05d}-model-00001-of-00001.safetensors"


def write(folder: Path, **options: Any) -> Any:
    arguments = {"key": 3, "shard_size": 1000, "layout": "dcp", **options}
    return pi.write_checkpoint(SHAPES, RULES, path=folder, **arguments)


def change(path: Path, place: int, bits: int = 4) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= bits
    path.write_bytes(data)


def said(found: Verification) -> list[str]:
    return [str(finding) for finding in found.findings]


@pytest.mark.parametrize("sample", [1.0, 0.3])
def test_what_was_written_is_the_same(tmp_path: Path, sample: float) -> None:
    receipt = write(tmp_path)
    assert len(receipt.shards) == 8
    for where in (None, receipt):
        found = pi.verify(tmp_path, where, sample=sample)
        assert (found.is_same, said(found), found.tensors) == (True, [], 3)
    assert pi.verify(tmp_path).compared_bytes == 4 * (1200 + 9 + 576)


@pytest.mark.parametrize(("file", "byte"), [(1, -5), (2, -5), (5, -960)])
def test_a_bit_is_found_in_the_file_that_has_it(tmp_path: Path, file: int, byte: int) -> None:
    write(tmp_path)
    path = tmp_path / NAME.format(file)
    place = path.stat().st_size + byte
    before = sum(
        info.nbytes
        for number in range(1, file)
        for name, info in read_header(tmp_path / NAME.format(number)).tensors.items()
        if name == "emb"
    )
    change(path, place)
    (finding,) = pi.verify(tmp_path).findings
    assert (finding.tensor, finding.file) == ("emb", path.name)
    byte = before + place - read_header(path).tensors["emb"].start
    assert str(finding) == f"emb: one bit is flipped, in byte {byte}"


def test_another_key_is_told_once_for_a_tensor(tmp_path: Path) -> None:
    receipt = write(tmp_path / "one")
    write(tmp_path / "other", key=4)
    lines = said(pi.verify(tmp_path / "other", receipt))
    expected = [f"{name}: the values are those of seed 4" for name in SHAPES]
    assert lines == expected


def test_headers_that_put_rectangles_elsewhere_are_found(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / NAME.format(2)
    data = path.read_bytes()
    path.write_bytes(data.replace(rb"saved_offsets\": [8, 0]", rb"saved_offsets\": [9, 0]"))
    assert path.read_bytes() != data
    (finding,) = pi.verify(tmp_path).findings
    assert (finding.kind, finding.file) == ("header", path.name)


def test_files_that_are_gone_or_cut_short_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / NAME.format(2)).unlink()
    short = tmp_path / NAME.format(4)
    short.write_bytes(short.read_bytes()[:-100])
    kinds = [(finding.kind, finding.tensor, finding.file) for finding in pi.verify(tmp_path).findings]
    assert kinds == [
        ("missing_file", None, NAME.format(2)),
        ("truncated_file", None, NAME.format(4)),
        ("missing", "emb", NAME.format(2)),
        ("truncated", "emb", NAME.format(4)),
    ]


def test_one_file_of_several_is_verified_alone(tmp_path: Path) -> None:
    write(tmp_path)
    found = pi.verify(tmp_path / NAME.format(3))
    assert (found.is_same, found.compared_bytes) == (True, 960)


def test_what_cannot_be_made_is_compared_by_its_checksum_over_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    pi.write_checkpoint({"w": (40, 30)}, "normal", path=source, key=1)
    file = source / "model.safetensors"
    folder = tmp_path / "out"
    options = {"shard_size": 1000, "layout": "dcp", "digest": True}
    pi.write_checkpoint({"w": (40, 30)}, pi.pretrained(file, "w"), path=folder, **options)
    file.unlink()
    assert pi.verify(folder).is_same
    change(folder / NAME.format(3), -1)
    (finding,) = pi.verify(folder).findings
    assert (finding.kind, finding.tensor) == ("checksum", "w")
