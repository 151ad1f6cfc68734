"""Time against n of n x n orthogonal matrices: `python benchmarks/linalg/growth.py docs/orthogonal.png`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import matplotlib
import numpy as np

import pyinit as pi

SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
ROUNDS = 3
# Other libraries' worker threads spin for a while after a call; the next contender must not meet them.
REST_SECONDS = 0.3
# A contender that has taken this long for one size is not asked for the next.
PATIENCE_SECONDS = 20.0

Make = Callable[[int], np.ndarray]


def contenders() -> dict[str, Make]:
    """Return those that are installed."""
    found: dict[str, Make] = {"pyinit": lambda n: pi.orthogonal()((n, n), key=0)}
    try:
        import torch

        found["torch"] = lambda n: torch.nn.init.orthogonal_(torch.empty(n, n)).numpy()
    except ImportError:
        pass
    try:
        from scipy.stats import ortho_group

        found["SciPy (float64)"] = lambda n: ortho_group.rvs(n, random_state=0)
    except ImportError:
        pass
    try:
        import jax

        initializer = jax.nn.initializers.orthogonal()
        made = jax.jit(lambda key, n: initializer(key, (n, n)), static_argnums=1)
        found["jax (compiled)"] = lambda n: np.asarray(made(jax.random.key(0), n))
    except ImportError:
        pass
    return found


def measure(makers: dict[str, Make]) -> dict[str, list[tuple[int, float]]]:
    """Return (n, seconds) of each, the fastest of interleaved rounds; answers are checked first."""
    times: dict[str, list[tuple[int, float]]] = {name: [] for name in makers}
    for n in SIZES:
        asked = {name for name in makers if not times[name] or times[name][-1][1] < PATIENCE_SECONDS}
        for name in asked:
            q = makers[name](n).astype(np.float64)
            assert np.abs(q.T @ q - np.eye(n)).max() < 1e-4, (name, n)
        best = dict.fromkeys(sorted(asked), float("inf"))
        for _ in range(ROUNDS):
            for name in best:
                time.sleep(REST_SECONDS)
                start = time.perf_counter()
                makers[name](n)
                best[name] = min(best[name], time.perf_counter() - start)
        for name, seconds in best.items():
            times[name].append((n, seconds))
            print(f"{n:5d}  {name:16s} {1e3 * seconds:10.3f} ms", flush=True)
    return times


def draw(times: dict[str, list[tuple[int, float]]], path: str) -> None:
    """Draw time against n, both logarithmic."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    fig, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for name, points in times.items():
        n, seconds = zip(*points, strict=True)
        axes.loglog(
            n, seconds, marker="o", markersize=4, linewidth=2 if name == "pyinit" else 1.2, label=name
        )
    axes.set_xlabel("n")
    axes.set_ylabel("seconds")
    axes.set_xticks(SIZES, [str(n) for n in SIZES])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    axes.set_title("An n x n orthogonal matrix, float32")
    fig.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="the picture to write")
    draw(measure(contenders()), parser.parse_args().path)
