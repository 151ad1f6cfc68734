"""Cycles an element: what is measured, and the model that stands beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit import _core
from pyinit.cli.bench import main
from pyinit.cli.bench.cycles import FILLS, Fill, PortsError, measure, read_model
from pyinit.cli.bench.engine import KEY


@pytest.mark.parametrize("fill", FILLS, ids=lambda fill: fill.name)
def test_a_fill_writes_the_window_that_it_names(fill: Fill) -> None:
    whole = fill.recipe(fill.whole, key=KEY)
    rows, columns = fill.shape
    assert np.array_equal(fill.step()(), whole[:rows, :columns])


def test_a_base_is_a_fill_that_is_measured_too() -> None:
    names = {fill.name for fill in FILLS}
    assert {fill.base for fill in FILLS} <= {"", *names}
    assert len(names) == len(FILLS)


def test_measuring_gives_each_instruction_set_its_figures_and_its_model() -> None:
    isa = pi.info()["isa"]
    found = measure(
        [isa], {(isa, "normal"): {"znver3": (2.0, 3.0)}, ("other", "uniform"): {"znver3": (1.0, 1.0)}}
    )
    assert [(each.fill, each.isa) for each in found] == [(fill.name, isa) for fill in FILLS]
    # A thousand times more or less than any fill takes.
    assert all(0.01 < each.median < 1e4 for each in found if each.fill in ("uniform", "normal", "rows of 16"))
    assert [each.fill for each in found if each.model] == ["normal"]
    assert pi.info()["isa"] == isa


def test_the_chain_of_products_makes_its_products() -> None:
    x = 5
    for _ in range(5):
        x = x * x % 2**64
    assert _core.multiply_in_turn(5) == x


def test_a_model_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "ports.txt"
    path.write_text("avx2|chance zeros|znver3|0.250|0.256\navx2|chance zeros|znver4|0.2|0.3\n")
    assert read_model(path) == {("avx2", "chance zeros"): {"znver3": (0.25, 0.256), "znver4": (0.2, 0.3)}}


@pytest.mark.parametrize("line", ["avx2|normal|znver3|2.0", "avx2|normal|znver3|2.0|many", "", "cycles"])
def test_another_file_is_refused(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ports.txt"
    path.write_text(f"avx2|normal|znver3|2.0|3.0\n{line}\n")
    with pytest.raises(PortsError, match="line 2: needs isa"):
        read_model(path)
    with pytest.raises(SystemExit):
        main(["--ports", str(path), "--only", "cycles"])
    assert "ports.sh --lines" in capsys.readouterr().err


def test_the_command_prints_the_cycles_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "cycles"]) == 0
    out = capsys.readouterr().out
    assert "Cycles an element" in out
    assert "Rates at the median" not in out
