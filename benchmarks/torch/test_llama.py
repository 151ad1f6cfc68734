"""A Llama by transformers' `from_config`: as it is, under `accelerate`, on the meta device and made real.

Everything from configuration to real model is counted. `pytest benchmarks/torch/test_llama.py` times a
model of one layer, and with `--elements 2^30` all 1.1 B float32 parameters of TinyLlama. `python
benchmarks/torch/test_llama.py [elements]` lets the three take turns, each twice in a row, and prints the
ratios: *fresh*, after another has given its memory back, and *warm*, in the memory that the same one has just
given back. Then it prints the peak memory of a process that materializes the model in bfloat16.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pyinit.cli.bench.interleave import seconds

_TINY_LLAMA = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
}
_WHOLE_ELEMENTS = 1 << 30
_ROUNDS = 3
_REST_SECONDS = 0.05

Build = Callable[[], Any]


def builders(elements: int, dtype: str = "float32") -> dict[str, Build]:
    """Return how each contender builds the model."""
    _declare_torchvision()
    import torch
    import transformers

    from pyinit.torch import accelerate, materialize

    whole = elements >= _WHOLE_ELEMENTS
    config = transformers.LlamaConfig(
        **_TINY_LLAMA, vocab_size=32000 if whole else 1024, num_hidden_layers=22 if whole else 1
    )

    def stock() -> Any:
        return transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)

    def materialized() -> Any:
        with torch.device("meta"):
            model = stock()
        return materialize(model, key=0)

    return {"transformers": stock, "accelerate": accelerate(key=0)(stock), "materialize": materialized}


def _declare_torchvision() -> None:
    """Let transformers import torchvision, whose wheel for CUDA lacks operators beside a torch for CPUs."""
    import torch

    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float threshold) -> Tensor")


def check(build: Build) -> None:
    """Raise unless a model is a Llama at its start: N(0, 0.02) matrices, norms of one, frequencies."""
    model = build()
    parameters = dict(model.named_parameters())
    assert len(parameters) % 9 == 3
    for name, parameter in parameters.items():
        values = parameter.detach()
        if "norm" in name:
            assert bool((values == 1).all()), name
            continue
        # at least half a million numbers: half a percent of the std is five standard errors
        assert abs(float(values.std()) / 0.02 - 1) < 0.005, name
        assert abs(float(values.mean())) < 0.01 * 0.02, name
        assert 4 < float(values.abs().max()) / 0.02 < 7, name
    frequencies = model.model.rotary_emb.inv_freq
    assert float(frequencies[0]) == 1.0
    assert bool((frequencies.diff() < 0).all())


@pytest.mark.parametrize("build", ["transformers", "accelerate", "materialize"])
def test_llama(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, build: str) -> None:
    pytest.importorskip("transformers")
    step = builders(request.config.getoption("--elements"))[build]
    check(step)
    benchmark.group = "a Llama from its configuration"
    benchmark.pedantic(step, rounds=3, iterations=1)


def main(elements: int) -> None:
    """Print the seconds and the ratios, then the peak of memory."""
    steps = builders(elements)
    for step in steps.values():
        check(step)
    fresh: dict[str, list[float]] = {name: [] for name in steps}
    warm: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(_ROUNDS):
        for name, step in steps.items():
            for found in (fresh, warm):
                time.sleep(_REST_SECONDS)
                found[name].append(seconds(step))
    for name in steps:
        line = f"{name:14}"
        for memory, found in (("fresh", fresh), ("warm", warm)):
            ratio = statistics.median(a / b for a, b in zip(found["transformers"], found[name], strict=True))
            line += f"  {memory} {statistics.median(found[name]):6.2f} s, {ratio:4.1f}x"
        print(line)
    subprocess.run([sys.executable, __file__, str(elements), "memory"], check=True)


def peak(elements: int) -> None:
    """Print by how much a process grows at most that materializes the model in bfloat16."""
    build = builders(elements, "bfloat16")["materialize"]
    # a small one first: what is imported on the way is no memory of the model
    builders(1)["materialize"]()
    before = _peak_kib()
    model = build()
    grown = _peak_kib() - before
    size = sum(parameter.nbytes for parameter in model.parameters())
    print(f"bfloat16: {size / 2**20:.0f} MiB of parameters, peak {grown / 2**10:.0f} MiB more")


def _peak_kib() -> int:
    # getrusage would tell the parent's, which this process began as
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else _WHOLE_ELEMENTS
    (peak if "memory" in sys.argv[2:] else main)(asked)
