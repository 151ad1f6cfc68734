"""Large tensors and every way in, against the CPU, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import pyinit as pi
import pyinit.torch as pit

KEY = pi.Key(7, 2**32 - 1000)
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def large() -> list[str]:
    """Compare 2**26 values of each distribution and dtype, whose counters cross 2**32 on the way."""
    recipes = [pi.normal(std=0.02), pi.normal(mean=0.1), pi.uniform(-1, 1), pi.truncated_normal()]
    wrong = []
    for dtype in DTYPES:
        here, there = torch.empty(1 << 26, dtype=dtype), torch.empty(1 << 26, dtype=dtype, device="cuda")
        for recipe in recipes:
            pit.fill(here, recipe, key=KEY)
            pit.fill(there, recipe, key=KEY)
            if not torch.equal(here.view(torch.uint8), there.cpu().view(torch.uint8)):
                wrong.append(f"{recipe} {dtype}")
    return wrong


def matrices() -> list[str]:
    """Compare matrices and patterns of layers' sizes."""
    cases: list[tuple[Any, tuple[int, ...]]] = [
        (pi.orthogonal(), (1024, 700)),
        (pi.orthogonal(), (300, 2000)),
        (pi.orthogonal(), (50000, 64)),
        (pi.sparse(0.9), (2000, 500)),
        (pi.sparse(0.9, exact=False), (2000, 500)),
        (pi.dirac(layout="torch"), (64, 32, 3, 3)),
        (pi.identity(), (512, 300)),
    ]
    wrong = []
    for recipe, shape in cases:
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            here = pit.fill(torch.empty(shape, dtype=dtype), recipe, key=KEY)
            there = pit.fill(torch.empty(shape, dtype=dtype, device="cuda"), recipe, key=KEY)
            if not torch.equal(here.view(torch.uint8), there.cpu().view(torch.uint8)):
                wrong.append(f"{recipe} {shape} {dtype}")
    return wrong


def through_torch() -> list[str]:
    """Compare strided tensors, torch.nn.init's functions, accelerate, another stream and a captured graph."""
    wrong = []
    whole = torch.zeros(301, 200, device="cuda")
    pit.fill(whole.t()[::2], pi.normal(), key=KEY)
    if not torch.equal(whole.t()[::2].cpu(), pit.fill(torch.empty(100, 301), pi.normal(), key=KEY)):
        wrong.append("a strided tensor")
    made = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(3)
        with pit.accelerate(key=4):
            layer = torch.nn.Linear(500, 300, device=device)
        made.append([pit.init.kaiming_normal_(torch.empty(80, 60, device=device)), layer.weight, layer.bias])
    if not all(torch.equal(a, b.cpu()) for a, b in zip(*made, strict=True)):
        wrong.append("accelerate or init")
    weight = torch.zeros(1000, 100, device="cuda")
    stream = torch.cuda.Stream()
    # the zeros come first
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        pit.fill(weight, pi.normal(), key=KEY)
    stream.synchronize()
    expected = pit.fill(torch.empty(1000, 100), pi.normal(), key=KEY)
    if not torch.equal(weight.cpu(), expected):
        wrong.append("another stream")
    weight.zero_()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        pit.fill(weight, pi.normal(), key=KEY)
    weight.zero_()
    graph.replay()
    torch.cuda.synchronize()
    if not torch.equal(weight.cpu(), expected):
        wrong.append("a captured graph")
    return wrong


def through_buffers() -> list[str]:
    """Compare `pi.fill` on CuPy's, and on torch's memory by DLPack."""
    wrong = []
    expected = pi.he_normal()((300, 70), key=KEY)
    tensor = torch.empty(300, 70, device="cuda")
    pi.fill(tensor, pi.he_normal(), key=KEY)
    if tensor.cpu().numpy().tobytes() != expected.tobytes():
        wrong.append("pi.fill on a torch tensor")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        # what is on the stream before comes before, and what follows sees the weights
        large = torch.zeros(1 << 26, device="cuda")
        pi.fill(large, pi.constant(2.0), key=KEY)
        total = large.double().sum().item()
    if total != 2.0 * (1 << 26):
        wrong.append("pi.fill on a torch tensor of another stream")
    try:
        import cupy
    except ImportError:
        print("CuPy is not here")
        return wrong
    for dtype in (np.float32, np.float64, np.float16):
        array = cupy.empty((300, 70), dtype)
        pi.fill(array, pi.he_normal(), key=KEY)
        if cupy.asnumpy(array).tobytes() != pi.he_normal()((300, 70), key=KEY, dtype=dtype).tobytes():
            wrong.append(f"pi.fill on CuPy's {dtype.__name__}")
    return wrong


def through_jax() -> list[str]:
    """Compare an eager initializer of JAX on its default device."""
    try:
        import jax
    except ImportError:
        print("JAX is not here")
        return []
    import pyinit.jax as pij

    made = pij.initializers.normal(0.02)(jax.random.key(3), (300, 70))
    with jax.default_device(jax.devices("cpu")[0]):
        right = pij.initializers.normal(0.02)(jax.random.key(3), (300, 70))
    print(f"JAX draws on {made.devices()}")
    return [] if np.array_equal(np.asarray(made), np.asarray(right)) else ["JAX's initializer"]


def run() -> int:
    """Run all; the exit status is 1 if something differs."""
    wrong: list[str] = []
    parts: list[Callable[[], list[str]]] = [large, matrices, through_torch, through_buffers, through_jax]
    for part in parts:
        found = part()
        print(f"{part.__name__}: {'the bits of the CPU' if not found else f'DIFFERS: {found}'}")
        wrong += found
    return min(len(wrong), 1)
