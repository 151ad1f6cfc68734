"""Time against size, for everything that pyinit makes: `python benchmarks/growth.py --json FILE --plot FILE`.

Fills from 2^4 to 2^34 elements (beyond memory: windows of one tensor, each into the same buffer), products
and orthogonal matrices against n, a probe against depth and width; one and two threads. Each figure is the
fastest of a few calls. The lower row of the picture divides by the work: a flat line grows as it must.

With `--from FILE` it draws figures that were measured before. All of it takes ten minutes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import pyinit as pi
from pyinit.cli.bench.machine import describe

Points = dict[str, list[tuple[int, float]]]

ELEMENTS = tuple(1 << power for power in range(4, 35, 2))
# Larger tensors are filled in windows of this many elements, 256 MiB.
BUFFER = 1 << 26
COLUMNS = 1024
SIDES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
DEPTHS = (1, 2, 4, 8, 16, 32, 64, 128)
WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
THREADS = (1, 2)
# Calls are repeated for about so long, up to so many times.
PATIENCE_SECONDS = 0.2
MOST_CALLS = 50

FILLS = {
    "constant": pi.constant(1.0),
    "uniform": pi.uniform(),
    "normal": pi.normal(),
    "truncated normal": pi.truncated_normal(),
    "zeros by chance": pi.sparse(0.5, exact=False),
    "zeros in columns": pi.sparse(0.5),
}


def fastest(step: Callable[[], object]) -> float:
    """Return the seconds of the fastest call."""
    best, spent, calls = float("inf"), 0.0, 0
    while calls < 2 or (spent < PATIENCE_SECONDS and calls < MOST_CALLS):
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        best, spent, calls = min(best, seconds), spent + seconds, calls + 1
        if seconds > 5:
            break
    return best


def fill_all(recipe: pi.Recipe, elements: int, buffer: np.ndarray, threads: int) -> Callable[[], object]:
    """Return what fills a tensor of `elements` once, through `buffer` where it does not fit."""
    columns = min(COLUMNS, 1 << (elements.bit_length() // 2))
    whole = (elements // columns, columns)
    rows = min(elements, BUFFER) // columns
    out = buffer[: rows * columns].reshape(rows, columns)

    def step() -> None:
        for first in range(0, whole[0], rows):
            pi.fill(out, recipe, key=0, window=pi.Window((first, 0), whole), threads=threads)

    return step


def check_windows(recipe: pi.Recipe, buffer: np.ndarray) -> None:
    """Assert that the last window of a tensor of 2^34 elements is what a smaller window of it says."""
    whole = (ELEMENTS[-1] // COLUMNS, COLUMNS)
    out = buffer.reshape(-1, COLUMNS)
    pi.fill(out, recipe, key=0, window=pi.Window((whole[0] - len(out), 0), whole))
    corner = recipe((3, COLUMNS), key=0, window=pi.Window((whole[0] - 3, 0), whole))
    assert np.array_equal(out[-3:], corner), recipe


def fills(sizes: tuple[int, ...]) -> Points:
    """Return the seconds of each distribution, by its number of elements."""
    buffer = np.ones(min(BUFFER, sizes[-1]), np.float32)
    points: Points = {}
    for name, recipe in FILLS.items():
        check_windows(recipe, buffer)
        for threads in THREADS:
            line = [(n, fastest(fill_all(recipe, n, buffer, threads))) for n in sizes]
            points[f"{name}, {threads}"] = line
            print(f"{name}, {threads}: {1e9 * line[-1][1] / line[-1][0]:.3f} ns an element", flush=True)
    return points


def matrices(sides: tuple[int, ...]) -> Points:
    """Return the seconds of products and of orthogonal matrices, by n."""
    points: Points = {}
    for threads in THREADS:
        products, orthogonals = [], []
        for n in sides:
            a, b, out = (pi.normal()((n, n), key=key) for key in range(3))
            pi.linalg.matmul(a, b, out=out, threads=threads)
            assert np.abs(out[0] - a[0].astype(np.float64) @ b).max() < 1e-3 * np.sqrt(n)
            seconds = fastest(lambda: pi.linalg.matmul(a, b, out=out, threads=threads))  # noqa: B023 (called at once)
            products.append((n, seconds))
            seconds = fastest(lambda: pi.fill(out, pi.orthogonal(), key=0, threads=threads))  # noqa: B023
            assert np.abs(out[0] @ out.T - np.eye(n)[0]).max() < 1e-4
            orthogonals.append((n, seconds))
        points[f"product, {threads}"] = products
        points[f"orthogonal, {threads}"] = orthogonals
        print(f"matrices, {threads} done", flush=True)
    return points


def probes(sizes: tuple[int, ...], layers: Callable[[int], list[int]]) -> Points:
    """Return the seconds of a probe of 256 rows, forward and back, by depth or width."""
    points: Points = {}
    for threads in THREADS:
        line = []
        for size in sizes:
            units = layers(size)
            network = pi.mlp(units, "tanh", pi.glorot_normal(), None, output_activation="tanh")
            x = pi.normal()((256, units[0]), key=1)
            line.append((size, fastest(lambda: pi.probe(network, x, threads=threads))))  # noqa: B023
        points[f"probe, {threads}"] = line
    print("probes done", flush=True)
    return points


def measure(largest: int) -> dict[str, object]:
    """Return all figures, of sizes up to `largest` elements."""
    elements = tuple(n for n in ELEMENTS if n <= largest)
    share = tuple(n for n in SIDES if n * n <= largest)
    return {
        "machine": describe(),
        "fills": fills(elements),
        "matrices": matrices(share),
        "depth": probes(DEPTHS, lambda depth: [256] * (depth + 1)),
        "width": probes(tuple(n for n in WIDTHS if n * n <= largest), lambda width: [width] * 9),
    }


def draw(data: dict[str, object], path: Path) -> None:
    """Draw time, and time by work, against size; solid lines are one thread, dashed ones two."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = (
        ("fills", "elements", "float32 fills", lambda n: n, "ns an element"),
        ("matrices", "n", "n x n matrices", lambda n: n**3, "ns / n³"),
        ("depth", "layers of 256 units", "a probe's depth", lambda n: n, "ns a layer"),
        ("width", "units of 8 layers", "a probe's width", lambda n: n**2, "ns a weight of a layer"),
    )
    fig, axes = pyplot.subplots(2, 4, figsize=(17, 8), layout="constrained")
    for column, (name, size, title, work, unit) in enumerate(panels):
        lines = data[name]
        assert isinstance(lines, dict)
        labels = list(dict.fromkeys(key.rsplit(", ", 1)[0] for key in lines))
        for key, line in lines.items():
            label, threads = key.rsplit(", ", 1)
            n = np.array([point[0] for point in line], float)
            seconds = np.array([point[1] for point in line])
            style = {
                "color": f"C{labels.index(label)}",
                "linestyle": "-" if threads == "1" else "--",
                "marker": "o",
                "markersize": 3,
                "linewidth": 1.3,
                "label": label if threads == "1" else None,
            }
            axes[0, column].loglog(n, seconds, **style)
            axes[1, column].loglog(n, 1e9 * seconds / work(n), **style)
        axes[0, column].set_title(title)
        axes[0, column].set_ylabel("seconds")
        axes[1, column].set_ylabel(unit)
        axes[1, column].set_xlabel(size)
        axes[0, column].legend(frameon=False, fontsize=8)
        for panel in axes[:, column]:
            panel.grid(alpha=0.3)
            panel.set_xscale("log", base=2)
    machine = data["machine"]
    assert isinstance(machine, dict)
    fig.suptitle(
        f"Time against size, {machine['processor']}, {machine['isa']}; solid: one thread, dashed: two",
        fontsize=12,
    )
    fig.savefig(path, dpi=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the figures")
    parser.add_argument("--plot", type=Path, help="draw them, .png or .svg")
    parser.add_argument("--from", type=Path, dest="source", help="draw the figures of this file")
    parser.add_argument("--largest", type=int, default=ELEMENTS[-1], help="elements of the largest tensor")
    arguments = parser.parse_args()
    if arguments.largest < (least := max(SIDES[0], WIDTHS[0]) ** 2):
        parser.error(f"--largest needs at least {least} elements; got {arguments.largest}")
    found = json.loads(arguments.source.read_text()) if arguments.source else measure(arguments.largest)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.plot:
        draw(found, arguments.plot)
