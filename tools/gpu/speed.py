"""The speed table: fills on the device, beside torch, CuPy and JAX, and beside what its memory allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

import pyinit as pi
import pyinit.torch as pit

KEY = pi.Key(1)


class Row(NamedTuple):
    """A line of the table: seconds, and what share of the memory's own rate that is."""

    name: str
    dtype: str
    ours: float
    share: float
    torch: float | None
    bar: float | None


def seconds(call: Callable[[], Any], rounds: int = 5) -> float:
    """Return the best of some rounds of a call, by the device's clock, after a first one."""
    call()
    torch.cuda.synchronize()
    best = float("inf")
    for _ in range(rounds):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()  # type: ignore[no-untyped-call]
        call()
        end.record()  # type: ignore[no-untyped-call]
        end.synchronize()  # type: ignore[no-untyped-call]
        best = min(best, begin.elapsed_time(end) / 1e3)  # type: ignore[no-untyped-call]
    return best


def rows_of(elements: int) -> list[Row]:
    """Measure the fills of one large tensor."""
    recipes: list[tuple[str, Any, dict[torch.dtype, float], Callable[[torch.Tensor], Any] | None]] = [
        ("constant", pi.constant(0.5), {}, lambda x: x.fill_(0.5)),
        ("uniform", pi.uniform(), {torch.float32: 0.9}, lambda x: x.uniform_()),
        ("normal", pi.normal(std=0.02), {torch.float32: 0.85, torch.bfloat16: 0.7}, lambda x: x.normal_()),
        (
            "truncated_normal",
            pi.truncated_normal(std=0.02),
            {torch.float32: 0.6},
            lambda x: torch.nn.init.trunc_normal_(x, std=0.02, a=-0.04, b=0.04),
        ),
    ]
    rows = []
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        out = torch.empty(
            elements if dtype is not torch.float64 else elements // 2, dtype=dtype, device="cuda"
        )
        # the rate that a fill reaches: what the memory takes
        memory = seconds(lambda out=out: out.view(torch.uint8).zero_())  # type: ignore[misc]
        for name, recipe, bars, peer in recipes:
            ours = seconds(lambda out=out, recipe=recipe: pit.fill(out, recipe, key=KEY))  # type: ignore[misc]
            theirs = None
            if peer is not None and (name != "truncated_normal" or dtype is torch.float32):
                theirs = seconds(lambda out=out, peer=peer: peer(out), rounds=2)  # type: ignore[misc]
            rows.append(Row(name, str(dtype)[6:], ours, memory / ours, theirs, bars.get(dtype)))
        del out
    return rows


def orthogonal(n: int = 4096) -> Row:
    """Measure an orthogonal matrix beside torch's QR."""
    out = torch.empty(n, n, device="cuda")
    ours = seconds(lambda: pit.fill(out, pi.orthogonal(), key=KEY), rounds=3)
    theirs = seconds(lambda: torch.nn.init.orthogonal_(out), rounds=2)
    return Row(f"orthogonal {n}", "float32", ours, float("nan"), theirs, None)


def others(elements: int) -> list[str]:
    """Return a line for each other library that is here: float32 normals."""
    lines = []
    try:
        import cupy

        generator = cupy.random.default_rng(0)
        out = cupy.empty(elements, cupy.float32)
        call = lambda: generator.standard_normal(elements, dtype=cupy.float32, out=out)  # noqa: E731
        lines.append(f"| cupy standard_normal | float32 | {1e3 * seconds(call, 2):.2f} |")
    except (ImportError, TypeError) as error:
        print(f"CuPy: {error}")
    try:
        draw = torch.func._random.normal  # type: ignore[attr-defined]
        key = torch.tensor([0, 0], dtype=torch.uint64, device="cuda")
        took = seconds(lambda: draw(key, (elements,)), 2)
        lines.append(f"| torch.func._random.normal | float32 | {1e3 * took:.2f} |")
    except (AttributeError, RuntimeError, TypeError) as error:
        print(f"torch.func._random: {error}")
    return lines + _jax(elements)


def _jax(elements: int) -> list[str]:
    import time

    try:
        import jax
    except ImportError:
        return []
    if jax.default_backend() != "gpu":
        return []
    draw = jax.jit(lambda key: jax.random.normal(key, (elements,)))
    draw(jax.random.key(0)).block_until_ready()
    began = time.perf_counter()
    draw(jax.random.key(1)).block_until_ready()
    return [f"| jax.random.normal | float32 | {1e3 * (time.perf_counter() - began):.2f} |"]


def memory_rates(nbytes: int) -> tuple[float, float]:
    """Return how many TB/s a copy within the device moves, read and written, and a fill with zeros."""
    a, b = (torch.empty(nbytes, dtype=torch.uint8, device="cuda") for _ in range(2))
    copied = seconds(lambda: a.copy_(b))
    written = seconds(lambda: a.zero_())
    return 2 * nbytes / copied / 1e12, nbytes / written / 1e12


def run(elements: int, table: Path | None) -> int:
    """Print and write the table; a bar that is missed is marked, and the exit status stays 0."""
    name = torch.cuda.get_device_name()
    copied, written = memory_rates(1 << 30)
    lines = [
        f"{name}, torch {torch.__version__}; a fill writes {written:.2f} TB/s, a copy reads and writes "
        f"{copied:.2f} TB/s. {elements} elements (half as many in float64), milliseconds.",
        "",
        "| | dtype | pyinit | of the memory's rate | torch | times torch | bar |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in [*rows_of(elements), orthogonal()]:
        theirs = "" if row.torch is None else f"{1e3 * row.torch:.2f}"
        times = "" if row.torch is None else f"{row.torch / row.ours:.2f}"
        bar = "" if row.bar is None else f"{row.bar:.0%}{'' if row.share >= row.bar else ' MISSED'}"
        share = "" if row.share != row.share else f"{row.share:.0%}"
        lines.append(
            f"| {row.name} | {row.dtype} | {1e3 * row.ours:.2f} | {share} | {theirs} | {times} | {bar} |"
        )
    beside = others(elements)
    if beside:
        lines += ["", "| beside | dtype | milliseconds |", "| --- | --- | --- |", *beside]
    text = "\n".join(lines)
    print(text)
    if table is not None:
        table.write_text(text + "\n", encoding="utf-8")
    return 0
