"""Clusters of two workers on this machine, started once for all tests that use them."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where there is one: a disk would wait for each of many small writes."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """Ray as `--engine ray` starts it where there is none; its address."""
    ray = pytest.importorskip("ray")
    from pyinit.checkpoint.engines.ray import RayEngine

    with pytest.MonkeyPatch.context() as patch:
        # a cluster of its own, which leaves no token in somebody's home and tells nobody
        for name, value in {
            "RAY_ADDRESS": "local",
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
        }.items():
            patch.setenv(name, value)
        patch.setattr(ray, "init", partial(ray.init, num_cpus=2, object_store_memory=80 << 20))
        with _processes_left():
            cluster = _started(RayEngine)
        yield ray.get_runtime_context().gcs_address
        with _processes_left():
            cluster.close()


@contextmanager
def _processes_left() -> Iterator[None]:
    """Expect the warning that Ray does not wait for all processes that it kills."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "subprocess .* is still running", ResourceWarning)
        yield
        gc.collect()


def _started(engine: Callable[[], Any]) -> ExitStack:
    """Return an engine, entered; Ray gives itself half a minute, which is not enough on a busy machine."""
    stack = ExitStack()
    for attempt in range(4):
        with suppress(ConnectionRefusedError) if attempt < 3 else nullcontext():
            stack.enter_context(engine())
            break
    return stack


@pytest.fixture(scope="session")
def dask_client() -> Iterator[Any]:
    """A client of two worker processes, each with one thread."""
    distributed = pytest.importorskip("dask.distributed")
    from dask import config

    from pyinit.checkpoint.engines.dask import _LOCAL

    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    # as the engine's own; not the default: what other tests compute with Dask stays in this process
    with (
        config.set(_LOCAL),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(params=["ray", "dask"])
def engine(request: pytest.FixtureRequest) -> Any:
    """What `engine=` is given."""
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
        return "ray"
    return request.getfixturevalue("dask_client")


def _descendants() -> list[int]:
    """Return the processes that this one, or one of them, has started."""
    stats = {path.parent.name: _text(path) for path in Path("/proc").glob("[0-9]*/stat")}
    parents = {int(name): int(text.rpartition(")")[2].split()[1]) for name, text in stats.items() if text}
    found = [os.getpid()]
    for parent in found:
        found += [process for process, other in parents.items() if other == parent]
    return found[1:]


def _text(path: Path) -> str:
    """Return what a file of /proc says, or nothing if its process has ended."""
    with suppress(OSError):
        return path.read_bytes().decode("utf-8", "replace")
    return ""


class Killer:
    """Kills workers while they make extents; a context manager."""

    def __init__(self, engine: Any, count: int) -> None:
        self.kills = 0
        self._engine = engine
        self._count = count
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()

    def _run(self) -> None:
        while self.kills < self._count and not self._is_over:
            time.sleep(0.01)
            for process in self._busy()[:1]:
                os.kill(process, signal.SIGKILL)
                self.kills += 1
                time.sleep(0.1)

    def _is_task(self, process: int) -> bool:
        return _text(Path(f"/proc/{process}/cmdline")).startswith("ray::pyinit")

    def _busy(self) -> list[int]:
        if self._engine == "ray":
            # Ray gives a worker the title of the task that it runs
            return [process for process in _descendants() if self._is_task(process)]
        busy = [address for address, tasks in self._engine.processing().items() if tasks]
        nannies = self._engine.cluster.workers.values()
        found = [nanny.pid for nanny in nannies if nanny.worker_address in busy]
        return [process for process in found if process in _descendants()]


@pytest.fixture
def killing(engine: Any) -> Any:
    """From a number of kills to a context that kills so many workers."""
    return partial(Killer, engine)
