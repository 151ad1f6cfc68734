"""Fills, activations and layers do not depend on the caller's rounding mode, nor on subnormals being kept.

What a recipe computes in Python before the fill (the root behind the std of `he_normal`) follows Python's own
rounding, so the recipes here have their numbers given.
"""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

X86 = platform.machine() in ("x86_64", "AMD64")
ARM = platform.machine() in ("aarch64", "arm64")

# Enters a mode, shows that it is entered, and prints the bytes' hash; makes everything after entering.
PROGRAM = """
import ctypes, sys
from hashlib import blake2b
import numpy as np
import pyinit as pi
from pyinit import _core

libm = ctypes.CDLL("libm.so.6")
mode, x86 = sys.argv[1], {x86}
rounding = dict(up=0x800, down=0x400, zero=0xC00) if x86 else dict(up=1 << 22, down=2 << 22, zero=3 << 22)

def enter():
    if mode == "torch":
        import torch
        assert torch.set_flush_denormal(True)
    elif mode == "flush":
        # glibc's fenv_t: MXCSR is its last word on x86-64, FPCR its first on aarch64
        environment = (ctypes.c_uint32 * 8)()
        assert libm.fegetenv(environment) == 0
        word, bits = (7, 0x8040) if x86 else (0, 1 << 24)
        environment[word] |= bits
        assert libm.fesetenv(environment) == 0
    elif mode != "usual":
        assert libm.fesetround(rounding[mode]) == 0

def entered():
    one, little, small = np.float64(1), np.float64(1e-30), np.float32(1e-38)
    if mode in ("torch", "flush"):
        return small * np.float32(1e-3) == 0
    above, below, negative = one + little > 1, one - little < 1, -one - little < -1
    return (above, below, negative) == dict(
        usual=(False, False, False), up=(True, False, False),
        down=(False, True, True), zero=(False, True, False))[mode]

enter()
assert entered()
found = blake2b()
for recipe in (
    pi.constant(0.1), pi.uniform(-0.3, 0.7), pi.uniform(0.0, 2.0**-126), pi.normal(),
    pi.normal(mean=0.1, std=0.02),
    # subnormal in float32 and float16
    pi.normal(std=2.0**-127), pi.normal(std=1e-6),
    pi.truncated_normal(), pi.truncated_normal(mean=0.3, std=0.02, low=-1.7, high=2.3),
    pi.truncated_normal(low=6.0, high=7.0),
    pi.truncated_normal(std=2.0**-126, low=0.0, high=1.0),
    pi.sparse(0.3, std=0.1), pi.sparse(0.3, std=0.1, exact=False), pi.orthogonal(),
):
    for dtype in ("float32", "float64", "bfloat16", "float16"):
        # threads of the core inherit the mode
        made = [recipe((701, 700), key=1, dtype=dtype, threads=threads).tobytes() for threads in (1, 3)]
        assert made[0] == made[1], (recipe, dtype)
        found.update(made[0])
# arguments of every exponent, made without arithmetic
x = np.arange(0, 2**32, 65_537, dtype=np.uint32).view(np.float32)
out = np.empty_like(x)
for activation in (
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "tanh", "sigmoid",
    "hardtanh", "softplus", "softsign", "erf", "sin",
):
    for kernel in (_core.activate, _core.slope):
        kernel(activation, 0.1, x, out)
        found.update(out)
# a layer, whose numbers reach the subnormal ones, and its statistics
from pyinit.lab.network.drawn import Drawn
from pyinit.lab.network.fused import backward, forward
from pyinit.linalg.statistics import LinearAxis, Question
from pyinit.theory.activation import activation
lazy = Drawn(pi.normal(mean=0.1, std=0.02).plan_for((70, 90), "float32"), pi.key(3))
ask = Question(LinearAxis(-0.3, 0.7, 30), (-0.1, 0.1))
x = pi.normal(std=2.0**-120)((80, 70), key=2)
for threads in (1, 3):
    leaky = activation(("leaky_relu", 0.1))
    dw, db = np.empty((70, 90), np.float32), np.empty(90, np.float32)
    made = forward(x, lazy, leaky, keep_z=True, ask_z=ask, ask_y=ask, ask_weight=ask, threads=threads)
    back = backward(x, lazy, leaky, made.z, made.y, dw=dw, db=db, ask_dz=ask, ask_dw=ask, threads=threads)
    for array in (made.y, made.z, *back[:2], dw, db):
        found.update(array.tobytes())
    for moments in (*made[2:], *back[2:]):
        found.update(repr((moments.mean.hex(), moments.minimum.hex(), moments.histogram.counts)).encode())
# a kernel leaves the caller's mode as it was
assert entered()
print(found.hexdigest())
"""

pytestmark = pytest.mark.skipif(
    not (sys.platform.startswith("linux") and (X86 or ARM)), reason="needs an x86-64 machine with glibc"
)


def fingerprint(mode: str) -> str:
    command = [sys.executable, "-c", PROGRAM.format(x86=X86), mode]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def usual() -> str:
    return fingerprint("usual")


@pytest.mark.parametrize("mode", ["up", "down", "zero", "flush"])
def test_another_mode(mode: str, usual: str) -> None:
    assert fingerprint(mode) == usual


@pytest.mark.interop
def test_torch_flushes_subnormals(usual: str) -> None:
    pytest.importorskip("torch")
    assert fingerprint("torch") == usual
