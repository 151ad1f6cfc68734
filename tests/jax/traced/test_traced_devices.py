"""Draws on eight devices: each draws its own part, without communication, and the parts are the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("jax")

pytestmark = pytest.mark.interop

# In a child process: the number of devices is fixed when JAX begins.
PROGRAM = r"""
import json
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import pyinit as pi
from pyinit.jax import initializers
from pyinit.jax.traced.traced import draw, traced

KEY = pi.Key(0x123456789ABCDEF0, 2**64 - 3)
SHAPE = (40, 26)


def words(key):
    parts = (key.seed & 0xFFFFFFFF, key.seed >> 32, key.offset & 0xFFFFFFFF, key.offset >> 32)
    return jnp.array(parts, jnp.uint32)


mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("a", "b"))
explicit = jax.make_mesh((4, 2), ("a", "b"), axis_types=(AxisType.Explicit,) * 2)
result = {"devices": len(jax.devices())}


def note(name, compiled, made, whole):
    text = compiled.as_text()
    pairs = [*zip(jax.tree.leaves(made), jax.tree.leaves(whole), strict=True)]
    result[name] = {
        "equal": [bool(np.array_equal(*pair)) for pair in pairs],
        "error": [float(np.abs(np.asarray(one) - other).max()) for one, other in pairs],
        "talks": [word for word in ("all-", "collective-permute") if word in text],
        "parts": re.findall(r'= (\S+)\{\S* custom-call\(.*"pyinit_fill"', text),
    }


# one program for all recipes: compiling is what takes time here
recipes = [pi.uniform(-0.3, 0.7), pi.normal(mean=0.5, std=0.02), pi.truncated_normal()]
recipes.append(pi.sparse(0.3, std=1.0))
kernels = [recipe(SHAPE, key=KEY) for recipe in recipes]
plans = [recipe.plan(SHAPE) for recipe in recipes]
in_operations = lambda key: [traced(plan, key) for plan in plans]
alone = jax.jit(in_operations)(words(KEY))
for spec in (P("a", "b"), P(None, ("b",)), P(("a", "b"))):
    drawn = lambda key: [draw(recipe, key, SHAPE) for recipe in recipes]
    compiled = jax.jit(drawn, out_shardings=NamedSharding(mesh, spec)).lower(words(KEY)).compile()
    note(f"draw {tuple(spec)}", compiled, compiled(words(KEY)), kernels)
jitted = jax.jit(in_operations, out_shardings=NamedSharding(mesh, P("a", "b")))
compiled = jitted.lower(words(KEY)).compile()
note("traced ('a', 'b')", compiled, compiled(words(KEY)), alone)

normal = partial(draw, pi.normal(), shape=(6, 8))
keys = jnp.stack([words(pi.key(k)) for k in range(8)])
each = np.stack([pi.normal()((6, 8), key=k) for k in range(8)])
many = jax.jit(jax.vmap(normal), out_shardings=NamedSharding(mesh, P("a", None, "b")))
compiled = many.lower(keys).compile()
note("vmap", compiled, compiled(keys), each)
for check in (True, False):
    mapped = partial(jax.shard_map, mesh=mesh, check_vma=check)
    parts = jax.jit(mapped(lambda k: normal(k[0])[None], in_specs=P(("a", "b")), out_specs=P(("a", "b"))))
    note(f"shard_map {check}", parts.lower(keys).compile(), parts(keys), each)
    same = jax.jit(mapped(normal, in_specs=P(), out_specs=P()))
    note(f"shard_map of one key {check}", same.lower(keys[3]).compile(), same(keys[3]), each[3])
with jax.set_mesh(explicit):
    typed = jax.jit(lambda key: jax.sharding.reshard(normal(key), P(None, "b")))
    note("explicit", typed.lower(keys[3]).compile(), typed(keys[3]), each[3])
    raw = jnp.stack([jnp.array([0, k], jnp.uint32) for k in range(8)])
    placed = jax.device_put(raw, NamedSharding(explicit, P("a")))
    initializer = initializers.normal(1.0)
    many = jax.jit(jax.vmap(lambda key: initializer(key, (6, 8))))
    note("explicit vmap", many.lower(placed).compile(), many(placed), each)
    result["explicit vmap"]["type"] = str(jax.typeof(many(placed)))
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def kernels_are_there() -> bool:
    from pyinit.jax.traced import ffi

    return ffi.available()


def test_the_child_had_eight_devices(seen: dict[str, Any]) -> None:
    assert seen["devices"] == 8


def test_parts_are_the_whole(seen: dict[str, Any]) -> None:
    exact = kernels_are_there()
    wrong = {
        name: case["error"]
        for name, case in seen.items()
        if name != "devices"
        if not (all(case["equal"]) if exact or "traced" in name else max(case["error"]) < 2e-6)
    }
    assert wrong == {}
    # uniforms have the kernels' bits, whatever draws them
    assert all(case["equal"][0] for name, case in seen.items() if name.startswith("draw"))


def test_no_device_talks_to_another(seen: dict[str, Any]) -> None:
    assert {name: case["talks"] for name, case in seen.items() if name != "devices" and case["talks"]} == {}


def test_each_device_calls_the_kernels_for_its_part(seen: dict[str, Any]) -> None:
    pytest.importorskip("pyinit.jax._xla", reason="built without jaxlib's headers")
    assert seen["draw ('a', 'b')"]["parts"] == ["f32[10,13]"] * 4
    assert seen["draw (None, 'b')"]["parts"] == ["f32[40,13]"] * 4
    assert seen["draw (('a', 'b'),)"]["parts"] == ["f32[5,26]"] * 4
    assert seen["traced ('a', 'b')"]["parts"] == []
    assert seen["vmap"]["parts"] == ["f32[2,6,4]"]
    assert seen["shard_map True"]["parts"] == ["f32[6,8]"]
    assert seen["explicit vmap"]["parts"] == ["f32[2,6,8]"]


def test_keys_on_explicit_axes_place_what_they_draw(seen: dict[str, Any]) -> None:
    assert seen["explicit vmap"]["type"] == "float32[8@a,6,8]"
