"""The numbers of a run, as JSON, as a table and as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyinit.cli.bench.chart import draw
from pyinit.cli.bench.cycles import Cycles
from pyinit.cli.bench.record import RaceRecord, Ratio, Record, Sample
from pyinit.cli.bench.table import render


@pytest.fixture
def record() -> Record:
    machine = {
        "processor": "Example 9000",
        "processors": 2,
        "pyinit": "0.1.0",
        "isa": "avx512",
        "peers": {"torch": "2.13.0", "numpy": "2.4.6", "jax": None, "oneMKL": None},
    }
    normal = RaceRecord("normal", "warm", "float32", 1 << 20)
    normal.samples = [
        Sample("pyinit", "", None, (0.25, 0.5, 0.3), 4e9, "elements/s"),
        Sample("torch", "", None, (2.5, 6.0, 2.4), 4e8, "elements/s"),
    ]
    normal.ratios = [
        Ratio("normal", "warm", "torch", "avx512", (10.0, 12.0, 8.0), 9),
        Ratio("normal", "warm", "torch", "avx2", (4.0, 4.4, 4.2), 4.5),
        Ratio("normal", "warm", "write roofline", "avx512", (0.4, 0.45, 0.41), 0.33, "%"),
    ]
    fresh = RaceRecord("normal_fresh", "fresh", "float32", 1 << 20)
    fresh.ratios = [Ratio("normal_fresh", "fresh", "numpy SFC64", "avx512", (7.0, 7.5, 6.0), None)]
    disk = RaceRecord("write_checkpoint", "disk", "float32", 1 << 20)
    disk.samples = [Sample("pyinit", "", None, (0.5,), 1.25e9, "B/s")]
    disk.ratios = [Ratio("write_checkpoint", "disk", "plain write", "avx512", (0.97,), 1 / 1.15, "%")]
    disk.notes = {"peak_mib": 101.5}
    return Record(machine, 2, 1 << 20, [normal, fresh, disk])


def test_ratio_knows_its_median_and_target() -> None:
    ratio = Ratio("normal", "warm", "torch", "avx512", (10.0, 12.0, 8.0), 9)
    assert ratio.median == 10.0
    assert ratio.met is True
    assert Ratio("normal", "warm", "torch", "avx512", (8.9,), 9).met is False
    assert Ratio("normal", "warm", "torch", "avx512", (8.9,), None).met is None


def test_table_shows_ratios_beside_targets(record: Record) -> None:
    lines = [" ".join(line.split()) for line in render(record).splitlines()]
    assert "normal warm torch avx512 10x 8x - 12x 9x yes" in lines
    assert "normal warm torch avx2 4.2x 4x - 4.4x 4.5x NO" in lines
    assert "normal warm write roofline avx512 41 % 40 % - 45 % 33 % yes" in lines
    assert "normal_fresh fresh numpy SFC64 avx512 7x 6x - 7.5x" in lines
    assert "normal warm pyinit 0.3 4.000 Gelem/s" in lines
    assert "write_checkpoint disk pyinit 0.5 1.250 GB/s" in lines
    assert "absent: jax, oneMKL" in lines
    assert any("peak memory 101.5 MiB" in line for line in lines)


def test_json_holds_every_round_and_its_median(record: Record) -> None:
    data = json.loads(json.dumps(record.to_json()))
    first = data["races"][0]["ratios"][0]
    assert first["rounds"] == [10.0, 12.0, 8.0]
    assert (first["median"], first["lowest"], first["highest"], first["met"]) == (10.0, 8.0, 12.0, True)
    assert data["races"][0]["samples"][1]["seconds"] == [2.5, 6.0, 2.4]
    assert data["machine"]["peers"]["jax"] is None


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_picture(record: Record, tmp_path: Path, suffix: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"speed{suffix}"
    draw(record, path)
    assert path.read_bytes().startswith(magic)
    if suffix == ".svg":
        assert "Example 9000" in path.read_text(encoding="utf-8")


def test_the_table_of_cycles_has_a_column_for_each_processor(record: Record) -> None:
    model = {"znver3": (2.438, 3.424)}
    record.cycles = [
        Cycles("normal", "avx2", (3.0, 4.0, 3.5), model),
        Cycles("rows of 16", "avx2", (5.0, 5.0, 5.5)),
    ]
    lines = render(record).splitlines()
    head = next(index for index, line in enumerate(lines) if line.startswith("fill "))
    assert lines[head].split() == ["fill", "isa", "cycles", "quartiles", "znver3"]
    assert lines[head + 2].split() == ["normal", "avx2", "3.50", "3.00", "-", "4.00", "2.44", "/", "3.42"]
    assert lines[head + 3].split() == ["rows", "of", "16", "avx2", "5.00", "5.00", "-", "5.50"]
    data = record.to_json()
    assert [entry["median"] for entry in data["cycles"]] == [3.5, 5.0]
    assert data["cycles"][0]["model"] == model
