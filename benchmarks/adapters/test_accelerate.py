"""transformers' `from_config` under `pyinit.torch.accelerate`, beside itself without.

`pytest benchmarks/adapters/test_accelerate.py` times a Llama of one layer, and with `--elements 2^30` all
1.1 B float32 parameters of TinyLlama. `python benchmarks/adapters/test_accelerate.py [elements]` lets the two
take turns and prints the ratio of their times, round by round.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pyinit.bench.interleave import Turn, interleave

_TINY_LLAMA = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
}
_WHOLE_ELEMENTS = 1 << 30


def builders(elements: int) -> dict[str, Callable[[], Any]]:
    """Return how each contender builds the model."""
    _declare_torchvision()
    import transformers

    from pyinit.torch import accelerate

    whole = elements >= _WHOLE_ELEMENTS
    config = transformers.LlamaConfig(
        **_TINY_LLAMA, vocab_size=32000 if whole else 1024, num_hidden_layers=22 if whole else 1
    )

    def stock() -> Any:
        return transformers.AutoModelForCausalLM.from_config(config, dtype="float32")

    return {"transformers": stock, "accelerate": accelerate(seed=0)(stock)}


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


def check(build: Callable[[], Any]) -> None:
    """Raise unless a builder's model is a Llama at its start: N(0, 0.02) matrices, norms of one."""
    parameters = dict(build().named_parameters())
    assert len(parameters) % 9 == 3
    for name, parameter in parameters.items():
        values = parameter.detach()
        if "norm" in name:
            assert bool((values == 1).all()), name
            continue
        # at least a million numbers: half a percent of the std is seven standard errors
        assert abs(float(values.std()) / 0.02 - 1) < 0.005, name
        assert abs(float(values.mean())) < 0.005 * 0.02, name
        assert 4 < float(values.abs().max()) / 0.02 < 7, name


@pytest.mark.parametrize("build", ["transformers", "accelerate"])
def test_from_config(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, build: str) -> None:
    pytest.importorskip("transformers")
    step = builders(request.config.getoption("--elements"))[build]
    check(step)
    benchmark.group = "from_config of a Llama"
    benchmark.pedantic(step, rounds=3, iterations=1)


def main(elements: int) -> None:
    """Print each round's seconds and their ratio."""
    steps = builders(elements)
    for step in steps.values():
        check(step)
    rounds = interleave([Turn(step) for step in steps.values()], least=3, most=5, budget_seconds=60)
    for stock, accelerated in rounds:
        print(f"{stock:8.2f} s {accelerated:8.3f} s {stock / accelerated:6.1f}")
    print(f"median ratio {statistics.median(stock / accelerated for stock, accelerated in rounds):.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _WHOLE_ELEMENTS)
