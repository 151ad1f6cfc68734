"""One process's share: what stays after a failure, what is taken over, who is refused."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint import share
from pyinit.checkpoint.checkpoint import finish_checkpoint, write_plan
from pyinit.checkpoint.journal import Journal
from pyinit.checkpoint.local import LocalTarget
from pyinit.checkpoint.parts import WHOLE, Part
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.ranges import run_extent
from pyinit.checkpoint.results import ExtentResult
from pyinit.checkpoint.spec import spec_from_checkpoint
from pyinit.checkpoint.spec_json import spec_from_json
from pyinit.errors import ArgumentError, SpecError

SHAPES = {"a": (40, 30), "b": (50, 30), "c": (60, 30), "d": (7,)}


def plan_of(path: Path, **options: Any) -> CheckpointPlan:
    arguments = {"recipes": "normal", "key": 5, "shard_size": 7000, "extent_bytes": 2400, **options}
    return plan_checkpoint(SHAPES, path=path, **arguments)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(autouse=True)
def _small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "_COMMIT_BYTES", 2400)


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    write_plan(plan_of(tmp_path / "expected"))
    return files(tmp_path / "expected")


@contextmanager
def failing(error: BaseException, after: int) -> Iterator[list[int]]:
    """Let the target fail at a write; the list counts those before."""
    plain, count = LocalTarget.write, [0]

    def write(target: LocalTarget, name: str, offset: int, data: memoryview) -> None:
        count[0] += 1
        if count[0] > after:
            raise error
        plain(target, name, offset, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalTarget, "write", write)
        yield count


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "no room"), r"no room\. 3 of 9 extents are kept: run the same command again"),
        (OSError(errno.EIO, "Input/output error"), r"Input/output error\. 3 of 9 extents are kept"),
        (KeyboardInterrupt(), r"^3 of 9 extents are kept: run the same command again to continue$"),
        (MemoryError("too much"), r"too much\. 3 of 9 extents are kept"),
    ],
)
def test_what_is_finished_stays_and_the_same_call_continues(
    tmp_path: Path, expected: dict[str, bytes], error: BaseException, said: str
) -> None:
    plan = plan_of(tmp_path / "out")
    with failing(error, 3), pytest.raises(type(error), match=said):
        write_plan(plan, threads=1)
    assert all(name.endswith(".partial") for name in files(plan.directory))
    with failing(error, 100) as count:
        write_plan(plan, threads=1)
    # only the rest was made
    assert count == [6]
    assert files(plan.directory) == expected
    assert list(plan.directory.glob(".*")) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no room"), KeyboardInterrupt()])
def test_nothing_stays_where_nothing_is_finished(tmp_path: Path, error: BaseException) -> None:
    with failing(error, 0), pytest.raises(type(error)) as caught:
        write_plan(plan_of(tmp_path / "new" / "out"), threads=1)
    assert "kept" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_would_come_again_leaves_nothing(tmp_path: Path) -> None:
    with failing(SpecError("wrong"), 5), pytest.raises(SpecError, match=r"^wrong$"):
        write_plan(plan_of(tmp_path / "out"), threads=1)
    assert list(tmp_path.iterdir()) == []


def interrupted(plan: CheckpointPlan, after: int = 3, part: Part = WHOLE) -> None:
    with failing(KeyboardInterrupt(), after), pytest.raises(KeyboardInterrupt):
        write_plan(plan, part, threads=1)


def lose_a_file(folder: Path) -> None:
    next(folder.glob(".model-00001*.partial")).unlink()


def cut_a_file(folder: Path) -> None:
    os.truncate(next(folder.glob(".model-00001*.partial")), 100)


def tear_the_log(folder: Path) -> None:
    log = next(folder.glob(".pyinit-*/*.log"))
    # a power cut leaves half a line, and blocks of zeros
    log.write_bytes(log.read_bytes()[:-1] + b"\0" * 50)


def lose_the_log(folder: Path) -> None:
    next(folder.glob(".pyinit-*/*.log")).unlink()


def lose_the_plan(folder: Path) -> None:
    next(folder.glob(".pyinit-*/plan.json")).unlink()


def age(folder: Path) -> None:
    for path in folder.rglob("*"):
        # nothing asks when something happened: neither long ago nor in the future
        os.utime(path, (0, 0) if path.suffix == ".log" else (2**33, 2**33))


@pytest.mark.parametrize("damage", [lose_a_file, cut_a_file, tear_the_log, lose_the_log, lose_the_plan, age])
def test_damage_costs_time_and_no_byte(
    tmp_path: Path, expected: dict[str, bytes], damage: Callable[[Path], None]
) -> None:
    plan = plan_of(tmp_path / "out")
    interrupted(plan, 4)
    damage(plan.directory)
    # what was said of a file that is begun again must not come back with the next interrupt
    interrupted(plan, 1, Part(0, 2))
    write_plan(plan)
    assert files(plan.directory) == expected
    assert list(plan.directory.glob(".*")) == []


def test_what_another_part_left_is_taken_over(tmp_path: Path, expected: dict[str, bytes]) -> None:
    plan = plan_of(tmp_path / "out")
    for index in (0, 1, 2):
        interrupted(plan, 1, Part(index, 3))
    with failing(RuntimeError(), 100) as count:
        write_plan(plan)
    assert count == [6]
    assert files(plan.directory) == expected


@pytest.mark.parametrize("other", [{"key": 6}, {"recipes": "uniform"}, {"shard_size": None}])
def test_what_the_dead_left_of_another_plan_is_removed(
    tmp_path: Path, expected: dict[str, bytes], other: dict[str, Any]
) -> None:
    plan = plan_of(tmp_path / "out")
    interrupted(plan_of(tmp_path / "out", **other))
    (plan.directory / f".{plan.shards[0].name}.0123456789ab.partial").write_text("nobody's")
    # neither another model's nor a user's own
    kept = plan.directory / ".mine.partial"
    kept.write_text("mine")
    interrupted(plan_checkpoint(SHAPES, "normal", path=tmp_path / "out" / "x.safetensors", extent_bytes=2400))
    theirs = sorted(path.name for path in plan.directory.glob(".*x.safetensors*"))
    assert theirs
    write_plan(plan)
    left = sorted(path.name for path in plan.directory.glob(".*.partial"))
    assert left == sorted([kept.name, *theirs])
    assert len(list(plan.directory.glob(".pyinit-*"))) == 1
    assert {name: content for name, content in files(plan.directory).items() if name[0] != "."} == expected


@contextmanager
def writing(plan: CheckpointPlan, part: Part = WHOLE) -> Iterator[None]:
    """Another process in the middle of a write."""
    script = (
        "import sys; from pathlib import Path; from pyinit.checkpoint.share import Share;"
        "from pyinit.checkpoint.plan import CheckpointPlan; from pyinit.checkpoint.parts import Part;"
        "plan = CheckpointPlan.from_json(Path(sys.argv[1]).read_text());"
        "share = Share(plan, Part.read(sys.argv[2])).__enter__(); print('go', flush=True); sys.stdin.read()"
    )
    text = plan.directory.parent / "plan.json"
    text.write_text(plan.to_json())
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(text), str(part)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "go\n"
        yield
    finally:
        process.kill()
        process.communicate()


def test_two_writers_of_the_same_files_are_refused(tmp_path: Path, expected: dict[str, bytes]) -> None:
    plan = plan_of(tmp_path / "out")
    with writing(plan):
        before = files(plan.directory)
        for part, again in ((WHOLE, plan), (Part(1, 2), plan), (WHOLE, plan.at(tmp_path / "out" / "." / ""))):
            with pytest.raises(
                BlockingIOError, match=r"another process is writing all files of this checkpoint"
            ):
                write_plan(again, part)
        with pytest.raises(
            BlockingIOError, match=r"same files in .*: key is \[5, 0\], not \[6, 0\]\. Wait for it"
        ):
            write_plan(plan_of(tmp_path / "out", key=6))
        with pytest.raises(BlockingIOError, match="another process is writing all files"):
            finish_checkpoint(plan)
        assert files(plan.directory) == before
        assert len(list(plan.directory.glob(".pyinit-*"))) == 1
    write_plan(plan)
    assert files(plan.directory) == expected


def test_two_writers_of_different_parts_are_not(tmp_path: Path, expected: dict[str, bytes]) -> None:
    plan = plan_of(tmp_path / "out")
    with writing(plan, Part(1, 3)):
        write_plan(plan, Part(0, 3))
        write_plan(plan, Part(2, 3))
        with pytest.raises(BlockingIOError, match="another process is writing part 1/3 of this checkpoint"):
            write_plan(plan, Part(1, 3))
        # other parts of another number may be the same files
        with pytest.raises(BlockingIOError, match="another process is writing part 1/3 of this checkpoint"):
            write_plan(plan, Part(1, 2))
    assert write_plan(plan, Part(1, 3)) is not None
    assert files(plan.directory) == expected


def test_two_threads_of_one_process_are_two_writers(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "out")
    with share.Share(plan) as one:
        with pytest.raises(BlockingIOError, match="another process is writing all files"):
            write_plan(plan)
        assert one.missing


def test_who_runs_single_extents_is_alive(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "out")
    run_extent(plan, 0)
    with Journal(plan).enlisted(), pytest.raises(BlockingIOError, match="another process is writing other"):
        write_plan(plan_of(tmp_path / "out", key=6))
    assert list(plan.directory.glob(f".*{plan.tag}.partial"))
    write_plan(plan_of(tmp_path / "out", key=6))
    assert not list(plan.directory.glob(".*"))


def test_an_engine_may_run_an_extent_twice_but_leave_none_out(
    tmp_path: Path, expected: dict[str, bytes]
) -> None:
    plan = plan_of(tmp_path / "out")
    with share.Share(plan) as one:
        for extent in one.missing[:-1]:
            result = run_extent(plan, extent.index)
            one.finished(result)
            one.finished(result)
        with pytest.raises(
            ArgumentError, match="publish needs all extents of missing to be finished; 1 are not"
        ):
            one.publish()
        with pytest.raises(ArgumentError, match="is no result of this plan, which has 9 extents"):
            one.finished(ExtentResult(8, None, 1))
        one.finished(run_extent(plan, one.missing[-1].index))
        one.publish()
    assert files(plan.directory) == expected
    with pytest.raises(ArgumentError, match="is no result of this plan"):
        finish_checkpoint(plan, [ExtentResult(99, None, 1)])


def test_parts_in_any_order_make_the_files_of_one_process(tmp_path: Path, expected: dict[str, bytes]) -> None:
    for count, order in ((2, (1, 0)), (3, (1, 2, 0)), (5, (4, 3, 2, 1, 0))):
        plan = plan_of(tmp_path / str(count))
        receipts = [write_plan(plan, Part(index, count)) for index in order]
        assert [receipt is not None for receipt in receipts] == [False] * (count - 1) + [True]
        assert files(plan.directory) == expected
        assert list(plan.directory.glob(".*")) == []
        # a part that a scheduler starts again has nothing to do
        assert write_plan(plan, Part(0, count)) is None
        assert files(plan.directory) == expected


def test_parts_at_the_same_time(tmp_path: Path, expected: dict[str, bytes]) -> None:
    plan = plan_of(tmp_path / "out")
    threads = [threading.Thread(target=write_plan, args=(plan, Part(index, 3))) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(plan.directory) == expected
    assert list(plan.directory.glob(".*")) == []


def test_checksums_of_parts_meet_in_the_receipt(tmp_path: Path) -> None:
    write_plan(plan_of(tmp_path / "a", digest=True))
    plan = plan_of(tmp_path / "b", digest=True)
    for index in range(3):
        write_plan(plan, Part(index, 3))
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_to_finish_names_the_part_that_is_missing(tmp_path: Path, expected: dict[str, bytes]) -> None:
    plan = plan_of(tmp_path / "out")
    write_plan(plan, Part(0, 3))
    interrupted(plan, 1, Part(2, 3))
    with pytest.raises(FileNotFoundError, match=r"parts 1/3, 2/3 are missing: model-\d+-of-00004"):
        finish_checkpoint(plan)
    write_plan(plan, Part(1, 3))
    with pytest.raises(FileNotFoundError, match=r"part 2/3 is missing: model-.* not complete; run that"):
        finish_checkpoint(plan)
    assert not (plan.directory / "init.json").exists()
    write_plan(plan, Part(2, 3))
    assert files(plan.directory) == expected


def test_a_part_with_another_seed_is_refused(tmp_path: Path) -> None:
    write_plan(plan_of(tmp_path / "out"), Part(0, 3))
    before = files(tmp_path / "out")
    message = (
        r"exists, and an unfinished checkpoint there differs: key is \[5, 0\], not \[6, 0\]; use --force"
    )
    with pytest.raises(FileExistsError, match=message):
        write_plan(plan_of(tmp_path / "out", key=6), Part(1, 3))
    assert files(tmp_path / "out") == before


def test_parts_replace_a_checkpoint_without_mixing_it_with_theirs(
    tmp_path: Path, expected: dict[str, bytes]
) -> None:
    write_plan(plan_of(tmp_path / "out", key=6))
    plan = plan_of(tmp_path / "out")
    with pytest.raises(FileExistsError, match="exists"):
        write_plan(plan, Part(1, 3))
    write_plan(plan, Part(1, 3), overwrite=True)
    assert len([name for name in files(plan.directory) if name[0] != "."]) == 1
    for index in (0, 2):
        write_plan(plan, Part(index, 3), overwrite=True)
    assert files(plan.directory) == expected


def test_parts_do_not_replace_what_they_copy_from(tmp_path: Path) -> None:
    spec = spec_from_json({"tensors": {"w": [4, 5], "ids": {"shape": [3], "dtype": "int32"}}})
    pi.write_checkpoint(spec, {"ids": "ones", "w": "zeros"}, path=tmp_path, shard_size=40)
    again = spec_from_checkpoint(tmp_path / "model.safetensors.index.json")
    plan = plan_checkpoint(again, "normal", path=tmp_path, shard_size=40)
    with pytest.raises(SpecError, match=r"tensor 'ids' is copied from .*, which parts would replace before"):
        write_plan(plan, Part(0, 2), overwrite=True)
    write_plan(plan, overwrite=True)


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "out")

    def written_beside() -> None:
        with share.Share(plan) as one:
            (plan.directory / "init.json").write_text("theirs")
            for extent in one.missing:
                one.finished(run_extent(plan, extent.index))
            one.publish()

    with pytest.raises(FileExistsError, match=r"init\.json exists; use --force"):
        written_beside()
    assert [name for name in files(plan.directory) if name[0] != "."] == ["init.json"]
    write_plan(plan, overwrite=True)
    assert "init.json" in files(plan.directory)
