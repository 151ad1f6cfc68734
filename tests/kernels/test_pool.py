"""Threads that wait between calls, in real processes: forks, ends, affinity, a system that refuses them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux: it looks at /proc")
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# Each program takes `same()`, whether three threads fill as one does, and `workers()`, those that wait.
START = """
import os, sys, threading, time, warnings
from pathlib import Path
import numpy as np
import pyinit as pi

def made(threads=3):
    return pi.truncated_normal()((1500, 1000), key=0, threads=threads).tobytes()

expected = made(1)

def same():
    return made() == expected

def workers():
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            if (task / "comm").read_text() == "pyinit\\n":
                found.append(int(task.name))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended
    return found
"""


def run(code: str) -> None:
    """Run a program, which must end by itself and without an error."""
    ran = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""


@FORKS
def test_forks_beside_fills_of_other_threads() -> None:
    run("""
filling, wrong = True, []

def fill():
    while filling:
        if not same():
            wrong.append("a thread of the parent")

fillers = [threading.Thread(target=fill) for _ in range(2)]
for filler in fillers:
    filler.start()
# that there are other threads is what is tested
warnings.simplefilter("ignore", DeprecationWarning)
for _ in range(40):
    child = os.fork()
    if child == 0:
        os._exit(0 if same() and same() else 1)
    if os.waitpid(child, 0)[1] != 0:
        wrong.append("a child")
filling = False
for filler in fillers:
    filler.join()
assert not wrong and same(), wrong
""")


@FORKS
def test_processes_that_multiprocessing_forks() -> None:
    run("""
import multiprocessing

def child(_):
    return same()

assert same()
context = multiprocessing.get_context("fork")
for _ in range(5):
    with context.Pool(2) as pool:
        assert all(pool.map(child, range(6)))
    assert same()
""")


@FORKS
@LINUX
def test_a_fork_sees_no_thread_that_waits() -> None:
    # since version 3.12 Python warns of threads when it forks
    run("""
warnings.simplefilter("error")
for _ in range(5):
    assert same() and len(workers()) == 2
    child = os.fork()
    if child == 0:
        os._exit(0 if not workers() and same() and len(workers()) == 2 else 1)
    assert not workers()
    assert os.waitpid(child, 0)[1] == 0
""")


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "os._exit(0)"])
def test_a_process_ends_while_a_thread_fills(end: str) -> None:
    run(f"""
def fill():
    while True:
        made()

for _ in range(2):
    threading.Thread(target=fill, daemon=True).start()
assert same()
time.sleep(0.05)
{end}
""")


@LINUX
def test_workers_run_on_the_cpus_of_the_thread_that_calls() -> None:
    # as those are at the call, not as they were when the workers started
    run("""
assert same() and len(workers()) == 2
every = os.sched_getaffinity(0)
for cpus in ({min(every)}, {max(every)}, every):
    os.sched_setaffinity(0, cpus)
    assert same()
    assert [os.sched_getaffinity(worker) for worker in workers()] == [cpus, cpus]
""")


@LINUX
def test_calls_leave_nothing_behind() -> None:
    run("""
import resource
out = np.empty((600, 512), np.float32)

def calls(count):
    for _ in range(count):
        pi.fill(out, pi.uniform(), key=0, threads=2)

calls(100)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
calls(5000)
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024
assert len(workers()) == 1
""")


@LINUX
def test_where_the_system_refuses_a_thread_the_others_do_its_share() -> None:
    # a thread's stack no longer fits
    run("""
import resource
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
out = np.empty((1500, 1000), np.float32)
resource.setrlimit(resource.RLIMIT_AS, (used + (7 << 20), resource.RLIM_INFINITY))
for _ in range(3):
    pi.fill(out, pi.truncated_normal(), key=0, threads=3)
refused = len(workers())
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert refused == 0 and out.tobytes() == expected
assert same() and len(workers()) == 2
""")
