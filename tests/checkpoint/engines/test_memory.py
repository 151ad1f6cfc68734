"""What a worker holds in memory while it makes extents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.engines import tasks
from pyinit.checkpoint.engines.mark import marked
from pyinit.checkpoint.engines.portable import portable
from pyinit.checkpoint.share import Share

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("way", ["ray", "dask"])
def test_memory_of_a_worker(way: str, place: Path, request: pytest.FixtureRequest) -> None:
    """At most 256 MiB over what the worker had, for a task of 400 MB."""
    plan = pi.plan_checkpoint({"w": (100_000, 1000)}, "normal", path=place / "out.safetensors")
    function = portable()
    work = tasks.work_of(plan, 2)

    def measured(indices: list[int], plan: str, mark: str, readers: Any, threads: int) -> tuple[int, int]:
        """The peak, in kB, over what the process held before; and again with 64 MiB more."""

        def held(name: str) -> int:
            with open("/proc/self/status") as file:
                return next(int(line.split()[1]) for line in file if line.startswith(name))

        before = held("VmRSS:")
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        answer = function(indices, plan, mark, readers, threads)
        assert answer["done"]
        peak = held("VmHWM:") - before
        ballast = bytearray(64 << 20)
        ballast[::4096] = bytes(len(ballast) // 4096)
        return peak, held("VmHWM:") - before

    arguments = ([0], work.plan, work.mark, work.readers, work.threads)
    with Share(plan), marked(plan, work.mark):
        if way == "ray":
            request.getfixturevalue("ray_cluster")
            ray: Any = pytest.importorskip("ray")
            peak, seen = ray.get(ray.remote(measured).remote(*arguments))
        else:
            peak, seen = request.getfixturevalue("dask_client").submit(measured, *arguments).result()
    assert peak < 256 << 10
    # the measure sees what is held
    assert seen >= 48 << 10
