"""Checkpoints written by workers of real clusters: the same bytes, whatever happens to workers.

Functions that are sent to workers are made inside others, as `portable` makes its own.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.engines import engine as engines
from pyinit.checkpoint.engines import tasks
from pyinit.checkpoint.engines.portable import portable
from pyinit.checkpoint.plan import CheckpointPlan
from pyinit.cli import main

pytestmark = pytest.mark.interop
pytest.importorskip("ray")
pytest.importorskip("dask.distributed")

SHAPES = {"emb": (301, 40), "deep": (4, 50, 60), "bias": (60,), "none": (0, 3), "head": (60, 170)}
RECIPES = [("deep", pi.orthogonal(layout="jax", batch_axis=0)), ("bias", "ones"), ("*", "normal")]


def plan_of(folder: Path) -> CheckpointPlan:
    """A plan of a few files and many extents."""
    return pi.plan_checkpoint(
        SHAPES, RECIPES, path=folder, key=3, shard_size=60_000, extent_bytes=4_000, digest=True
    )


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder; nothing hidden is left among them."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole(place: Path, plan: Callable[[Path], CheckpointPlan] = plan_of) -> dict[str, bytes]:
    """The files as threads of this process write them."""
    write_plan(plan(place / "whole"))
    return contents(place / "whole")


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "TASK_BYTES", 10_000)


def sent(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]) -> None:
    """Let workers run another function."""
    monkeypatch.setattr(engines, "portable", lambda: function)


@pytest.mark.usefixtures("small_tasks")
def test_the_same_files_as_by_threads(engine: Any, place: Path) -> None:
    reports: list[tuple[int, int]] = []
    receipt = write_plan(
        plan_of(place / "out"), engine=engine, progress=lambda *report: reports.append(report)
    )
    assert contents(place / "out") == whole(place)
    assert receipt is not None
    assert reports[-1] == (receipt.nbytes, receipt.nbytes)
    assert reports == sorted(reports)
    assert len(reports) > 10


def test_write_checkpoint_takes_an_engine(engine: Any, place: Path) -> None:
    """Checksums come back although nobody asked for them: a receipt that wants them needs no second run."""
    path = place / "out.safetensors"
    pi.write_checkpoint(SHAPES, RECIPES, path=path, key=3, engine=engine, threads=1)
    pi.write_checkpoint(SHAPES, RECIPES, path=place / "by_threads.safetensors", key=3)
    assert path.read_bytes() == (place / "by_threads.safetensors").read_bytes()


def long_tasks(folder: Path, count: int, layout: str = "huggingface") -> CheckpointPlan:
    """A plan whose extents take some time: orthogonal matrices; "dcp" cuts each into two rectangles."""
    shapes = {f"w{number}": (1200, 1200) for number in range(count)}
    options: dict[str, Any] = {
        "shard_size": 10 << 20 if layout == "huggingface" else 4 << 20,
        "layout": layout,
    }
    return pi.plan_checkpoint(shapes, "orthogonal", path=folder, key=3, digest=True, **options)


def killed(
    place: Path, engine: Any, killing: Any, kills: int, count: int, layout: str = "huggingface"
) -> None:
    expected = whole(place, lambda folder: long_tasks(folder, count, layout))

    def look(done: int, total: int) -> None:
        for path in (place / "out").iterdir():
            assert path.name.startswith(".") or path.read_bytes() == expected[path.name]

    with killing(kills) as killer:
        write_plan(long_tasks(place / "out", count, layout), engine=engine, threads=1, progress=look)
    assert killer.kills == kills
    assert contents(place / "out") == expected


def test_two_workers_are_killed(
    engine: Any, place: Path, killing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "TASK_BYTES", 1 << 20)
    killed(place, engine, killing, 2, 8)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["huggingface", "dcp"])
def test_ten_workers_are_killed(
    engine: Any, place: Path, killing: Any, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.setattr(tasks, "TASK_BYTES", 1 << 20)
    killed(place, engine, killing, 10, 32, layout)


@pytest.mark.usefixtures("small_tasks")
def test_a_worker_reads_a_plan_once(dask_client: Any, place: Path) -> None:
    """Not for each of its tasks: the plan of a large model is megabytes of JSON."""

    def known() -> tuple[int, int]:
        from pyinit.checkpoint.engines.worker import _read

        return _read.cache_info()[:2]

    before = dask_client.run(known)
    write_plan(plan_of(place / "out"), engine=dask_client)
    counts = [
        (hits - before[worker][0], misses - before[worker][1])
        for worker, (hits, misses) in dask_client.run(known).items()
        if worker in before
    ]
    assert sum(hits for hits, _ in counts) > 5
    assert all(misses <= 1 for _, misses in counts)


def failing_from(first: int) -> Callable[..., Any]:
    """What raises an OSError for extents from a number on."""
    plain = portable()

    def run(indices: Any, *others: Any, **named: Any) -> Any:
        if max(indices) >= first:
            raise OSError(28, "no room (on a worker)")
        return plain(indices, *others, **named)

    return run


@pytest.mark.usefixtures("small_tasks")
def test_a_full_disk_is_reported_and_continued(
    engine: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(place)
    with monkeypatch.context() as patch:
        for name in ("ray", "dask"):
            patch.setattr(f"pyinit.checkpoint.engines.{name}.RETRIES", 1)
        sent(patch, failing_from(20))
        with pytest.raises(OSError, match="no room") as raised:
            write_plan(plan_of(place / "out"), engine=engine)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.strerror is not None
    assert "extents are kept: run the same command again to continue" in raised.value.strerror
    assert "\n" not in raised.value.strerror
    plan, made = plan_of(place / "out"), []
    # the other extents are all that is left to do, and an engine may go on from what another began
    write_plan(plan, progress=lambda done, _: made.append(done))
    assert made[0] > 30_000
    assert contents(place / "out") == expected


@pytest.mark.usefixtures("small_tasks")
def test_an_error_that_passes_is_not_seen(engine: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three attempts fail."""
    plain, tries = portable(), str(place / "tries")

    def run(*arguments: Any, **named: Any) -> Any:
        with open(tries, "a+b", buffering=0) as file:
            file.write(b".")
            if file.tell() <= 3:
                raise OSError(5, "an error that passes")
        return plain(*arguments, **named)

    sent(monkeypatch, run)
    write_plan(plan_of(place / "out"), engine=engine)
    assert Path(tries).stat().st_size > 3 + 10
    assert contents(place / "out") == whole(place)


@pytest.mark.usefixtures("small_tasks")
def test_an_interrupt_keeps_what_is_finished(engine: Any, place: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > 30_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="extents are kept"):
        write_plan(plan_of(place / "out"), engine=engine, progress=interrupt)
    assert not [path for path in (place / "out").iterdir() if not path.name.startswith(".")]
    write_plan(plan_of(place / "out"), engine=engine)
    assert contents(place / "out") == whole(place)


@pytest.mark.usefixtures("ray_cluster")
def test_more_threads_than_a_node_has_are_refused(place: Path) -> None:
    """Ray would wait for such a node for ever; and what is kept stays."""

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="extents are kept"):
        write_plan(
            plan_of(place / "out"), threads=1, progress=lambda done, _: done > 60_000 and interrupt(done, 0)
        )
    before = {path.name for path in (place / "out").iterdir()}
    with pytest.raises(pi.ArgumentError, match=r"the largest of this Ray has 2. Give --threads 2"):
        write_plan(plan_of(place / "out"), engine="ray", threads=3)
    assert {path.name for path in (place / "out").iterdir()} == before


def test_the_command_attaches_to_a_cluster(engine: Any, place: Path, request: pytest.FixtureRequest) -> None:
    """As a process of its own, by the engine's variable."""
    name = engine if isinstance(engine, str) else "dask"
    address = (
        request.getfixturevalue("ray_cluster") if name == "ray" else str(engine.scheduler.address)  # type: ignore[attr-defined]
    )
    spec = place / "spec.json"
    spec.write_text(json.dumps({"tensors": {each: list(shape) for each, shape in SHAPES.items()}}))
    common = ["init", str(spec), "--seed", "3", "--recipe", "normal", "--shard-size", "60kB"]
    assert main([*common, "--out", str(place / "whole")]) == 0
    command = [sys.executable, "-W", "error", "-m", "pyinit", *common, "--out", str(place / "out")]
    variable = "RAY_ADDRESS" if name == "ray" else "DASK_SCHEDULER_ADDRESS"
    environment = {**os.environ, variable: address}
    done = subprocess.run(
        [*command, "--engine", name], check=False, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "peak memory of this process" in done.stdout
    assert contents(place / "out") == contents(place / "whole")


def without_pyinit() -> Callable[..., Any]:
    plain = portable()

    def run(*arguments: Any, **named: Any) -> Any:
        import sys

        kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("pyinit")}
        sys.modules["pyinit"] = None  # type: ignore[assignment]
        try:
            return plain(*arguments, **named)
        finally:
            del sys.modules["pyinit"]
            sys.modules.update(kept)

    return run


def with_another_stream() -> Callable[..., Any]:
    plain = portable()

    def run(indices: Any, plan: str, *others: Any, **named: Any) -> Any:
        newer = plan.replace('"stream_version": 1', '"stream_version": 2')
        return plain(indices, newer, *others, **named)

    return run


def in_another_directory() -> Callable[..., Any]:
    plain = portable()

    def run(indices: Any, plan: str, *others: Any, **named: Any) -> Any:
        return plain(indices, plan.replace("/out", "/elsewhere"), *others, **named)

    return run


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (without_pyinit, "cannot import pyinit"),
        (with_another_stream, "made for version 2 of the stream"),
        (in_another_directory, "write into a directory that all workers share"),
    ],
)
def test_a_worker_that_cannot_is_named(
    engine: Any, place: Path, monkeypatch: pytest.MonkeyPatch, function: Any, words: str
) -> None:
    sent(monkeypatch, function())
    with pytest.raises(ChildProcessError) as raised:
        write_plan(plan_of(place / "out"), engine=engine)
    said = str(raised.value)
    assert "the worker on " in said
    assert words in said
    assert "\n" not in said
    if function is not in_another_directory:
        assert ('runtime_env={"pip": ["pyinit-nn' if engine == "ray" else 'PipInstall(["pyinit-nn') in said
    assert not (place / "out").exists()
    assert not (place / "elsewhere").exists()


def test_an_error_of_ours_is_not_retried(engine: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that a worker cannot follow is refused at the first attempt."""
    tries = str(place / "tries")

    def run(*arguments: Any, **named: Any) -> Any:
        with open(tries, "ab", buffering=0) as file:
            file.write(b".")
        return {"host": "somewhere", "refused": "tensor 'w' is computed by what is not here"}

    sent(monkeypatch, run)
    with pytest.raises(ChildProcessError, match="on somewhere cannot write: tensor 'w' is computed"):
        write_plan(plan_of(place / "out"), engine=engine)
    assert Path(tries).read_bytes() == b"."
