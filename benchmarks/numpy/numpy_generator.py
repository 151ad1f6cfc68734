"""NumPy's Generator on pyinit's stream and on its own: `python benchmarks/numpy/numpy_generator.py`.

One line a draw: nanoseconds of each bit generator, and the peers' time over pyinit's, medians of rounds in
which all of them took turns.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator, Philox

import pyinit as pi
from pyinit.cli.bench.answer import check_moments
from pyinit.cli.bench.interleave import Turn, interleave
from pyinit.cli.bench.machine import describe
from pyinit.numpy import Philox4x32

N = 1 << 20
BIT_GENERATORS: dict[str, Callable[[int], Any]] = {
    "Philox4x32": Philox4x32,
    "NumPy's Philox": Philox,
    "PCG64": PCG64,
}
Draw = Callable[[Generator], Any]


def cases() -> dict[str, tuple[Draw, Callable[[Any, str], None]]]:
    """Return what is drawn, and how an answer is checked."""
    wide, narrow = np.empty(N), np.empty(N, np.float32)

    def moments(distribution: str, dtype: str) -> Callable[[Any, str], None]:
        return lambda values, who: check_moments(values, distribution, dtype, who)

    def words(values: Any, who: str) -> None:
        check_moments(values * 2.0**-32, "uniform", "float64", who)

    def one_at_a_time(rng: Generator) -> Any:
        return np.array([rng.random() for _ in range(10_000)])

    return {
        "random": (lambda rng: rng.random(out=wide), moments("uniform", "float64")),
        "random float32": (
            lambda rng: rng.random(out=narrow, dtype=np.float32),
            moments("uniform", "float32"),
        ),
        "standard_normal": (lambda rng: rng.standard_normal(out=wide), moments("normal", "float64")),
        "standard_normal float32": (
            lambda rng: rng.standard_normal(out=narrow, dtype=np.float32),
            moments("normal", "float32"),
        ),
        "integers uint32": (lambda rng: rng.integers(0, 2**32, N, dtype=np.uint32), words),
        "random, one at a time": (one_at_a_time, moments("uniform", "float64")),
    }


def measure() -> None:
    """Check the answers, then print the table."""
    own = Generator(Philox4x32(7)).random(N)
    assert own.tobytes() == pi.uniform()(N, key=7, dtype="float64").tobytes()
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    print(f"{'':24}" + "".join(f"{name:>16}" for name in BIT_GENERATORS) + "  ns; peers' time over pyinit's")
    for name, (draw, check) in cases().items():
        generators = {each: Generator(make(7)) for each, make in BIT_GENERATORS.items()}
        for each, rng in generators.items():
            check(draw(rng), each)
        turns = [Turn(functools.partial(draw, rng)) for rng in generators.values()]
        elements = draw(generators["PCG64"]).size
        rounds = interleave(turns, least=5, most=9, budget_seconds=4.0)
        nanoseconds = [statistics.median(column) / elements * 1e9 for column in zip(*rounds, strict=True)]
        ratios = [statistics.median(row[peer] / row[0] for row in rounds) for peer in (1, 2)]
        line = "".join(f"{each:16.2f}" for each in nanoseconds)
        print(f"{name:24}{line}  " + "  ".join(f"{ratio:5.2f}" for ratio in ratios), flush=True)


if __name__ == "__main__":
    measure()
