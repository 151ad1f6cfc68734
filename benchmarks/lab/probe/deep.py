"""A deep probe beside NumPy's products alone and NumPy doing it all: `python benchmarks/lab/probe/deep.py`.

32 tanh layers of 4096 on 1024 rows, weights drawn on the way: seconds, ratios (medians of rounds in which all
took turns), what statistics cost, and the memory of a probe above interpreter and input; then Abalone's
milliseconds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import pyinit as pi
from pyinit.cli.bench.interleave import Turn, interleave
from pyinit.cli.bench.machine import describe
from pyinit.lab.network.fused import Drawn
from pyinit.lab.network.passes import Parts, forward
from pyinit.lab.probe.measure.spare import Spare

Step = Callable[[], object]
# Of the probe's own means and variances from NumPy's, in standard deviations: sums in another order.
TOLERANCE = 1e-4
# Of a layer's variance under NumPy's weights from that under pyinit's.
ALIKE = 0.05
ABALONE = [8, 16, 16, 16, 16, 16, 16, 16, 1]


def network(width: int, depth: int) -> pi.Network:
    """Return tanh layers that hold the variance."""
    return pi.mlp([width] * (depth + 1), "tanh", pi.glorot_normal(), None, output_activation="tanh")


def rows(width: int, batch: int) -> np.ndarray:
    """Return standard normal rows."""
    return pi.normal()((batch, width), key=1)


def products(width: int, depth: int, batch: int) -> Step:
    """Return NumPy's products alone, on weights that are ready."""
    x, made = rows(width, batch), np.empty((batch, width), np.float32)
    weights = [pi.glorot_normal()((width, width), key=layer) for layer in range(2)]

    def step() -> None:
        # two weights in turns: together they exceed the caches, and 32 would be 2 GiB
        for layer in range(depth):
            np.matmul(x, weights[layer % 2], out=made)

    return step


def numpys_all(width: int, depth: int, batch: int) -> Callable[[], np.ndarray]:
    """Return NumPy at the whole of it: draw, multiply, tanh, histogram, moments; it gives the last layer."""
    x = rows(width, batch)

    def step() -> np.ndarray:
        rng, y = np.random.Generator(np.random.SFC64(0)), x
        scale = np.float32(1 / np.sqrt(width))
        for _ in range(depth):
            weight = rng.standard_normal((width, width), dtype=np.float32)
            weight *= scale
            z = y @ weight
            y = np.tanh(z)
            for values in (z, y):
                np.histogram(values, bins=64)
                values.mean(), values.var(), values.min(), values.max()
        return y

    return step


def fused(width: int, depth: int, batch: int) -> Callable[[], np.ndarray]:
    """Return the probe's layers without a single statistic, on matrices used again; it gives the last."""
    x, net = rows(width, batch), network(width, depth)
    parts = [
        Parts(Drawn(layer.recipe.plan((width, width)), pi.key(0).fold_in(f"layers.{at}.weight")))
        for at, layer in enumerate(net.layers)
    ]

    def step() -> np.ndarray:
        y, spare = x, Spare()
        for at, (layer, own) in enumerate(zip(net.layers, parts, strict=True)):
            made = forward(layer, own, y, None, 0, keep_z=False, take=spare.take)
            if at:
                spare.give(y)
            y = made.activation
        return y

    return step


def probe(width: int, depth: int, batch: int) -> Callable[[], pi.Report]:
    """Return the probe, forward."""
    x, net = rows(width, batch), network(width, depth)
    return lambda: pi.probe(net, x, key=0, backward=False)


def check(width: int, batch: int) -> None:
    """Compare the probe of two layers with NumPy on the same weights, and with what the contenders make."""
    report, y = probe(width, 2, batch)(), rows(width, batch)
    for at, layer in enumerate(report.layers):
        z = y @ pi.glorot_normal()((width, width), key=pi.key(0).fold_in(f"layers.{at}.weight"))
        y = np.tanh(z)
        for values, kind in ((z, "pre-activation"), (y, "activation")):
            found = layer.moments[kind]
            wide = values.astype(np.float64)
            assert abs(found.mean - wide.mean()) < TOLERANCE * wide.std(), at
            assert abs(found.variance / wide.var() - 1) < TOLERANCE, at
            bars = found.histogram
            assert bars is not None
            counts = np.histogram(wide, bars.axis.edges)[0]
            # what is on an edge, but for a rounding, may be on its other side
            assert np.abs(counts - bars.counts).sum() < TOLERANCE * wide.size, at
    last = report.layers[-1].moments["activation"]
    assert abs(fused(width, 2, batch)().var(dtype=np.float64) / last.variance - 1) < TOLERANCE
    # other weights of the same distribution
    assert abs(numpys_all(width, 2, batch)().var(dtype=np.float64) / last.variance - 1) < ALIKE


def peak(width: int, depth: int, batch: int, backward: bool) -> float:
    """Return the MiB that a probe in a process of its own takes above interpreter and input."""
    # VmHWM: ru_maxrss begins with the parent's
    code = (
        "import re, sys; sys.path.insert(0, sys.argv[1]); import deep, pyinit as pi\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "width, depth, batch, backward = map(int, sys.argv[2:])\n"
        "pi.probe(deep.network(8, 2), deep.rows(8, 4))\n"
        "x, net = deep.rows(width, batch), deep.network(width, depth)\n"
        "before = peak()\n"
        "pi.probe(net, x, backward=bool(backward))\n"
        "print((peak() - before) / 1024)\n"
    )
    arguments = [__file__.rsplit("/", 1)[0], *(str(int(each)) for each in (width, depth, batch, backward))]
    child = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    return float(child.stdout)


def milliseconds(step: Step, times: int = 30) -> float:
    """Return the median of `times` calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        step()
        found.append(time.perf_counter() - start)
    return statistics.median(found) * 1e3


def main() -> None:
    """Check the answer, then print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, value in (("width", 4096), ("depth", 32), ("batch", 1024), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    size = given.width, given.depth, given.batch
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    check(given.width, given.batch)
    contenders: dict[str, Step] = {
        "pi.probe, forward": probe(*size),
        "without statistics": fused(*size),
        "NumPy's products alone": products(*size),
        "NumPy, all of it": numpys_all(*size),
    }
    table = interleave([Turn(step) for step in contenders.values()], least=given.rounds, most=given.rounds)
    for at, name in enumerate(contenders):
        seconds = statistics.median(row[at] for row in table)
        ratio = statistics.median(row[0] / row[at] for row in table)
        print(f"{name:24}{seconds:8.2f} s   pi.probe takes {ratio:.2f} of it")
    for backward in (False, True):
        print(f"memory, {'backward too' if backward else 'forward'}: {peak(*size, backward):.0f} MiB")
    data = pi.data.abalone().standardized()
    small = pi.mlp(ABALONE, "tanh", bias=None)
    for backward in (False, True):
        took = milliseconds(lambda back=backward: pi.probe(small, data.inputs, backward=back))  # type: ignore[misc]
        print(f"Abalone, 8 layers, {'backward too' if backward else 'forward'}: {took:.1f} ms")


if __name__ == "__main__":
    main()
