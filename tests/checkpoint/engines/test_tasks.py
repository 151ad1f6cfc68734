"""What engines are given: groups of extents, and a function that needs nothing of its worker."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.contents import Unread
from pyinit.checkpoint.engines.lookup import engine_of
from pyinit.checkpoint.engines.portable import portable
from pyinit.checkpoint.engines.tasks import TASK_BYTES, grouped, work_of
from pyinit.cli import main


def plan_of(rows: int = 1000, extent_bytes: int = 1000) -> pi.CheckpointPlan:
    return pi.plan_checkpoint({"w": (rows, 25)}, "normal", path="out", extent_bytes=extent_bytes)


@given(st.integers(1, 20_000), st.integers(100, 3000))
def test_groups_are_large_enough_and_hold_every_extent_once(least: int, extent_bytes: int) -> None:
    plan = plan_of(100, extent_bytes)
    groups = grouped(plan.extents, least)
    assert [index for group in groups for index in group] == list(range(len(plan.extents)))
    sizes = [sum(plan.extents[index].nbytes for index in group) for group in groups]
    assert all(size >= least for size in sizes[:-1])
    # without its last extent a group would be too small
    assert all(
        size - plan.extents[group[-1]].nbytes < least for size, group in zip(sizes, groups, strict=True)
    )


def test_nothing_is_missing() -> None:
    assert grouped([]) == []


def test_a_task_has_a_gibibyte() -> None:
    assert TASK_BYTES == 1 << 30
    plan = pi.plan_checkpoint("llama-7b", path="out", shard_size=5 * 10**9)
    sizes = [sum(plan.extents[index].nbytes for index in group) for group in grouped(plan.extents)]
    assert all(1 << 30 <= size < 2 << 30 for size in sizes[:-1])
    assert len(sizes) > 10


def test_the_plan_of_a_worker_has_an_absolute_path() -> None:
    """A worker has another current directory."""
    work = work_of(plan_of(), 2)
    assert pi.CheckpointPlan.from_json(work.plan).path == Path("out").absolute()
    assert work.threads == 2
    assert work.readers == ("pyinit.checkpoint.contents",)


def test_what_a_plan_cannot_hold_is_refused() -> None:
    plan = pi.plan_checkpoint({"w": (4, 3)}, pi.pretrained([[1.0] * 3] * 4), path="out")
    with pytest.raises(pi.RecipeError, match="JSON can name a file only"):
        work_of(plan, 1)
    plan = plan_of()
    (draft,) = plan.blueprint.drafts
    odd = replace(draft, content=Unread("guessed", {"kind": "guessed"}, "not here"))
    plan = replace(plan, blueprint=replace(plan.blueprint, drafts=(odd,)))
    with pytest.raises(pi.RecipeError, match="tensor 'w' is guessed in this process"):
        work_of(plan, 1)


@pytest.mark.interop
def test_a_worker_without_pyinit_can_read_the_function(tmp_path: Path) -> None:
    cloudpickle: Any = pytest.importorskip("cloudpickle")
    (tmp_path / "task").write_bytes(cloudpickle.dumps(portable()))
    script = (
        "import pickle, sys; sys.modules['pyinit'] = None; "
        "print(pickle.load(open('task', 'rb'))([0], 'plan', 'mark', (), 1)['unfit'])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "it cannot import pyinit" in done.stdout
    # and one with pyinit finds the real one
    answer = pickle.loads(cloudpickle.dumps(portable()))([0], work_of(plan_of(), 1).plan, "mark", (), 1)
    assert "write into a directory that all workers share" in answer["refused"]


@pytest.mark.parametrize("engine", ["slurm", 3, b"ray"])
def test_an_unknown_engine_is_refused(engine: Any, tmp_path: Path) -> None:
    with pytest.raises(
        pi.ArgumentError, match=r"an engine is 'ray', 'dask' or a client of dask\.distributed"
    ):
        pi.write_checkpoint({"w": (4, 3)}, "normal", path=tmp_path / "out", engine=engine)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("engine", "module"), [("ray", "ray"), ("dask", "dask.distributed")])
def test_an_engine_that_is_not_installed(engine: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"pyinit.checkpoint.engines.{engine}", raising=False)
    with pytest.raises(pi.MissingLibraryError, match=rf"Install pyinit-nn\[{engine}\]"):
        engine_of(engine)


@pytest.mark.parametrize("option", [["--part", "0/2"], ["--finish"], ["--plan", "-"]])
def test_the_command_refuses_an_engine_and_parts(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "gpt2", "--out", str(tmp_path / "out"), "--engine", "ray", *option]) == 2
    assert f"--engine or {option[0]}, not both" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
