"""Extents as tasks of Dask."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from types import TracebackType
from typing import Any

import dask
from dask.distributed import CancelledError, Client, KilledWorker, as_completed

from .engine import RETRIES, worker_failed
from .portable import Function
from .tasks import Answer, Work

__all__ = ["DaskEngine"]


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

    def __enter__(self) -> DaskEngine:
        if self._client is None:
            try:
                self._client = Client.current()
            except ValueError:
                address = dask.config.get("scheduler-address", None)
                # no page: its port may be taken
                self._client = Client(address) if address else Client(processes=True, dashboard_address=None)
                self._is_ours = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_ours and self._client is not None:
            self._client.close()
            self._client, self._is_ours = None, False

    def threads(self, asked: int | None) -> int:
        """Return the threads asked for, or one: a worker of Dask runs as many tasks as it has threads."""
        return asked or 1

    def run(
        self, function: Function, work: Work, groups: Sequence[Sequence[int]]
    ) -> Generator[Answer, None, None]:
        """Yield answers as they come; a task that runs when this is closed still ends, but makes no file."""
        client = self._client
        assert client is not None, "the engine is entered"
        # made, not sent: if the worker that holds it dies, Dask makes it again
        plan = client.submit(str, work.plan, pure=False)
        options: dict[str, Any] = {"mark": work.mark, "readers": work.readers, "threads": work.threads}
        # not pure: it writes, and a result that Dask remembers would not write again
        tasks = client.map(function, groups, plan=plan, **options, pure=False, retries=RETRIES)
        try:
            for task in as_completed(tasks):
                yield task.result()
        except (KilledWorker, CancelledError) as error:
            first = str(error).strip().partition("\n")[0]
            raise worker_failed(f"Dask gave a task up ({type(error).__name__}): {first}") from None
        finally:
            client.cancel(tasks)
