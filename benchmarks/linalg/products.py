"""Square products beside NumPy's, float32 and float64: `python benchmarks/linalg/products.py --threads 2`.

The answer is checked first: sampled rows in `longdouble`, within a rounding for each step. Ratios are medians
of rounds in which both took turns. NumPy's BLAS has its own number of threads and instruction set; to give it
the same, start with `OPENBLAS_NUM_THREADS=2`, and for AVX2 with `PYINIT_ISA=avx2 OPENBLAS_CORETYPE=Haswell`.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np

import pyinit as pi
from pyinit.cli.bench.answer import AnswerError
from pyinit.cli.bench.interleave import Turn, interleave
from pyinit.cli.bench.machine import describe

SAMPLED_ROWS = 5


def check(made: np.ndarray, a: np.ndarray, b: np.ndarray, who: str) -> None:
    """Raise `AnswerError` unless sampled rows of `made` are those of the product."""
    rows = np.linspace(0, len(a) - 1, SAMPLED_ROWS).astype(int)
    wide, columns = a[rows].astype(np.longdouble), b.astype(np.longdouble)
    room = len(b) * np.finfo(a.dtype).eps / 2 * (np.abs(wide) @ np.abs(columns))
    if not (np.abs(made[rows] - wide @ columns) <= room).all():
        raise AnswerError(f"{who}: the product of {a.shape} and {b.shape} is wrong. It is not timed.")


def main() -> None:
    """Print one line for each size and dtype."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--rounds", type=int, default=5, help="the least number of rounds")
    given = parser.parse_args()
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    for dtype in ("float32", "float64"):
        for n in given.sizes:
            a, b = (pi.normal()((n, n), key=key, dtype=dtype) for key in range(2))
            made = np.empty_like(a)

            def ours(a: np.ndarray = a, b: np.ndarray = b, made: np.ndarray = made) -> None:
                pi.linalg.matmul(a, b, out=made, threads=given.threads)

            def numpys(a: np.ndarray = a, b: np.ndarray = b, made: np.ndarray = made) -> None:
                np.matmul(a, b, out=made)

            for step, who in ((ours, "pyinit"), (numpys, "numpy")):
                made.fill(np.nan)
                step()
                check(made, a, b, who)
            table = interleave([Turn(ours), Turn(numpys)], least=given.rounds, budget_seconds=3.0)
            rates = [2 * n**3 / statistics.median(column) / 1e9 for column in zip(*table, strict=True)]
            ratio = statistics.median(row[1] / row[0] for row in table)
            print(
                f"{dtype} {n}, threads {given.threads}: {rates[0]:.0f} GFLOP/s, numpy {rates[1]:.0f}, "
                f"{ratio:.2f}x",
                flush=True,
            )


if __name__ == "__main__":
    main()
