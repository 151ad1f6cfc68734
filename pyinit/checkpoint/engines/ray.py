"""Extents as tasks of Ray."""

from __future__ import annotations

import errno
import logging
import os
import signal
import threading
from collections.abc import Generator, Sequence
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from ...errors import ArgumentError
from .engine import RETRIES, worker_failed
from .portable import Function
from .tasks import Answer, Work

__all__ = ["RayEngine"]

_MOST_THREADS = 4
# more than those that run: a worker that is done finds the next one, and an autoscaler sees the demand
_LEAST_PENDING = 4
_WAIT_SECONDS = 1.0
_CANCEL_SECONDS = 30.0


class RayEngine:
    """The Ray that this process is connected to, or the cluster that `ray.init` finds, or a local one."""

    advice = (
        'Give Ray runtime_env={"pip": ["PACKAGE"]} (ray.init, or ray job submit --runtime-env-json), or '
        "install it on every node"
    )

    def __init__(self) -> None:
        self._is_ours = False

    def __enter__(self) -> RayEngine:
        if not ray.is_initialized():
            former = signal.getsignal(signal.SIGTERM)
            try:
                # what workers print is no result
                ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
            except Exception as error:
                # what was started of it
                ray.shutdown()
                raise _unreachable(error) from None
            self._is_ours = True
            if callable(former) and threading.current_thread() is threading.main_thread():
                # Ray's own would end this process before it can keep what is finished
                signal.signal(signal.SIGTERM, former)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_ours:
            self._is_ours = False
            ray.shutdown()

    def threads(self, requested: int | None) -> int:
        """Return the threads requested, or a few: several tasks share a node."""
        most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        if requested is not None and 0 < most < requested:
            raise ArgumentError(
                f"a task of {requested} threads needs a node with as many CPUs; the largest of this Ray has "
                f"{most}. Give --threads {most} (threads={most}) or fewer"
            )
        return requested or min(_MOST_THREADS, most or _MOST_THREADS)

    def run(
        self, function: Function, work: Work, groups: Sequence[Sequence[int]]
    ) -> Generator[Answer, None, None]:
        """Yield answers as they come; Ray has only some of the tasks at a time."""
        task: Any = ray.remote(function).options(
            name="pyinit",
            num_cpus=work.threads,
            max_retries=RETRIES,
            retry_exceptions=[OSError],
            scheduling_strategy="SPREAD",
        )
        waiting = iter(groups)
        pending: list[Any] = []
        try:
            plan = ray.put(work.plan)
            while True:
                while len(pending) < _most_pending(work.threads):
                    if (group := next(waiting, None)) is None:
                        break
                    pending.append(task.remote(group, plan, work.mark, work.readers, work.threads))
                if not pending:
                    return
                ready, pending = ray.wait(pending, num_returns=1, timeout=_WAIT_SECONDS)
                for answer in ready:
                    yield ray.get(answer)
        except RayError as error:
            raise _explained(error) from None
        finally:
            _cancel(pending)


def _most_pending(threads: int) -> int:
    return max(_LEAST_PENDING, 2 * int(ray.cluster_resources().get("CPU", 0)) // threads)


def _unreachable(error: Exception) -> ConnectionError:
    address = os.environ.get("RAY_ADDRESS", "")
    problem = f"the Ray of RAY_ADDRESS={address} cannot be reached" if address else "Ray cannot be started"
    return ConnectionRefusedError(errno.ECONNREFUSED, f"{problem}: {' '.join(str(error).split())}")


def _explained(error: RayError) -> Exception:
    """Return an error in one line: what the task raised, or what happened to its worker."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, OSError):
        return OSError(cause.errno, cause.strerror)
    if isinstance(error, RayTaskError):
        return error
    first = str(error).strip().partition("\n")[0]
    return worker_failed(f"Ray gave a task up after {RETRIES} retries ({type(error).__name__}): {first}")


def _cancel(pending: list[Any]) -> None:
    """End tasks, and wait until none writes any more."""
    try:
        for answer in pending:
            ray.cancel(answer, force=True)
        if pending:
            ray.wait(pending, num_returns=len(pending), timeout=_CANCEL_SECONDS)
    except RayError:
        # without a cluster there are no tasks
        return
