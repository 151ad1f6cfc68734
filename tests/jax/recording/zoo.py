"""Models of Flax Linen, Flax nnx, Haiku and Equinox, each as a function from a JAX key to parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox
import haiku
import jax
import jax.numpy as jnp
from flax import linen, nnx

TOKENS = jnp.arange(10).reshape(2, 5)
IMAGES = jnp.linspace(-1, 1, 2 * 8 * 8 * 16).reshape(2, 8, 8, 16)


class Block(linen.Module):
    """A layer of a transformer, as a scan wants it."""

    @linen.compact
    def __call__(self, x: Any, _: Any) -> Any:
        y = linen.LayerNorm()(x)
        x += linen.MultiHeadDotProductAttention(4)(y, y)
        y = linen.Dense(128, use_bias=False)(linen.RMSNorm()(x))
        return x + linen.Dense(64)(linen.gelu(y)), None


class Scanned(linen.Module):
    """Layers stacked by a scan, and the same one as a rematerialized and as a plain layer."""

    @linen.compact
    def __call__(self, tokens: Any) -> Any:
        x = linen.Embed(128, 64)(tokens)
        stack = linen.scan(Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
        x, _ = stack()(x, None)
        x, _ = linen.remat(Block)()(x, None)
        return linen.Dense(256)(x)


class Cells(linen.Module):
    """Every recurrent cell."""

    @linen.compact
    def __call__(self, tokens: Any) -> Any:
        x = linen.Embed(64, 48)(tokens)
        for cell in (
            linen.LSTMCell,
            linen.OptimizedLSTMCell,
            linen.GRUCell,
            linen.MGUCell,
            linen.SimpleCell,
        ):
            x = linen.RNN(cell(64))(x)
        return x


class Layers(linen.Module):
    """Layers whose kernels have more than two axes, and norms."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        x = linen.Conv(32, (3, 3), feature_group_count=4)(x)
        x = linen.BatchNorm(use_running_average=False)(x)
        x = linen.ConvTranspose(48, (3, 3), strides=(2, 2))(x)
        x = linen.ConvTranspose(16, (3, 3), transpose_kernel=True)(x)
        x = linen.GroupNorm(4)(linen.PReLU()(x))
        x = linen.ConvLocal(32, (3, 3), strides=(4, 4))(x)
        x = linen.DenseGeneral((4, 16), axis=(-2, -1))(x)
        x = linen.Einsum((4, 16, 4, 24), "...ab,abcd->...cd")(x)
        x = linen.WeightNorm(linen.Dense(64))(x)
        ensemble = linen.vmap(
            linen.Dense,
            in_axes=None,
            out_axes=0,
            axis_size=4,
            variable_axes={"params": 0},
            split_rngs={"params": True},
        )
        return ensemble(64)(x)


class Nnx(nnx.Module):
    """Layers of nnx, one of each."""

    def __init__(self, rngs: Any) -> None:
        self.linear = nnx.Linear(64, 96, rngs=rngs)
        self.general = nnx.LinearGeneral((40,), (4, 16), rngs=rngs)
        self.einsum = nnx.Einsum("abc,cde->abde", (64, 4, 16), (4, 16), rngs=rngs)
        self.attention = nnx.MultiHeadAttention(4, 40, 64, rngs=rngs, decode=False)
        self.cells = nnx.List(
            [
                cell(48, 64, rngs=rngs)
                for cell in (nnx.LSTMCell, nnx.OptimizedLSTMCell, nnx.GRUCell, nnx.SimpleCell)
            ]
        )
        self.convolution = nnx.Conv(16, 64, (3, 3), rngs=rngs)
        self.transposed = nnx.ConvTranspose(64, 16, (3, 3), strides=2, rngs=rngs)
        self.norms = nnx.List(
            [nnx.LayerNorm(8, rngs=rngs), nnx.BatchNorm(8, rngs=rngs), nnx.RMSNorm(8, rngs=rngs)]
        )
        self.lora = nnx.LoRA(64, 32, 64, rngs=rngs)
        self.embedding = nnx.Embed(128, 64, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)


def nnx_layers(key: Any) -> Any:
    return nnx.state(Nnx(nnx.Rngs(key)), (nnx.Param, nnx.BatchStat, nnx.LoRAParam))


def nnx_stacked(key: Any) -> Any:
    @nnx.split_rngs(splits=3)
    @nnx.vmap
    def many(rngs: Any) -> Any:
        return nnx.MultiHeadAttention(4, 64, 64, rngs=rngs, decode=False)

    @nnx.split_rngs(splits=3)
    @nnx.scan(in_axes=(0, nnx.Carry), out_axes=(nnx.Carry, 0))
    def scanned(rngs: Any, count: Any) -> Any:
        return count + 1, nnx.GRUCell(48, 64, rngs=rngs)

    rngs = nnx.Rngs(key)
    return {"vmap": nnx.state(many(rngs), nnx.Param), "scan": nnx.state(scanned(rngs, 0)[1], nnx.Param)}


def haiku_net(x: Any) -> Any:
    x = haiku.Conv2D(32, 3, with_bias=False)(x)
    x = haiku.BatchNorm(True, True, 0.9)(x, True)
    x = haiku.Conv2DTranspose(48, 3, stride=2)(x)
    x = haiku.DepthwiseConv2D(2, 3)(x).reshape(2, -1)[:, :64]
    x = haiku.experimental.layer_stack(3)(lambda x: haiku.Linear(64)(haiku.LayerNorm(-1, True, True)(x)))(x)
    x = haiku.Linear(64, w_init=haiku.initializers.Orthogonal())(x)
    x, _ = haiku.GRU(64)(x, jnp.zeros((2, 64)))
    x, _ = haiku.LSTM(64)(x, haiku.LSTMState(jnp.zeros((2, 64)), jnp.zeros((2, 64))))
    return haiku.Bias()(x) + haiku.Embed(128, 64)(jnp.zeros(2, jnp.int32))


def equinox_layers(key: Any) -> Any:
    keys = iter(jax.random.split(key, 16))
    layers = [
        equinox.nn.MLP(16, 8, 64, 2, key=next(keys)),
        equinox.nn.Conv2d(16, 64, 3, key=next(keys)),
        equinox.nn.ConvTranspose2d(64, 16, 3, key=next(keys)),
        equinox.nn.GRUCell(48, 64, key=next(keys)),
        equinox.nn.LSTMCell(48, 64, key=next(keys)),
        equinox.nn.MultiheadAttention(4, 64, key=next(keys)),
        equinox.nn.Embedding(128, 64, key=next(keys)),
        equinox.nn.LayerNorm(64),
        equinox.filter_vmap(lambda key: equinox.nn.Linear(32, 64, key=key))(jax.random.split(next(keys), 5)),
    ]
    return equinox.filter(layers, equinox.is_array)


def by_hand(key: Any) -> Any:
    """Return what plain functions of JAX make: carried keys, laws of every kind, sums of draws."""
    init = jax.nn.initializers

    def step(carry: Any, _: Any) -> Any:
        carry, one, two = jax.random.split(carry, 3)
        return carry, {
            "w": init.he_uniform()(one, (64, 64)),
            "mask": jax.random.bernoulli(two, 0.3, (64, 64)),
        }

    keys = iter(jax.random.split(key, 22))
    _, steps = jax.lax.scan(step, next(keys), None, length=3)
    low = 0.5 * jax.random.uniform(next(keys))
    return {
        "steps": steps,
        "negative": -0.5 * jax.random.normal(next(keys), (64, 64)) + 1,
        "divided": jax.random.normal(next(keys), (64, 64)) / jnp.sqrt(64.0),
        "rows": jax.random.normal(next(keys), (64, 64)) * jnp.linspace(1, 2, 64)[:, None],
        "half": (jax.random.normal(next(keys), (64, 64)) * 0.02).astype(jnp.bfloat16),
        "grid": jax.random.uniform(next(keys), (64, 64), jnp.float16, -1, 1),
        "sum": jax.random.normal(next(keys), (64, 64)) + jax.random.uniform(next(keys), (64, 64)),
        "both": jnp.concatenate([init.orthogonal()(next(keys), (64, 64)), init.zeros(None, (64, 64))], 1).T,
        "heads": init.glorot_normal()(next(keys), (64, 64)).reshape(64, 4, 16).transpose(1, 0, 2),
        "bank": init.lecun_normal(in_axis=-2, out_axis=-1, batch_axis=0)(next(keys), (4, 32, 64)),
        "delta": init.delta_orthogonal()(next(keys), (3, 3, 16, 64)),
        "log": jnp.log(jax.random.uniform(next(keys), (64, 64), minval=0.1, maxval=0.9)),
        "ids": jax.random.randint(next(keys), (64, 64), 0, 7),
        "gamma": jax.random.gamma(next(keys), 2.0, (64, 64)),
        "complex": jnp.abs(jax.random.normal(next(keys), (64, 64), jnp.complex64)),
        "between": jax.random.uniform(next(keys), (), minval=low, maxval=low + 1),
        "chosen": jax.lax.cond(
            low > 2,
            lambda key: jax.random.normal(key, (64, 64)),
            lambda key: jax.random.gumbel(key, (64, 64)),
            next(keys),
        ),
        "gumbel": jax.random.gumbel(next(keys), (64, 64)),
        "category": jax.random.categorical(next(keys), jnp.arange(4.0), shape=(64, 64)),
        "point": jax.random.uniform(next(keys), (3,), minval=0.5, maxval=0.5),
        "arange": jnp.arange(6, dtype=jnp.int8).reshape(2, 3),
    }


ZOO: dict[str, Callable[[Any], Any]] = {
    "linen scanned": lambda key: Scanned().init(key, TOKENS),
    "linen cells": lambda key: Cells().init(key, TOKENS),
    "linen layers": lambda key: Layers().init(key, IMAGES),
    "nnx layers": nnx_layers,
    "nnx stacked": nnx_stacked,
    "haiku": lambda key: haiku.transform_with_state(haiku_net).init(key, IMAGES),
    "equinox": equinox_layers,
    "by hand": by_hand,
}
