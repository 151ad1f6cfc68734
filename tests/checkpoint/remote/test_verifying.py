"""Checkpoints on object stores are verified where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.cli import main
from pyinit.stream.safetensors import build_header

pytestmark = pytest.mark.interop

SHAPES = {"emb": (301, 40), "deep": (4, 50, 60), "bias": (60,), "none": (0, 3), "head": (60, 170)}


@pytest.fixture
def url(store: Any) -> str:
    pi.write_checkpoint(SHAPES, "normal", path=f"{store.url}/out", key=3, shard_size=60_000, digest=True)
    return f"{store.url}/out"


def damaged(store: Any, name: str, change: Any) -> None:
    place = f"{store.bucket}/out/{name}"
    data = bytearray(store.fs.cat_file(place))
    store.fs.pipe_file(place, bytes(change(data)))


def test_what_was_written_is_the_same(url: str) -> None:
    found = pi.verify(url)
    assert (found.is_same, found.compared, found.compared_bytes) == (True, 5, found.nbytes)
    assert pi.verify(f"{url}/model-00001-of-00003.safetensors").is_same
    assert pi.verify(url, f"{url}/init.json", sample=0.5).is_same


def test_damage_is_found_and_named(store: Any, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "model-00001-of-00003.safetensors"

    def flip(data: bytearray) -> bytearray:
        data[-7] ^= 2
        return data

    damaged(store, name, flip)
    (finding,) = pi.verify(url).findings
    assert (finding.kind, finding.file, finding.facts["bits"]) == ("corrupt", name, 1)
    damaged(store, name, lambda data: data[:-100])
    assert [each.kind for each in pi.verify(url).findings] == ["truncated_file", "truncated"]
    store.fs.rm_file(f"{store.bucket}/out/{name}")
    capsys.readouterr()
    assert main(["verify", url]) == 1
    assert capsys.readouterr().out.startswith(f"{name}: the file is missing\n")


def test_another_header_is_read(store: Any, url: str) -> None:
    def renamed(data: bytearray) -> bytes:
        length = int.from_bytes(data[:8], "little")
        return build_header([("wte", "float32", (301, 40))])[0] + data[8 + length :]

    damaged(store, "model-00001-of-00003.safetensors", renamed)
    found = [(each.kind, each.tensor) for each in pi.verify(url).findings]
    assert found == [("header", None), ("missing", "emb"), ("unexpected", "wte")]


def test_what_is_not_there(store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError, match="verify needs a receipt that pyinit wrote, or a plan"):
        pi.verify(f"{store.url}/absent")
    capsys.readouterr()
    assert main(["verify", f"{store.url}/absent"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
