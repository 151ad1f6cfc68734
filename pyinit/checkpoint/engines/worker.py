"""What a worker does: it makes extents in files that the process which waits for it has prepared."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import import_module

from ...errors import PyinitError, SpecError
from ..extents import Extent
from ..local import LocalTarget
from ..places import opened
from ..plan import CheckpointPlan
from ..ranges import begun_twice, take_range, write_range
from ..results import ExtentResult
from .mark import is_marked
from .tasks import Answer

__all__ = ["run"]


def run(indices: Sequence[int], plan: str, mark: str, readers: Sequence[str], threads: int) -> Answer:
    """Make extents, and return their checksums or why they cannot be made here.

    It makes no file: where there is none, nobody waits any more.

    Parameters
    ----------
    indices : sequence of int
        Numbers of extents.
    plan, mark, readers, threads
        As `Work` has them.

    Returns
    -------
    dict
        "host", and one of: "done", a list of (number, CRC-32, bytes, mean and std found); "unfit", why this
        pyinit cannot make the plan; "refused", another reason.

    Raises
    ------
    OSError
        With the name of this host; to run it again, here or elsewhere, may help.
    """
    host = socket.gethostname()
    try:
        for name in readers:
            # what cannot be imported leaves contents that say what is missing
            with suppress(ImportError):
                import_module(name)
        read = _read(plan)
        if not is_marked(read, mark):
            return {
                "host": host,
                "refused": f"{read.directory} is not there, or is another directory of that name; write into "
                "a directory that all workers share",
            }
        done = [(each.index, each.crc32, each.nbytes, each.found) for each in _made(read, indices, threads)]
    except SpecError as error:
        return {"host": host, "unfit": str(error)}
    except PyinitError as error:
        return {"host": host, "refused": str(error)}
    except MemoryError as error:
        raise OSError(errno.ENOMEM, f"out of memory: {error} (on {host})") from None
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename is not None:
            reason = f"{error.filename}: {reason}"
        raise OSError(error.errno or errno.EIO, f"{reason} (on {host})") from None
    return {"host": host, "done": done}


def _made(plan: CheckpointPlan, indices: Sequence[int], threads: int) -> list[ExtentResult]:
    results: list[ExtentResult] = []
    for extents in _neighbours(plan, indices):
        shard = plan.shards[extents[0].file]
        target, _ = opened(plan)
        try:
            end = take_range(plan, extents, target)
            if not target.begun(shard.name, shard.nbytes):
                raise FileNotFoundError(errno.ENOENT, f"{shard.name} is no longer being written")
            if not isinstance(target, LocalTarget):
                # takes the upload that is there
                target.prepare(shard.name, shard.nbytes, shard.header)
            results += write_range(plan, extents, target, end, threads)
            if not target.is_joint(shard.name):
                raise begun_twice(plan, shard.name)
        finally:
            target.close()
    return results


def _neighbours(plan: CheckpointPlan, indices: Sequence[int]) -> Iterator[list[Extent]]:
    """Yield extents that follow each other in one file."""
    run: list[Extent] = []
    for extent in (plan.extents[index] for index in sorted(indices)):
        if run and (extent.index, extent.file) != (run[-1].index + 1, run[-1].file):
            yield run
            run = []
        run.append(extent)
    yield run


# the tasks of one run come one after the other
@lru_cache(maxsize=1)
def _read(plan: str) -> CheckpointPlan:
    return CheckpointPlan.from_json(plan)
