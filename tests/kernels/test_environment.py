"""The process's environment: what is wrong in it is an error at every door; reading it ends no process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyinit import _core

RUNS_KERNELS = """
import numpy as np
from pyinit import _core

matrix = np.ones((1024, 1024), np.float32)
square = np.ones((64, 64), np.float32)
vector = np.ones(64, np.float32)
asked = ("", 0.0, 0.0, 0, -1e30, 1e30)
where = (1, 0, (1024, 1024), (0, 0))
interval = (1, 0, 2**31, 2.0**-34, 0.1, 0.1, 2.0**-33, 2.0**-33, 2.0**-32)
other = np.zeros_like(matrix)
T = {threads}
calls = {{
    "activate": lambda: _core.activate("relu", 0.0, matrix, other),
    "fill_bernoulli_sparse": lambda: _core.fill_bernoulli_sparse(
        other, "float32", *where, 0.0, 1.0, 1, 0, 0.5, T
    ),
    "fill_constant": lambda: _core.fill_constant(other, bytes(4), T),
    "fill_disk": lambda: _core.fill_disk(other, "float32", *where, 1.0, 0.5, False, T),
    "fill_normal": lambda: _core.fill_normal(other, "float32", *where, 0.0, 1.0, T),
    "fill_sparse": lambda: _core.fill_sparse(other, "float32", *where, 0.0, 1.0, 1, 0, 9, T),
    "fill_transformed": lambda: _core.fill_transformed(
        other, "float32", *where, "log_uniform", (1.0,) * 7, T
    ),
    "fill_truncated": lambda: _core.fill_truncated(
        other, "float32", *where, 0.0, 1.0, -2.0, 2.0, interval, T
    ),
    "fill_uniform": lambda: _core.fill_uniform(other, "float32", *where, 0.0, 1.0, 0.0, 1.0, T),
    "info": lambda: _core.info(),
    "layer_backward": lambda: _core.layer_backward(
        matrix, matrix, "relu", 0.0, matrix, matrix, other, None, None, None, asked, asked, T
    ),
    "layer_forward": lambda: _core.layer_forward(
        matrix, matrix, None, "relu", 0.0, None, other, asked, asked, asked, T
    ),
    "matmul": lambda: _core.matmul(matrix, matrix, other, T),
    "moments": lambda: _core.moments(matrix, asked, T),
    "orthogonal": lambda: _core.orthogonal(
        other, "float32", [(1, 0)], [0], 1024, 1024, *[[list(range(1024)), steps] for steps in
        (list(range(0, 1024 * 1024, 1024)), list(range(1024)))], 1.0, T
    ),
    "slope": lambda: _core.slope("relu", 0.0, matrix, other),
    "write_roofline": lambda: _core.write_roofline(other.view(np.uint8), T),
}}
takes_threads = {{name for name, of in vars(_core).items() if "threads:" in (of.__doc__ or "")}}
assert takes_threads <= set(calls), takes_threads - set(calls)
said = set()
for name, call in calls.items():
    try:
        call()
    except ValueError as error:
        assert not other.any(), name
        said.add(str(error))
    else:
        assert name in {spared}, name
        other[...] = 0
print(*said, sep="\\n")
"""


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYINIT_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("threads", [0, 2])
def test_an_unknown_instruction_set_is_an_error_of_every_kernel(threads: int) -> None:
    ran = run(RUNS_KERNELS.format(threads=threads, spared=set()), PYINIT_ISA="bogus")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (
        f"an instruction set must be one of {', '.join(_core.available_isas())} on this machine; got bogus. "
        "Unset PYINIT_ISA, or name one of them.\n"
    )


def test_a_number_of_threads_that_is_none_is_an_error_of_every_kernel() -> None:
    spared = {"activate", "slope"}
    code = RUNS_KERNELS.format(threads=0, spared=spared)
    ran = run(code, PYINIT_NUM_THREADS="bogus")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (
        "PYINIT_NUM_THREADS must be a positive integer; got bogus. Unset it for all CPUs.\n"
    )


def test_an_unknown_instruction_set_is_an_error_of_the_bit_generator() -> None:
    ran = run("import pyinit.numpy", PYINIT_ISA="bogus")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("ValueError: an instruction set must be one of ")


@pytest.mark.interop
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("PYINIT_ISA", "an instruction set must be one of "),
        ("PYINIT_NUM_THREADS", "PYINIT_NUM_THREADS must be a positive integer; got bogus."),
    ],
)
def test_the_environment_is_read_before_a_program_of_xla_is_compiled(name: str, said: str) -> None:
    pytest.importorskip("pyinit.jax._xla", reason="built without jaxlib's headers")
    code = """
import os
import jax.numpy as jnp
import pyinit as pi
from pyinit.jax.traced.traced import draw
try:
    draw(pi.normal(), jnp.array([7, 0, 0, 0], jnp.uint32), (2000, 70))
except ValueError as error:
    print(error)
os.environ.pop("PYINIT_ISA", None), os.environ.pop("PYINIT_NUM_THREADS", None)
made = draw(pi.normal(), jnp.array([7, 0, 0, 0], jnp.uint32), (2000, 70))
assert (made == pi.normal()((2000, 70), key=7)).all()
"""
    ran = run(code, **{name: "bogus"})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(said)


# setenv moves the variables whenever one is added, and freed memory is overwritten: a getenv beside it reads
# nonsense. Where fills called it without the GIL, two runs in three ended in a segmentation fault.
STRESS = """
import os, sys, threading, time
import numpy as np
from pyinit import _core

filling, changing, seconds = 2, 3000, 2.0
for number in range(10_000):
    os.environ[f"UNUSED_{number}"] = "v" * (number % 97)
out = np.empty(64, np.float32)
stop = time.monotonic() + seconds

def fill():
    while time.monotonic() < stop:
        for _ in range(200):
            _core.fill_normal(out, "float32", 1, 0, (64,), (0,), 0.0, 1.0, 0)

def change():
    while time.monotonic() < stop:
        for number in range(changing):
            os.environ[f"CHANGED_{number}"] = "v" * (number % 97)
        for number in range(changing):
            del os.environ[f"CHANGED_{number}"]

threads = [threading.Thread(target=work) for work in [fill] * filling + [change]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("survived")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc's malloc")
def test_fills_beside_a_thread_that_sets_variables() -> None:
    ran = run(STRESS, MALLOC_PERTURB_="85")
    assert (ran.returncode, ran.stdout) == (0, "survived\n"), ran.stderr
