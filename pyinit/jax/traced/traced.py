"""Draws under jit, vmap and shard_map, on any backend: a recipe becomes operations that JAX traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ...errors import DTypeError, RecipeError, SeedError, ShapeError
from ...stream.dtypes import resolve
from ...stream.fill import planned
from ...stream.plan import Plan
from ...stream.window import Shape, normal_shape
from . import ffi
from .counter import Words, element_index, fold_in
from .draws import DRAWS
from .orthogonal import WHOLE
from .rounding import narrow
from .sparse import sparse
from .written import WRITTEN, written

__all__ = ["draw", "traced", "window"]

_NOT_TRACED = ("flattened_sparse", "grouped_orthogonal")


def window(plan: Plan, key: Words, start: Sequence[Any], extent: Shape) -> Any:
    """Return a rectangle of a tensor whose elements are drawn one by one.

    `start` holds integers or scalars of uint32.
    """
    if plan.distribution in _NOT_TRACED:
        raise RecipeError(
            f"JAX does not trace the distribution {plan.distribution}, which only pyinit's own kernels draw. "
            "Call the recipe itself, or draw outside of jit."
        )
    if plan.distribution in DRAWS:
        values = DRAWS[plan.distribution](plan, key, element_index(plan.shape, start, extent))
    else:
        values = sparse(plan, key, start, extent)
    return narrow(values, resolve(plan.dtype))


def traced(plan: Plan, key: Words) -> Any:
    """Return the whole tensor of a plan, by operations that every backend has."""
    if plan.distribution in WRITTEN or 0 in plan.shape:
        return written(plan)
    if plan.parts:
        return _joined(plan, key, traced)
    if (numbers := _from_parts(plan, key, traced)) is not None:
        return numbers
    if plan.distribution in WHOLE:
        return narrow(WHOLE[plan.distribution](plan, key), resolve(plan.dtype))
    return window(plan, key, (0,) * len(plan.shape), plan.shape)


def _from_parts(plan: Plan, key: Words, draw: Callable[[Plan, Words], Any]) -> Any | None:
    """Return the complex numbers whose parts, along a last axis, are drawn; None for what is not made so."""
    dtype = resolve(plan.dtype)
    if not dtype.is_complex or plan.distribution not in DRAWS or 0 in plan.shape:
        return None
    parts = draw(replace(plan, dtype=dtype.compute, shape=(*plan.shape, 2)), key)
    return lax.complex(parts[..., 0], parts[..., 1])


def _joined(plan: Plan, key: Words, draw: Callable[[Plan, Words], Any]) -> Any:
    """Return the blocks of a tensor side by side, each under its own key; or the copies of its part."""
    if plan.distribution == "icnr":
        axis, copies, are_neighbours, (part,) = plan.numbers
        drawn = draw(part, key)
        return jnp.repeat(drawn, copies, axis) if are_neighbours else jnp.concatenate([drawn] * copies, axis)
    keys = (fold_in(key, (jnp.uint32(number), jnp.uint32(0))) for number in plan.streams)
    parts = [draw(part, own) for part, own in zip(plan.parts, keys, strict=True)]
    return jnp.concatenate(parts, axis=plan.numbers[0])


# compiled as one program even outside of jit, because single operations could round differently
@partial(jax.jit, static_argnums=0)
def _drawn(plan: Plan, key: Words) -> Any:
    if plan.parts and 0 not in plan.shape:
        return _joined(plan, key, _drawn)
    if (numbers := _from_parts(plan, key, _drawn)) is not None:
        return numbers
    if plan.distribution in ffi.KERNELS and 0 not in plan.shape and ffi.available():
        return lax.platform_dependent(key, cpu=partial(ffi.fill, plan), default=partial(traced, plan))
    return traced(plan, key)


def _check_key(key: Any) -> Words:
    words = jnp.asarray(key)
    if words.shape != (4,) or words.dtype != jnp.uint32:
        raise SeedError(
            "a traced draw needs a key of 4 words of uint32 (low seed, high seed, low offset, high offset); "
            f"got {words.dtype}{list(words.shape)}. Use jax.vmap for several keys."
        )
    return words


def draw(recipe: Any, key_words: Any, shape: int | tuple[int, ...], dtype: Any = "float32") -> jax.Array:
    """Return what a recipe makes under a key that may be traced.

    Uniforms, zeros and all that is not drawn have the bits of ``pyinit.fill``. Normal draws agree within 2e-6
    std, truncated ones within 6e-7 of the larger of std and distance from the mean, functions of a uniform
    within 4 units in the last place of the larger of the value and 1 (`log_uniform` of the value), elements
    of orthogonal matrices within 1.5e-6 gain. On a CPU, where pyinit was built with jaxlib's headers, all but
    the last agree in every bit, because the kernels then draw inside the compiled program.

    Parameters
    ----------
    recipe : Recipe
        What the weights should be.
    key_words : array of uint32
        (4,): the low and the high word of the seed, and of the offset.
    shape : int or tuple of int
        Shape of the whole tensor.
    dtype : str, numpy.dtype or type
        "float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2" or "complex64"; "float64" or
        "complex128" where JAX has them enabled.

    Returns
    -------
    jax.Array
        Of `shape` and `dtype`. A device that holds a part of it draws that part alone, without communication;
        orthogonal tensors are drawn whole.

    Raises
    ------
    RecipeError, ShapeError, DTypeError, SeedError
        As for a call of the recipe; also for float64 where JAX has no 64-bit types, and for an axis of 2**32
        elements.

    Notes
    -----
    A backend that flushes subnormal numbers to zero (XLA's CPU backend may) does so here, for float32 and
    float64 values below their normal range.

    ``jax.export`` refuses programs that call the kernels unless their name is allowed by
    ``disabled_checks=[jax.export.DisabledSafetyCheck.custom_call("pyinit_fill")]``. A program that is
    exported for platforms other than "cpu" has no such call.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, numpy as np
    >>> import pyinit as pi
    >>> from pyinit.jax.traced.traced import draw
    >>> words = jnp.array([7, 0, 0, 0], jnp.uint32)
    >>> w = jax.jit(lambda words: draw(pi.uniform(), words, (3, 5)))(words)
    >>> bool(np.array_equal(w, pi.uniform()((3, 5), key=7)))
    True
    >>> jax.vmap(lambda words: draw(pi.he_normal(), words, (3, 5), jnp.bfloat16))(words[None]).shape
    (1, 3, 5)
    """
    resolved = resolve(dtype)
    if resolved.compute == "float64" and jax.dtypes.canonicalize_dtype(jnp.float64) != jnp.float64:
        raise DTypeError(
            f"{resolved.name} needs JAX's 64-bit types, which are off. Set "
            "jax.config.update('jax_enable_x64', True), or draw half as many bits."
        )
    extent = normal_shape(shape, resolved.itemsize)
    if any(n >= 2**32 for n in extent):
        raise ShapeError(
            f"a traced draw needs axes below 2**32 elements; got shape {extent}. Split the axis."
        )
    words, (plan, _) = _check_key(key_words), planned(recipe, extent, resolved.name, None)
    # a compiled program would keep a written tensor and reuse it for any equal recipe; but 0.0 equals -0.0,
    # and an array that was changed meanwhile equals itself
    return written(plan) if plan.distribution in WRITTEN else _drawn(plan, words)
