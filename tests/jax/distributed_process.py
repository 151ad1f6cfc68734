"""One process of a tree's initialization: says which shards it made, and a digest of each.

Run as ``python distributed_process.py [address number count]``; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import pyinit as pi
from pyinit.errors import LayoutError
from pyinit.jax import init, init_tree, initializers
from pyinit.jax.arrays import filled

TREE = {
    "kernel": ((64, 48), "float32", P("x", "y"), pi.he_normal(truncated=True)),
    "half": ((64, 48), "bfloat16", P(None, ("x", "y")), pi.normal(std=0.02)),
    "replicated": ((6, 5), "float16", P(), pi.uniform(-1, 1)),
    "rows": ((8, 3, 4), "float32", P("y"), pi.truncated_normal()),
    "orthogonal": ((16, 32), "float32", P("x", None), pi.orthogonal()),
    "scale": ((16,), "float32", P("x"), pi.ones()),
}


RECORDED = {
    "kernel": P("x", "y"),
    "half": P(None, ("x", "y")),
    "layers": P("y", "x"),
    "orthogonal": P(None, "x"),
    "rows": P(("x", "y")),
    "turned": P("y", "x"),
    "joined": P("x", "y"),
    "log": P("x", "y"),
    "mask": P("y"),
    "zeros": P("x"),
}


def model(key: Any) -> Any:
    """Return leaves of every kind: drawn at once, in windows of windows, and made whole and then cut."""
    keys = jax.random.split(key, 12)
    init = jax.nn.initializers

    def step(_: Any, one: Any) -> Any:
        return None, (init.he_normal()(one, (8, 6)), init.orthogonal()(one, (8, 16)))

    _, (layers, orthogonal) = jax.lax.scan(step, None, keys[:4])
    heads = init.lecun_normal()(keys[4], (16, 64)).reshape(16, 8, 8)
    return {
        "kernel": init.glorot_uniform()(keys[5], (64, 48)),
        "half": (jax.random.normal(keys[6], (64, 48)) * 0.02).astype(jnp.bfloat16),
        "layers": layers,
        "orthogonal": orthogonal,
        "rows": jax.random.normal(keys[7], (16, 6)) * jnp.sqrt(jnp.arange(1.0, 17.0))[:, None],
        "turned": heads.transpose(1, 2, 0),
        "joined": jnp.concatenate([jnp.zeros((6, 8)), -jax.random.uniform(keys[8], (10, 8))]),
        "log": jnp.log1p(jax.random.uniform(keys[9], (16, 12))),
        "mask": jax.random.bernoulli(keys[10], 0.5, (8, 3)),
        "zeros": jnp.zeros(16),
    }


def mesh() -> Any:
    return jax.make_mesh((2, jax.device_count() // 2), ("x", "y"), axis_types=(AxisType.Auto,) * 2)


def main() -> None:
    if len(sys.argv) > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(sys.argv[1], int(sys.argv[3]), int(sys.argv[2]))
    devices = mesh()
    tree = {name: jax.ShapeDtypeStruct(shape, dtype) for name, (shape, dtype, _, _) in TREE.items()}
    places = {name: NamedSharding(devices, spec) for name, (_, _, spec, _) in TREE.items()}
    recipes = {name: recipe for name, (_, _, _, recipe) in TREE.items()}
    filled = init_tree(tree, places, key=11, recipe=recipes)
    shards = {name: digests(array) for name, array in filled.items()}
    recorded_places = {name: NamedSharding(devices, spec) for name, spec in RECORDED.items()}
    recorded = init(model, jax.random.key(0), key=11, shardings=recorded_places)
    shards |= {f"init {name}": digests(array) for name, array in recorded.items()}
    # a collective, to see that the arrays are one array to all processes
    sums = {
        name: np.asarray(jax.jit(lambda x: x.astype(jnp.float32).sum())(filled[name]), np.float64).item()
        for name in ("kernel", "scale")
    }
    place = NamedSharding(devices, P("x", "y"))
    drawn = initializers.he_normal()(jax.random.key(11), (64, 48), out_sharding=place)
    shards["initializer"] = digests(drawn)
    if len(sys.argv) == 1:
        check_places()
    writes = {name: counted(TREE[name][0], places[name]) for name in TREE if name != "orthogonal"}
    print(json.dumps({"devices": jax.device_count(), "shards": shards, "sums": sums, "writes": writes}))


def check_places() -> None:
    """Assert that initializers put their arrays where they are asked to, traced or not."""
    for kind in (AxisType.Auto, AxisType.Explicit):
        devices = jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind,) * 2)
        wanted = NamedSharding(devices, P("x"))
        for draws in (initializers.ones, initializers.constant(jnp.arange(2.0)), initializers.uniform()):
            for place in (wanted, wanted.spec):
                with jax.set_mesh(devices):
                    draw = partial(draws, jax.random.key(0), (8, 2), out_sharding=place)
                    for made in (draw(), jax.jit(draw)()):
                        assert made.sharding.is_equivalent_to(wanted, 2), (kind, draws, place)
                        assert np.array_equal(made, draws(jax.random.key(0), (8, 2)))
                        if kind is AxisType.Explicit:
                            # where shardings are types, a step compiles again for another way to write one
                            assert made.sharding == NamedSharding(devices, P("x", None)), (draws, place)
                with pytest.raises(LayoutError, match=r"\(6, 2\).* Use another sharding for this array"):
                    draws(jax.random.key(0), (6, 2), out_sharding=wanted)


def counted(shape: tuple[int, ...], place: Any) -> int:
    """Return how often the parts of an array are written."""
    written = []
    filled(shape, np.dtype(np.float32), lambda out, start: written.append(start), place)
    return len(written)


def digests(array: Any) -> list[Any]:
    """Return where each shard of this process lies, and a digest of its bytes."""
    return [
        [
            [part.indices(n)[:2] for part, n in zip(shard.index, array.shape, strict=True)],
            crc32(np.asarray(shard.data).tobytes()),
        ]
        for shard in array.addressable_shards
    ]


if __name__ == "__main__":
    main()
