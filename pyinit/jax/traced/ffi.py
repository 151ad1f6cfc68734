"""The fill kernels inside compiled programs on a CPU: XLA calls them by its foreign function interface.

They exist if pyinit was built with jaxlib's headers; otherwise `available()` is False, and draws are traced.
The bytes are those of `pyinit.fill`. XLA may cut a call: each device fills its own rectangle.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec

from ... import _core
from ...stream.plan import Plan
from ...stream.window import Shape
from .counter import Words
from .curves import CURVES
from .sparse import mask_key

__all__ = ["KERNELS", "TARGET", "attributes", "available", "call", "fill"]

TARGET = "pyinit_fill"
"""The name of the call in a compiled program."""

KERNELS = frozenset(
    {"uniform", "normal", "truncated_normal", "disk", "disk_normal", "sparse", "bernoulli_sparse", *CURVES}
)
"""The distributions that the call can draw."""


@lru_cache(maxsize=1)
def available() -> bool:
    """Return whether the kernels were built for XLA; the first call starts JAX and registers them."""
    try:
        from .. import _xla
    except ImportError:
        return False
    # a wrong PYINIT_ISA is a ValueError here
    handler = _xla.fill()
    # JAX keeps what is registered before its backends begin; one that then refuses it does not begin
    jax.local_devices()
    try:
        jax.ffi.register_ffi_target(TARGET, handler, platform="cpu")
    except Exception as error:  # XLA's own errors, which have no common class
        warnings.warn(
            f"XLA needs kernels that were built for this jaxlib; it says: {str(error).rstrip('.')}. "
            "Build pyinit again, with the headers of this jaxlib; until then draws are traced, more slowly.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def attributes(plan: Plan) -> dict[str, Any]:
    """Return the plan's numbers as the handler takes them: floats, and the bits of integers."""
    given = plan.numbers
    if plan.distribution == "bernoulli_sparse":
        mean, std, sparsity = given
        given = (mean, std, round(sparsity * 2**32))
    floats: list[float] = []
    integers: list[int] = []
    for number in given:
        for each in number if isinstance(number, tuple) else (number,):
            (integers if isinstance(each, int) else floats).append(each)
    return {
        "distribution": plan.distribution,
        "global_shape": np.array(plan.shape, np.int64),
        "numbers": np.array(floats, np.float64),
        "integers": np.array([each % 2**64 for each in integers], np.uint64).view(np.int64),
        # read here, in a Python thread: the call must not read the environment. 0 means all CPUs.
        "threads": np.int64(_core.environment_threads()),
    }


def _varying(words: Words) -> dict[str, Any]:
    """Return the option that lets a result vary along those axes of a shard_map along which the keys vary."""
    mesh = jax.sharding.get_abstract_mesh()
    if not mesh.manual_axes:
        return {}
    everywhere = NamedSharding(mesh, PartitionSpec())
    # the word of JAX before 0.10
    name = "manual_axis_type" if hasattr(jax.typeof(words), "manual_axis_type") else "vma"
    return {"sharding": everywhere, name: getattr(jax.typeof(words), name)}


def call(plan: Plan, words: Words, start: Words, extent: Shape) -> Any:
    """Call the handler: a window of the tensor for every key of a batch."""
    batch = words.shape[:-1]
    result = jax.ShapeDtypeStruct((*batch, *extent), jnp.dtype(plan.dtype), **_varying(words))
    # made from the words, so that it is placed as they are
    starts = words[..., :1] & np.uint32(0) | jnp.broadcast_to(start, (*batch, len(extent)))
    operand = jnp.concatenate([words, starts], axis=-1)
    return jax.ffi.ffi_call(TARGET, result)(operand, **attributes(plan))


def _whole(plan: Plan, words: Words) -> Any:
    return call(plan, words, jnp.zeros(len(plan.shape), jnp.uint32), plan.shape)


def _named(spec: PartitionSpec, axis: int) -> tuple[str, ...]:
    names = spec[axis] if axis < len(spec) else None
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)


def _partition(plan: Plan, mesh: Any, arguments: Any, result: Any) -> Any:
    """Return what each device runs: its rectangle of the tensor, for its keys of the batch."""
    (words,) = arguments
    batch = len(words.shape) - 1
    spec: list[tuple[str, ...]] = []
    for axis, n in enumerate(result.shape):
        names = _named(result.sharding.spec, axis) if isinstance(result.sharding, NamedSharding) else ()
        # a part that reaches beyond the tensor cannot be drawn
        spec.append(names if n % math.prod(mesh.shape[name] for name in names) == 0 else ())

    def lower(words: Words) -> Any:
        start, extent = [], []
        # One device's part has no mesh. On explicit axes JAX 0.12 would leave shardings in it, which XLA
        # cannot run.
        with jax.sharding.use_abstract_mesh(AbstractMesh((), ())):
            for n, names in zip(plan.shape, spec[batch:], strict=True):
                size = n // math.prod(mesh.shape[name] for name in names)
                number = jax.lax.axis_index(names) if names else 0
                start.append(jnp.asarray(number, jnp.uint32) * np.uint32(size))
                extent.append(size)
            return call(plan, words, jnp.stack(start), tuple(extent))

    parts = [names or None for names in spec]
    return (
        mesh,
        lower,
        NamedSharding(mesh, PartitionSpec(*parts)),
        (NamedSharding(mesh, PartitionSpec(*parts[:batch], None)),),
    )


def _rule(plan: Plan, mesh: Any, arguments: Any, results: Any) -> Any:
    """Return which axes are sharded alike: those of a batch are, and a key's words are never split."""
    (result,) = results
    axes = [f"axis{number}" for number in range(result.rank)]
    batch = axes[: result.rank - len(plan.shape)]
    return f"{' '.join([*batch, 'words'])} -> {' '.join(axes)}", {"need_replication_factors": ("words",)}


_partitioned = custom_partitioning(_whole, static_argnums=(0,))
_partitioned.def_partition(_partition, sharding_rule=_rule)


@lru_cache(maxsize=4096)
def _filler(plan: Plan) -> Any:
    """Return the call for a plan, over any number of leading axes of keys."""

    @jax.custom_batching.custom_vmap
    def fill(words: Words) -> Any:
        # a device's own part of a program is not cut again, nor is a scalar
        alone = jax.sharding.get_abstract_mesh().manual_axes or not plan.shape
        drawn = _whole(plan, words) if alone else _partitioned(plan, words)
        batch = jax.typeof(words).sharding.spec[: words.ndim - 1]
        # on explicit axes the type of an array names its sharding, and the call must give it
        return jax.sharding.reshard(drawn, PartitionSpec(*batch)) if any(batch) else drawn

    @fill.def_vmap
    def _(size: int, batched: Any, words: Words) -> Any:
        return fill(words), True

    return fill


def fill(plan: Plan, key: Words) -> Any:
    """Return the whole tensor of a plan in `KERNELS`, drawn by the kernels."""
    mask = mask_key(key) if "sparse" in plan.distribution else key
    return _filler(plan)(jnp.concatenate([key, mask]))
