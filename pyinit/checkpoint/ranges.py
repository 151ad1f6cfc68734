"""Extents made alone: ranges of a file of which other processes make the rest at the same time."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ..errors import ArgumentError
from .contents import check_made
from .extents import Extent, touching
from .places import opened
from .plan import CheckpointPlan
from .results import ExtentResult
from .targets import Target
from .writer import write_extents

__all__ = ["begun_twice", "run_extent", "take_range", "write_range"]

# how often a range is written again because its file was begun twice
_TRIES = 5


def run_extent(plan: CheckpointPlan, index: int, *, threads: int | None = None) -> ExtentResult:
    """Make one extent of a plan and write it into its unfinished file, which is made if it is not there.

    It can be run in any order, on any machine that sees the plan's directory or object store, and again after
    a failure: the bytes are the same. `pyinit.finish_checkpoint` gives the files their names when all are
    made.

    Parameters
    ----------
    plan : CheckpointPlan
        The plan.
    index : int
        The number of the extent, in ``range(len(plan.extents))``.
    threads : int, optional
        Threads that draw and write.

    Returns
    -------
    ExtentResult
        Its number, its bytes and their CRC-32; never the weights.

    Raises
    ------
    ArgumentError
        If there is no such extent.
    RecipeError
        If the plan was read from JSON and names a content that cannot be made from it.
    FileExistsError
        If the file of the extent has its final name already.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import pyinit as pi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     plan = pi.plan_checkpoint({"w": (256, 784)}, "he_normal", path=path, extent_bytes=400_000)
    ...     results = [pi.run_extent(plan, index) for index in range(len(plan.extents))]
    ...     receipt = pi.finish_checkpoint(plan, results)
    ...     len(results), path.stat().st_size == receipt.nbytes
    (3, True)
    """
    if not 0 <= index < len(plan.extents):
        raise ArgumentError(f"the plan has {len(plan.extents)} extents, counted from 0; got extent {index}")
    extent = plan.extents[index]
    shard = plan.shards[extent.file]
    check_made(next(draft.content for draft in shard.drafts if draft.name == extent.tensor))
    target, journal = opened(plan)
    target.begin()
    if target.exists(shard.name) and not target.begun(shard.name, shard.nbytes):
        raise FileExistsError(
            errno.EEXIST, f"{plan.directory / shard.name} exists; remove it, or run no more of its extents"
        )
    with journal.enlisted():
        for _ in range(_TRIES):
            try:
                end = take_range(plan, [extent], target)
                with journal.guarded():
                    target.prepare(shard.name, shard.nbytes, shard.header)
                results = write_range(plan, [extent], target, end, threads)
            finally:
                target.close()
            if target.is_joint(shard.name):
                return results[0]
            target, _ = opened(plan)
    raise begun_twice(plan, shard.name)


def take_range(plan: CheckpointPlan, extents: Sequence[Extent], target: Target) -> int:
    """Say, before `prepare`, that extents which follow each other in one file are made here; return the end.

    The end is that of the last piece of the file which is made here.
    """
    shard, others = plan.shards[extents[0].file], _of_file(plan, extents[0].file)
    start = 0 if extents[0] == others[0] else extents[0].offset
    return target.take(shard.name, shard.nbytes, start, extents[-1].offset + extents[-1].nbytes)


def write_range(
    plan: CheckpointPlan, extents: Sequence[Extent], target: Target, end: int, threads: int | None
) -> list[ExtentResult]:
    """Write extents that follow each other in one file, which is prepared, and what is left up to the end."""
    results: list[ExtentResult] = []
    shard, stop = plan.shards[extents[0].file], extents[-1].offset + extents[-1].nbytes
    write_extents(plan, extents, target, results.append, threads=threads, digest=True)
    # the rest of a piece that reaches into the next extents
    beyond = list(touching(_of_file(plan, extents[0].file), shard, stop, end))
    write_extents(plan, beyond, target, lambda result: None, threads=threads)
    target.flush(shard.name)
    return results


def begun_twice(plan: CheckpointPlan, name: str) -> OSError:
    """Return the error of a file of which several processes began one each, so that a range of it is lost."""
    return OSError(
        errno.EBUSY,
        f"{plan.directory / name} was begun by several processes at the same time, in a store that does not "
        "keep them apart; run the same extents again",
    )


def _of_file(plan: CheckpointPlan, file: int) -> list[Extent]:
    return [extent for extent in plan.extents if extent.file == file]
