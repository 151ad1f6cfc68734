"""Checkpoints on object stores: the bytes of a local one, however many processes write them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint import share
from pyinit.checkpoint.checkpoint import finish_checkpoint, write_plan
from pyinit.checkpoint.journal import Known
from pyinit.checkpoint.parts import Part
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.publication import Publication
from pyinit.checkpoint.remote.journal import RemoteJournal

pytestmark = pytest.mark.interop

SHAPES = {"emb": (301, 40), "deep": (4, 50, 60), "bias": (60,), "none": (0, 3), "head": (60, 170)}
RECIPES = [("deep", pi.orthogonal(layout="jax", batch_axis=0)), ("bias", "ones"), ("*", "normal")]


def plan_of(path: str | Path, **options: Any) -> CheckpointPlan:
    given = {"key": 3, "shard_size": 60_000, "extent_bytes": 16_000, "digest": True, **options}
    return plan_checkpoint(SHAPES, RECIPES, path=path, **given)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("expected")
    write_plan(plan_of(folder))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_files_are_those_of_a_directory(store: Any, expected: dict[str, bytes]) -> None:
    write_plan(plan_of(f"{store.url}/out"), threads=5)
    assert store.objects() == {f"out/{name}": content for name, content in expected.items()}
    assert store.uploads() == []


def test_parts_in_any_order(store: Any, expected: dict[str, bytes]) -> None:
    plan = plan_of(f"{store.url}/out")
    assert len(plan.shards) == 3
    for index in (2, 0):
        assert write_plan(plan, Part(index, 3)) is None
    seen = {name for name in store.objects("out") if not name.startswith(".")}
    assert len(seen & {shard.name for shard in plan.shards}) == len(seen) == 2, "neither receipt nor index"
    assert write_plan(plan, Part(1, 3)) is not None
    assert store.objects("out") == expected
    assert write_plan(plan, Part(1, 3)) is None, "it is complete"
    with pytest.raises(FileExistsError, match=r"out/init\.json exists; use --force"):
        write_plan(plan_of(f"{store.url}/out", key=4))


@pytest.mark.parametrize("cleared", [True, False], ids=["cleared", "clearing"])
def test_another_part_completes_it_meanwhile(
    memory: Any, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, cleared: bool
) -> None:
    """Two parts that end at the same time both see all files; one clears away while the other looks."""
    plan = plan_of(f"{memory.url}/out")
    write_plan(plan, Part(0, 2))
    plain = Publication._name

    def name(mine: Publication, names: list[str], own: set[str] | None) -> None:
        plain(mine, names, own)
        monkeypatch.setattr(Publication, "_name", plain)
        with share.Share(plan, Part(0, 2)) as other:
            assert other.publish() is not None
        if not cleared:
            half = Known({0: 1}, set(range(len(plan.names))))
            monkeypatch.setattr(RemoteJournal, "known", lambda journal: half)

    def receipt(mine: Publication) -> None:
        monkeypatch.setattr(Publication, "_receipt", look)

    look = Publication._receipt
    monkeypatch.setattr(Publication, "_name", name)
    # the other part is not there yet
    monkeypatch.setattr(Publication, "_receipt", receipt)
    assert write_plan(plan, Part(1, 2)) is None
    assert memory.objects("out") == expected


def test_extents_in_any_order_by_plans_that_travelled(store: Any, expected: dict[str, bytes]) -> None:
    """Each process makes the pieces that begin in its extent, over its end, and no other."""
    plan = plan_of(f"{store.url}/out")
    order = list(range(len(plan.extents)))
    random.Random(7).shuffle(order)
    results = [pi.run_extent(CheckpointPlan.from_json(plan.to_json()), index) for index in order]
    assert all(name.startswith(".") for name in store.objects("out"))
    # again, after a failure
    results.append(pi.run_extent(plan, order[3]))
    finish_checkpoint(plan, results)
    assert store.objects("out") == expected
    assert store.uploads() == []


def test_an_extent_that_nobody_made_is_named(memory: Any) -> None:
    plan = plan_of(f"{memory.url}/out")
    results = [pi.run_extent(plan, index) for index in range(1, len(plan.extents))]
    with pytest.raises(FileNotFoundError, match=r"^\[Errno 2\] model-00001.*out: not complete; run what is"):
        finish_checkpoint(plan, results)
    results.append(pi.run_extent(plan, 0))
    finish_checkpoint(plan, results)


def test_one_file_alone(memory: Any, tmp_path: Path) -> None:
    for path in (f"{memory.url}/x.safetensors", tmp_path / "x.safetensors"):
        pi.write_checkpoint(SHAPES, RECIPES, path=path, key=3)
    assert memory.objects() == {"x.safetensors": (tmp_path / "x.safetensors").read_bytes()}


def test_what_exists_is_kept_or_replaced(memory: Any, expected: dict[str, bytes]) -> None:
    path = f"{memory.url}/out"
    write_plan(plan_of(path))
    for plan in (plan_of(path), plan_of(path, key=4)):
        with pytest.raises(FileExistsError, match=r"out/init\.json exists; use --force"):
            write_plan(plan)
    assert memory.objects("out") == expected
    write_plan(plan_of(path, key=4), overwrite=True)
    found = memory.objects("out")
    assert found.keys() == expected.keys()
    assert found != expected
    # one file instead of several: the former ones would be read as part of it
    write_plan(plan_of(path, shard_size=None), overwrite=True)
    assert sorted(memory.objects("out")) == ["init.json", "model.safetensors"]


def test_the_memory_is_that_of_pieces(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyinit.checkpoint.remote import target

    most = 0

    class Counted(target._File):
        @property
        def filled(self) -> Any:
            nonlocal most
            most = max(most, len(self._filled))
            return self._filled

        @filled.setter
        def filled(self, value: Any) -> None:
            self._filled = value

    monkeypatch.setattr(target, "_File", Counted)
    write_plan(plan_of(f"{memory.url}/out", shard_size=None), threads=2)
    assert 1 <= most <= 4
