"""Threads and processes: the same bytes from any number of them; what the environment may ask for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import numpy as np
import pytest

import pyinit as pi
from pyinit import _core
from pyinit.stream.arguments import check_threads

RECIPES = [
    pi.constant(0.1),
    pi.uniform(-0.3, 0.7),
    pi.normal(),
    pi.truncated_normal(),
    pi.inverse_softplus(0.001, 0.1),
    pi.sparse(0.7, std=1.0),
    pi.sparse(0.7, std=1.0, exact=False),
]
DTYPES = ["float32", "float64", "bfloat16", "float16"]
# Ragged, several tiles; the second is large enough for tiles of 2 MiB.
SHAPES = [(1003, 701), (4801, 1203)]


def fingerprint(array: np.ndarray) -> str:
    return blake2b(array.tobytes()).hexdigest()


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYINIT_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_any_number_of_threads(recipe: pi.Recipe, dtype: str) -> None:
    for shape in SHAPES if dtype in ("float32", "bfloat16") else SHAPES[:1]:
        made = [fingerprint(recipe(shape, key=5, dtype=dtype, threads=threads)) for threads in (1, 2, 3, 7)]
        assert len(set(made)) == 1
    assert fingerprint(recipe(shape, key=6, dtype=dtype)) != made[0] or recipe.plan(shape).std == 0


def test_more_threads_than_work() -> None:
    for count in (0, 1, 17, 300_000):
        one = pi.normal()(count, key=1, threads=1)
        np.testing.assert_array_equal(pi.normal()(count, key=1, threads=64), one)


def test_threads_of_python_fill_side_by_side() -> None:
    work = [(recipe, key, dtype) for recipe in RECIPES for key in range(4) for dtype in DTYPES]

    def make(item: tuple[pi.Recipe, int, str], threads: int) -> str:
        recipe, key, dtype = item
        return fingerprint(recipe((307, 1001), key=key, dtype=dtype, threads=threads))

    alone = [make(item, 1) for item in work]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(make, work, [1 + number % 3 for number in range(len(work))]))
    assert together == alone


def test_threads_of_python_share_one_array() -> None:
    shape, rows = (600, 999), 50
    whole, expected = np.empty(shape, np.float32), pi.normal()(shape, key=3)

    def fill(first: int) -> None:
        part = whole[first : first + rows]
        pi.fill(part, pi.normal(), key=3, window=pi.Window((first, 0), shape), threads=2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(0, shape[0], rows)))
    np.testing.assert_array_equal(whole, expected)


# Fills until as many threads were seen as are expected, so that a busy machine fails no test.
WATCH = """
import threading
from pathlib import Path
import numpy as np
import pyinit as pi

def running():
    return sum(1 for _ in Path("/proc/self/task").iterdir())

out, before, most, filling = np.empty(2**25, np.float32), running(), 0, True

def watch():
    global most
    while filling:
        # itself is one more
        most = max(most, running() - before - 1)

watcher = threading.Thread(target=watch)
watcher.start()
for attempt in range(50):
    {call}
    if most >= {helpers} and attempt >= 3:
        break
filling = False
watcher.join()
print(pi.info()["threads"], most)
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs Linux: it counts the process's threads"
)
@pytest.mark.parametrize(
    ("wanted", "call", "helpers"),
    [
        ("3", "pi.fill(out, pi.normal(), key=0)", 2),
        ("1", "pi.fill(out, pi.normal(), key=0)", 0),
        ("1", "pi.fill(out, pi.normal(), key=0, threads=4)", 3),
        ("5", "pi.fill(out, pi.normal(), key=0, threads=2)", 1),
    ],
)
def test_the_environment_sets_the_default(wanted: str, call: str, helpers: int) -> None:
    ran = run(WATCH.format(call=call, helpers=helpers), PYINIT_NUM_THREADS=wanted)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [wanted, str(helpers)]


def test_a_number_of_threads_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYINIT_NUM_THREADS", "")
    usual = pi.info()["threads"]
    assert 1 <= usual <= (os.cpu_count() or 1)
    out = np.full(1000, 7, np.float32)
    for wanted in ("0", "-2", "two", "3x", "1 2", "+3"):
        monkeypatch.setenv("PYINIT_NUM_THREADS", wanted)
        with pytest.raises(
            ValueError, match=re.escape(f"must be a positive integer; got {wanted}. Unset it")
        ):
            pi.fill(out, pi.normal(), key=0)
        assert (out == 7).all()
    monkeypatch.setenv("PYINIT_NUM_THREADS", str(usual + 1))
    assert pi.info()["threads"] == usual + 1


def test_more_threads_than_any_fill_can_use_are_as_many_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    out = np.empty(1000, np.float32)
    for wanted in (4097, 10**6, 2**31, 2**64, 10**30):
        monkeypatch.setenv("PYINIT_NUM_THREADS", str(wanted))
        assert pi.info()["threads"] == _core.environment_threads() == 4096
        assert check_threads(wanted) == 4096
        pi.fill(out, pi.normal(), key=0, threads=wanted)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_affinity_is_the_default() -> None:
    code = """
import os
import re
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
import pyinit as pi
print(pi.info()["threads"])
"""
    assert run(code).stdout == "1\n"


def test_an_instruction_set_can_be_forced() -> None:
    code = """
import pyinit as pi
from hashlib import blake2b
print(pi.info()["isa"], blake2b(pi.normal()((99, 98), key=4).tobytes()).hexdigest())
"""
    expected = fingerprint(pi.normal()((99, 98), key=4))
    for name in _core.available_isas():
        assert run(code, PYINIT_ISA=name).stdout.split() == [name, expected]
    assert run(code, PYINIT_ISA="").stdout.split() == [_core.available_isas()[0], expected]


@pytest.mark.parametrize(
    "call", ["pi.normal()((2, 2), key=0)", "pi.fill(out, pi.normal(), key=0)", "pi.info()"]
)
def test_an_unknown_instruction_set_is_refused(call: str) -> None:
    code = f"""
import numpy as np, pyinit as pi
out = np.full((2, 2), 7, np.float32)
try:
    {call}
except ValueError as error:
    assert (out == 7).all()
    print(error)
"""
    ran = run(code, PYINIT_ISA="sse9")
    assert ran.returncode == 0, ran.stderr
    known = ", ".join(_core.available_isas())
    assert ran.stdout == (
        f"an instruction set must be one of {known} on this machine; got sse9. "
        "Unset PYINIT_ISA, or name one of them.\n"
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_fill_after_a_fork() -> None:
    # a fill before, with helper threads; then children of children, each with helper threads of its own
    code = """
import os, sys, warnings
import pyinit as pi
warnings.simplefilter("error")
expected = pi.truncated_normal()((2500, 1000), key=0, threads=3).tobytes()
def same():
    return pi.truncated_normal()((2500, 1000), key=0, threads=3).tobytes() == expected
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0 if same() else 3)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) or (0 if same() else 4))
    children.append(child)
assert same()
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""
    ran = run(code)
    assert ran.returncode == 0, ran.stderr
