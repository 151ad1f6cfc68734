"""Runs the missing extents of a share on an engine, and takes what its workers say."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from types import TracebackType
from typing import Protocol

from ...stream.release import version
from ..results import ExtentResult
from ..share import Share
from .mark import marked
from .portable import Function, portable
from .tasks import Answer, Work, grouped

__all__ = ["RETRIES", "Engine", "run_share", "worker_failed"]

#: How often a task is run again after its worker died, or met an OSError.
RETRIES = 10


class Engine(Protocol):
    """What runs tasks elsewhere. A context manager, which connects and lets go."""

    @property
    def advice(self) -> str:
        """How its workers get a package, with PACKAGE in place of its name."""

    def __enter__(self) -> Engine:
        """Connect to a cluster, or start a local one."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started."""

    def threads(self, requested: int | None) -> int:
        """Return the threads of a task, which takes as many CPUs of a worker.

        Raises
        ------
        ArgumentError
            If no worker has so many.
        """

    def run(
        self, function: Function, work: Work, groups: Sequence[Sequence[int]]
    ) -> Generator[Answer, None, None]:
        """Yield the answers of all tasks, in any order; when it is closed, no further task begins.

        Raises
        ------
        OSError
            If a task raised it or lost its worker, again after all retries.
        """


def run_share(
    engine: Engine, share: Share, work: Work, progress: Callable[[int], None] | None = None
) -> None:
    """Make the missing extents of a share.

    Parameters
    ----------
    engine : Engine
        Entered.
    share : Share
        Entered.
    work : Work
        That of the share's plan.
    progress : callable, optional
        Called after each task with the bytes that are made.

    Raises
    ------
    OSError
        If a worker failed, for whatever reason; what others have made stays for the next run.
    """
    written = 0
    with marked(share.plan, work.mark), closing(engine.run(portable(), work, grouped(share.missing))) as run:
        for answer in run:
            if "done" not in answer:
                raise worker_failed(_refusal(answer, engine.advice))
            for index, crc, nbytes, found in answer["done"]:
                share.finished(ExtentResult(index, crc, nbytes, found))
                written += nbytes
            if progress is not None:
                progress(written)


def worker_failed(message: str) -> ChildProcessError:
    """Return the error of a worker: an OSError, so that what others have made is kept."""
    return ChildProcessError(errno.ECHILD, message)


def _refusal(answer: Answer, advice: str) -> str:
    if "refused" in answer:
        return f"the worker on {answer['host']} cannot write: {answer['refused']}"
    package = "pyinit-nn" if version() == "unknown" else f"pyinit-nn=={version()}"
    return (
        f"the worker on {answer['host']} has not the pyinit of this process: {answer['unfit']}. "
        + advice.replace("PACKAGE", package)
    )
