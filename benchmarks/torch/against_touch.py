"""A Llama made real beside a first touch of as many bytes: `python benchmarks/torch/against_touch.py`.

Fresh memory comes as fast as the host gives it, from 1 to 16 GB/s, so that only a ratio says what a library
adds. All contenders take turns, in another order each round, in tensors of the model's sizes. Before each
turn as many bytes are touched and given back: what has been free for a second, a virtual machine may have
to ask its host for, which takes ten times as long and would decide every figure.

The contenders: one write a page by NumPy, on one and on two threads; `torch.empty(n).zero_()`; and a model
of 1.1 billion float32 numbers by `materialize` and `accelerate`, or a tree of as many by `init_tree`
(`--framework jax`). *warm* is the same draw into memory that was touched before; a touch and a warm draw
together are what a machine takes that cannot do both at a time. `accelerate` draws each matrix twice, as
transformers does: in the constructor of the layer, and in `_init_weights`.

One line a contender: the median of its seconds, and of its ratio to each touch in the same round. Then the
milliseconds that `materialize` takes to record a hundred layers, and those that transformers takes to
construct them on the meta device.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
import transformers

import pyinit as pi
from pyinit.cli.bench.answer import AnswerError
from pyinit.cli.bench.interleave import seconds
from pyinit.cli.bench.machine import describe
from pyinit.torch import accelerate, materialize
from pyinit.torch.materialization.deciding import before_names, checked_recipes, decided

Step = Callable[[], Any]

PAGE = 4096
STD = 0.02
REST_SECONDS = 0.05
WARM_BYTES = 1 << 28
"""The last cache of a machine holds less."""


def model_of(layers: int, vocabulary: int, width: int = 2048) -> Any:
    """Return a TinyLlama of so many layers, where torch's context puts it."""
    config = transformers.LlamaConfig(
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_attention_heads=32,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        vocab_size=vocabulary,
        num_hidden_layers=layers,
    )
    return transformers.AutoModelForCausalLM.from_config(config, dtype="float32")


def declare_torchvision() -> None:
    """Let transformers import torchvision, whose wheel for CUDA lacks operators beside a torch for CPUs."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float threshold) -> Tensor")


def on_meta(*size: int) -> Any:
    """Return the model without memory."""
    with torch.device("meta"):
        return model_of(*size)


def touch(sizes: list[int]) -> list[np.ndarray]:
    """Write a byte of each page of fresh memory."""
    made = []
    for size in sizes:
        made.append(np.empty(size, np.uint8))
        made[-1][::PAGE] = 0
    return made


def touch_by_two(pool: ThreadPoolExecutor, sizes: list[int]) -> list[np.ndarray]:
    """Write a byte of each page, half of each tensor's in either thread."""
    made = [np.empty(size, np.uint8) for size in sizes]

    def half(at: int) -> None:
        for whole in made:
            middle = whole.size // 2 // PAGE * PAGE
            (whole[middle:] if at else whole[:middle])[::PAGE] = 0

    list(pool.map(half, range(2)))
    return made


def zeroed(sizes: list[int]) -> list[torch.Tensor]:
    """Have torch write zeros to fresh memory."""
    return [torch.empty(size, dtype=torch.uint8).zero_() for size in sizes]


def warm(sizes: list[int], out: np.ndarray) -> None:
    """Draw as many bytes into touched memory."""
    numbers, left = out.view(np.float32), sum(sizes) // 4
    while left > 0:
        pi.fill(numbers[:left], pi.normal(std=STD), key=0)
        left -= numbers.size


def check(made: Any) -> None:
    """Raise unless the matrices are N(0, 0.02) and the rest is ones."""
    for each in made:
        values = np.asarray(each.detach() if isinstance(each, torch.Tensor) else each).reshape(-1)[: 1 << 18]
        # five standard errors
        bound = STD * (1 + 5 / (2 * values.size) ** 0.5)
        if each.ndim == 1 and not (values == 1).all():
            raise AnswerError("a norm's scale is not one")
        if each.ndim == 2 and not 2 * STD - bound < values.std() < bound:
            raise AnswerError(f"a matrix has the std {values.std()}, not {STD}")


def of_torch(size: tuple[int, int]) -> dict[str, Step]:
    """Return how torch's models are made."""
    return {
        "materialize": lambda: materialize(on_meta(*size), key=0),
        "accelerate": accelerate(key=0)(lambda: model_of(*size)),
    }


def of_jax(size: tuple[int, int]) -> dict[str, Step]:
    """Return how a tree of the same shapes is made."""
    import jax

    from pyinit.jax import init_tree

    tree = {
        name.replace(".", "_"): {
            "scale" if each.dim() == 1 else "kernel": jax.ShapeDtypeStruct(tuple(each.shape), "float32")
        }
        for name, each in on_meta(*size).named_parameters()
    }
    recipe = pi.normal(std=STD)
    return {"init_tree": lambda: jax.block_until_ready(init_tree(tree, recipe=recipe, key=0))}


def recording(layers: int = 100) -> tuple[float, float]:
    """Return the milliseconds to record so many layers and to construct them, above those of one."""
    found = []
    for count in (layers + 1, 1):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            model = on_meta(count, 8, 64)
            built = time.perf_counter()
            decided(model, checked_recipes(None), before_names(""))
            times.append((time.perf_counter() - built, built - start))
        found.append([min(column) for column in zip(*times, strict=True)])
    recorded, built = ((many - one) * 1e3 for many, one in zip(*found, strict=True))
    return recorded, built


def main(layers: int, rounds: int, framework: str) -> None:
    """Check, then print the table."""
    declare_torchvision()
    size = (layers, 32000 if layers > 8 else 1024)
    made = of_jax(size) if framework == "jax" else of_torch(size)
    for step in made.values():
        model = step()
        check(jax_leaves(model) if framework == "jax" else model.parameters())
        del model
    sizes = [each.nbytes for each in on_meta(*size).parameters()]
    ready = np.ones(WARM_BYTES, np.uint8)
    with ThreadPoolExecutor(2) as pool:
        touches: dict[str, Step] = {
            "touch": lambda: touch(sizes),
            "by two threads": lambda: touch_by_two(pool, sizes),
            "torch's zeros": lambda: zeroed(sizes),
        }
        steps = {**touches, "warm": lambda: warm(sizes, ready), **made}
        found: dict[str, list[float]] = {name: [] for name in steps}
        for turn in range(rounds):
            names = list(steps)
            first = turn * len(names) // rounds
            for name in names[first:] + names[:first]:
                # what models leave behind in cycles would not be free
                gc.collect()
                touch_by_two(pool, sizes)
                time.sleep(REST_SECONDS)
                found[name].append(seconds(steps[name]))
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    print(f"{sum(sizes) / 1e9:.2f} GB in {len(sizes)} tensors; ratios to: {', '.join(touches)}")
    for name, times in found.items():
        ratios = (
            statistics.median(a / b for a, b in zip(times, found[touched], strict=True))
            for touched in touches
        )
        median = statistics.median(times)
        print(
            f"{name:16}{median:7.2f} s {sum(sizes) / median / 1e9:6.1f} GB/s",
            *(f"{each:6.2f}x" for each in ratios),
        )
    if framework == "torch":
        recorded, built = recording()
        print(
            f"recording: {recorded:.1f} ms a hundred layers, beside {built:.1f} ms to construct them on meta"
        )


def jax_leaves(tree: Any) -> Any:
    """Return the leaves of a tree."""
    import jax

    return jax.tree.leaves(tree)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--layers", type=int, default=22)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--framework", choices=("torch", "jax"), default="torch")
    given = parser.parse_args()
    main(given.layers, given.rounds, given.framework)
