"""Extents as tasks of Dask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import dask
from dask.distributed import CancelledError, Client, KilledWorker, as_completed

from .engine import RETRIES, worker_failed
from .portable import Function
from .tasks import Answer, Work

__all__ = ["DaskEngine"]

# A local cluster gives up a worker that is not there this long after it ended, even if it was back meanwhile;
# without workers a run would wait for ever.
_LOCAL = {"distributed.deploy.lost-worker-timeout": "7 days"}
# how often a task is given to Dask, which runs it again after three deaths of workers each time
_SUBMISSIONS = 3


class DaskEngine:
    """The cluster of a client: one given, the current one, that of DASK_SCHEDULER_ADDRESS, or a local one.

    Parameters
    ----------
    client : distributed.Client, optional
        The client.
    """

    advice = (
        'Register dask.distributed.PipInstall(["PACKAGE"]) as a plugin of the client, or install it on every '
        "worker"
    )

    def __init__(self, client: Client | None = None) -> None:
        self._client = client
        self._is_ours = False
        self._kept = ExitStack()

    def __enter__(self) -> DaskEngine:
        if self._client is None:
            try:
                self._client = Client.current()
            except ValueError:
                address = dask.config.get("scheduler-address", None)
                if not address:
                    self._kept.enter_context(dask.config.set(_LOCAL))
                try:
                    # the port of its page may be taken
                    self._client = (
                        Client(address) if address else Client(processes=True, dashboard_address=":0")
                    )
                except BaseException:
                    self._kept.close()
                    raise
                self._is_ours = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_ours and self._client is not None:
            self._client.close()
            self._client, self._is_ours = None, False
        self._kept.close()

    def threads(self, requested: int | None) -> int:
        """Return the threads requested, or one: a worker of Dask runs as many tasks as it has threads."""
        return requested or 1

    def run(
        self, function: Function, work: Work, groups: Sequence[Sequence[int]]
    ) -> Generator[Answer, None, None]:
        """Yield answers as they come; a task that runs when this is closed still ends, but makes no file."""
        client = self._client
        assert client is not None, "the engine is entered"
        # made, not sent: if the worker that holds it dies, Dask makes it again
        plan = client.submit(str, work.plan, pure=False)
        # not pure: it writes, and a result that Dask remembers would not write again
        options: dict[str, Any] = {"pure": False, "retries": RETRIES, "plan": plan, "mark": work.mark}
        options |= {"readers": work.readers, "threads": work.threads}
        tasks = client.map(function, groups, **options)
        groups_of = dict(zip(tasks, groups, strict=True))
        deaths: Counter[int] = Counter()
        try:
            # by itself it would take the loop of the default client, which may be another one or none
            for task in (waiting := as_completed(tasks, loop=client.loop)):
                group = groups_of.pop(task)
                try:
                    answer = task.result()
                except KilledWorker:
                    # Dask also blames tasks that only waited on a worker which died
                    deaths[group[0]] += 1
                    if deaths[group[0]] == _SUBMISSIONS:
                        raise
                    groups_of[again := client.submit(function, group, **options)] = group
                    waiting.add(again)
                else:
                    yield answer
        except (KilledWorker, CancelledError) as error:
            first = str(error).strip().partition("\n")[0]
            raise worker_failed(f"Dask gave a task up ({type(error).__name__}): {first}") from None
        finally:
            client.cancel(list(groups_of))
