"""Hold every architecture against eager torch, and write a table of what was found.

Usage: python -m tools.architectures --library transformers [--only llama hubert] [--results FILE]
    [--eager FOLDER] [--ways meta deferred accelerate] [--together 8] [--seconds 200] [--gigabytes 12]

A line of JSON is written for each model and way; what the file has already is not done again. Some models
share a process, which has a limit of memory; a model has a limit of time. Eager builds are kept in a folder,
if one is given: a second run with another pyinit needs half the time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAYS = ("meta", "deferred", "accelerate")


def main() -> None:
    """Run what is missing, then print totals."""
    options = _options()
    if options.worker:
        _work(options)
        return
    from .configurations import chosen

    rows = _rows(options.results)
    done = {(row["model"], row["way"]) for row in rows}
    missing = [
        name
        for name in chosen(options.library, options.only)
        if (name, "eager") not in done and any((name, way) not in done for way in options.ways)
    ]
    for first in range(0, len(missing), options.together):
        part = missing[first : first + options.together]
        _process(options, part)
        seen = {row["model"] for row in _rows(options.results)}
        for name in part:
            # the process ended before it came to it, or while it was at it: once more, alone
            if name not in seen:
                _process(options, [name])
        for name in set(part) - {row["model"] for row in _rows(options.results)}:
            _write(options.results, name, "eager", "skipped", ["the process ended: memory or time"])
    rows = _rows(options.results)
    for way in ("eager", *options.ways):
        counts = Counter(row["verdict"] for row in rows if row["way"] == way)
        print(f"{way}: {dict(sorted(counts.items()))}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--library", choices=("transformers", "timm"), default="transformers")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--results", type=Path, default=None)
    parser.add_argument("--eager", type=Path, default=None)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--together", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=200)
    parser.add_argument("--gigabytes", type=int, default=12)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.results = options.results or Path(f"architectures-{options.library}.jsonl")
    return options


def _rows(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def _write(results: Path, model: str, way: str, verdict: str, said: list[str]) -> None:
    row = {"model": model, "way": way, "verdict": verdict, "said": [text[:600] for text in said[:12]]}
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(f"{model} [{way}]: {verdict}", *said[:3], sep="\n    ", flush=True)


def _process(options: argparse.Namespace, part: list[str]) -> None:
    command = [sys.executable, "-m", __package__ or "", "--worker", "--library", options.library]
    command += ["--results", str(options.results), "--ways", *options.ways, "--only", *part]
    command += ["--seconds", str(options.seconds), "--gigabytes", str(options.gigabytes)]
    command += ["--eager", str(options.eager)] if options.eager else []
    try:
        subprocess.run(command, check=False, timeout=options.seconds * (len(part) + 1))
    except subprocess.TimeoutExpired:
        return


def _work(options: argparse.Namespace) -> None:
    """Compare some models, in this process."""
    limit = options.gigabytes << 30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    let_torchvision_load()
    done = {(row["model"], row["way"]) for row in _rows(options.results)}
    for name in options.only:
        start = time.perf_counter()
        try:
            with _Alarm(options.seconds):
                _compare(options, name, [way for way in options.ways if (name, way) not in done])
        except _TooSlow:
            _write(options.results, name, "eager", "skipped", [f"takes more than {options.seconds} s"])
        print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)


class _TooSlow(BaseException):
    """Passes through every handler of errors."""


class _Alarm:
    """Raises `_TooSlow` in a block that takes too long."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        import signal

        def ring(*_: Any) -> None:
            raise _TooSlow

        signal.signal(signal.SIGALRM, ring)
        signal.alarm(self.seconds)

    def __exit__(self, *_: Any) -> None:
        import signal

        signal.alarm(0)


def let_torchvision_load() -> None:
    """Give torchvision's operators a schema: its wheel cannot load them beside torch for the CPU."""
    import torch

    for operator in ("nms", "qnms"):
        schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        torch.library.define(f"torchvision::{operator}", schema)


def _compare(options: argparse.Namespace, name: str, ways: list[str]) -> None:
    from .comparison import Built, faults
    from .configurations import seeded

    eager = _eager(options, name)
    if isinstance(eager, str):
        _write(options.results, name, "eager", "skipped", [eager])
        return
    build, first, second = eager
    for way in ways:
        try:
            made = Built.of(seeded(lambda way=way: _made(way, build), 2))
        except Exception as error:
            from pyinit.errors import RecipeError

            verdict = "refused" if isinstance(error, RecipeError) else "error"
            _write(options.results, name, way, verdict, [f"{type(error).__name__}: {error}"])
            continue
        found = faults(first, second, made)
        _write(options.results, name, way, "faults" if found else "right", found)


def _made(way: str, build: Callable[[], Any]) -> Any:
    import torch

    import pyinit.torch as pit

    if way == "accelerate":
        with pit.accelerate(key=0):
            return build()
    with pit.deferred() if way == "deferred" else torch.device("meta"):
        module = build()
    return pit.materialize(module, key=0)


def _eager(options: argparse.Namespace, name: str) -> Any:
    """Return how a model is built and two eager builds, or a sentence that says why there are none."""
    import torch

    from .comparison import Built
    from .configurations import LARGEST, builder, seeded

    kept = options.eager / f"{options.library}-{name}.pt" if options.eager else None
    try:
        build = builder(options.library, name)
        if kept and kept.exists():
            saved = torch.load(kept, weights_only=False)
            return saved if isinstance(saved, str) else (build, *saved)
        found: Any = _size(build, LARGEST[options.library])
        if found is None:
            found = tuple(Built.of(seeded(build, seed)) for seed in (0, 1))
    except Exception as error:
        found = f"eager torch does not build it: {type(error).__name__}: {error}"[:300]
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(found, kept)
    return found if isinstance(found, str) else (build, *found)


def _size(build: Callable[[], Any], largest: int) -> str | None:
    """Return a sentence if a model is too large; asked of the meta device where that can build it."""
    import torch

    try:
        with torch.device("meta"):
            n = sum(parameter.numel() for parameter in build().parameters())
    except Exception:
        return None
    return f"{n / 1e6:.0f} million parameters" if n > largest else None


if __name__ == "__main__":
    main()
