"""`pyinit bench`, end to end on a small case, and its refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pyinit as pi
from pyinit import _core
from pyinit.cli.bench import main
from pyinit.cli.bench.answer import DIGEST_ELEMENTS, digest
from pyinit.cli.bench.cases import LIMITS, races
from pyinit.cli.bench.contender import NUMPY_STORAGE
from pyinit.cli.bench.engine import KEY, KNOWN, forced


def test_small_race_gives_a_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    assert main(["--quick", "--only", "normal_64x64", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "normal_64x64" in out
    data = json.loads(path.read_text())
    (race,) = data["races"]
    assert race["elements"] == 64 * 64
    assert {sample["contender"] for sample in race["samples"]} >= {"pyinit", "numpy"}
    assert all(len(ratio["rounds"]) >= 3 and min(ratio["rounds"]) > 0 for ratio in race["ratios"])


def test_writing_race_measures_its_peak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--quick", "--only", "write_checkpoint", "--directory", str(tmp_path)]
    assert main(arguments) == 0
    assert "plain write" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--elements", "many"], "needs a number of elements from 1 to 2^33, like 2^26; got 'many'"),
        (["--elements", "0"], "needs a number of elements from 1 to 2^33, like 2^26; got '0'"),
        (["--elements", "2^40"], "needs a number of elements from 1 to 2^33, like 2^26; got '2^40'"),
        (["--elements", "2^99999999999"], "needs a number of elements from 1 to 2^33, like 2^26; got '2^99"),
        (["--elements", "2^-1"], "needs a number of elements from 1 to 2^33, like 2^26; got '2^-1'"),
        (["--json", "absent/bench.json"], "needs a file in a directory that exists; got 'absent/bench.json'"),
        (["--plot", "speed.txt"], "needs a name ending in .png or .svg; got 'speed.txt'"),
        (["--only", "nothing"], "invalid choice: 'nothing'"),
        (["--threads", "-1"], "needs 0 or more threads; got '-1'"),
    ],
)
def test_refusals(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


def test_a_picture_needs_its_directory(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(SystemExit):
        main(["--plot", "absent/speed.svg"])
    assert "needs a file in a directory that exists; got 'absent/speed.svg'" in capsys.readouterr().err


def test_a_picture_without_matplotlib_is_refused_before_the_run() -> None:
    code = """
import sys
sys.modules["matplotlib"] = None  # what an import finds when the package is absent
from pyinit.cli.bench import main
main(["--plot", "speed.svg", "--only", "normal_64x64"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "needs matplotlib, which is not installed. Run `pip install matplotlib`, or use" in done.stderr
    assert done.stdout == ""


def test_every_draw_in_memory_has_a_known_answer() -> None:
    draws = [race.job for race in races(1, 0) if race.job.flops is None and race.job.memory != "disk"]
    assert {(job.distribution, job.dtype) for job in draws} == set(KNOWN)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize(("distribution", "dtype"), list(KNOWN))
def test_known_answers_hold_on_every_isa(distribution: str, dtype: str, isa: str) -> None:
    recipe = getattr(pi, distribution)()
    with forced(isa):
        made = recipe((DIGEST_ELEMENTS,), key=KEY, dtype=NUMPY_STORAGE[dtype])
    assert digest(made) == KNOWN[distribution, dtype]


def test_targets_are_those_asked_for() -> None:
    asked = {
        ("normal", "torch"): 9,
        ("uniform", "torch"): 9,
        ("truncated_normal", "torch"): 14,
        ("normal_bfloat16", "torch"): 9,
        ("normal_float64", "torch"): 12,
        ("normal", "numpy"): 20,
        ("normal", "jax"): 25,
        ("normal", "write roofline"): 0.33,
        ("normal_64x64", "torch.nn.init"): 1,
        ("write_checkpoint", "plain write"): 1 / 1.15,
        ("matmul_1024", "numpy"): 0.9,
        ("matmul_2048", "numpy"): 0.9,
        ("matmul_4096", "numpy"): 0.9,
        ("orthogonal_1024x1024", "torch.nn.init"): 2,
        ("orthogonal_64x128x128", "torch.nn.init"): 5,
        ("orthogonal_4096x4096", "torch.nn.init"): 3,
        ("orthogonal_4096x4096", "own product"): 1 / 1.4,
        ("orthogonal_16384x1024", "torch.nn.init"): 3,
        ("orthogonal_1024x16384", "torch.nn.init"): 3,
    }
    found = {(race.name, peer): value for race in races(1, 0) for peer, value in race.targets.items()}
    assert found == asked
    normal = races(1, 0)[0]
    assert normal.target("torch", "avx2") == 4.5
    assert normal.target("oneMKL", None) is None
    assert set(LIMITS) == {"write roofline", "plain write", "own product"}


def test_a_quick_run_has_no_large_matrix() -> None:
    dense = [race for race in races(1, 0) if race.job.flops]
    assert [race.name for race in dense if race.quick] == [
        "matmul_1024",
        "orthogonal_1024x1024",
        "orthogonal_64x128x128",
    ]
    assert all(race.quick for race in races(1, 0) if not race.job.flops)
    # 4/3 n^3 of a square, and its own product has as many
    flops = {race.name: race.job.flops for race in dense}
    assert flops["orthogonal_4096x4096"] == pytest.approx(4 / 3 * 4096**3)
    assert pytest.approx(flops["orthogonal_4096x4096"], rel=1e-3) == 2 * 4096 * (2 * 4096 // 3) * 4096
    assert flops["orthogonal_1024x16384"] == flops["orthogonal_16384x1024"]
    assert flops["orthogonal_64x128x128"] == pytest.approx(64 * 4 / 3 * 128**3)
    assert flops["matmul_2048"] == 2 * 2048**3
