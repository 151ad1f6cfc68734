"""A recipe as a JAX initializer: called with a key, a shape and a dtype, traced or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import RecipeError, ShapeError, UnsupportedDTypeError
from ..recipes.recipe import Recipe, as_recipe
from ..stream.arguments import number as recipe_number
from ..stream.dtypes import FORMATS, storage, unsupported
from ..stream.kernels import execute
from ..stream.key import Key
from ..stream.plan import Plan
from ..stream.window import Shape, normal_shape
from . import keys
from .arrays import concrete, filled

__all__ = [
    "Initializer",
    "canonical",
    "constrained",
    "initializer",
    "is_traced",
    "number",
    "static_shape",
]


class TracedShapeError(ShapeError, TypeError):
    """Raised for a shape that is traced; JAX raises a TypeError for it."""


@dataclass(frozen=True, repr=False)
class Initializer:
    """Draws a recipe as a jax array: a ``jax.nn.initializers.Initializer``.

    Two from the same factory and arguments count as equal where a module or ``jax.jit`` compares them.

    Parameters
    ----------
    recipe : Recipe
        What the weights should be.
    dtype : dtype, optional
        Used if a call names none; by default JAX's default float.

    Examples
    --------
    >>> import jax
    >>> import pyinit as pi
    >>> from pyinit.jax import initializer
    >>> init = initializer(pi.sparse(0.5, std=1.0))
    >>> init(jax.random.key(0), (4, 2)).shape
    (4, 2)
    """

    recipe: Recipe
    # left out of the hash: "bfloat16" equals NumPy's dtype of that name, which has another hash
    dtype: Any = field(default=None, hash=False)

    def __repr__(self) -> str:
        dtype = "" if self.dtype is None else f", dtype={self.dtype!r}"
        return f"Initializer({self.recipe!r}{dtype})"

    def __call__(self, key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
        """Return a new array.

        Parameters
        ----------
        key : jax.Array or Key
            One JAX key, typed or raw; see `pyinit.jax.from_key` for the stream that it names.
        shape : sequence of int
            Shape of the whole array.
        dtype : dtype, optional
            float32, bfloat16, float16, float8_e4m3fn, float8_e5m2 or complex64; float64 or complex128 where
            JAX has them enabled.
        out_sharding : jax.sharding.Sharding or PartitionSpec, optional
            Outside of a trace, each shard that this process addresses is drawn alone.

        Returns
        -------
        jax.Array
            The same values whether traced or not (normals within 2e-6), and for every sharding.
        """
        resolved = canonical(self.dtype if dtype is None else dtype)
        extent = static_shape(shape)
        plan = self.planned(extent, resolved)
        if is_traced(key):
            from .traced.traced import draw

            return constrained(draw(self.recipe_for(extent), keys.words(key), extent, resolved), out_sharding)
        return _drawn(plan, keys.from_key(key), concrete(out_sharding, "out_sharding"))

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe for this shape."""
        return self.recipe

    def plan(self, shape: Any, dtype: Any = None) -> Plan:
        """Return every number that decides an array of this shape, as ``Recipe.plan`` does."""
        return self.planned(static_shape(shape), canonical(self.dtype if dtype is None else dtype))

    def planned(self, shape: Shape, dtype: np.dtype[Any]) -> Plan:
        """Plan a checked shape and a canonical dtype."""
        if dtype.name not in FORMATS:
            advice = "Draw one of these and convert."
            raise unsupported("pyinit draws", dtype, advice, UnsupportedDTypeError)
        return self.recipe_for(shape).plan(shape, dtype.name)


def canonical(dtype: Any) -> np.dtype[Any]:
    """Return the dtype that JAX uses when this one is requested, as a NumPy dtype."""
    if dtype is None:
        return np.dtype(jnp.result_type(float))
    # warns, as JAX does, where 64 bits are requested but not enabled
    return np.dtype(jnp.empty((0,), dtype).dtype if np.dtype(dtype).itemsize >= 8 else dtype)


def static_shape(shape: Any) -> Shape:
    """Return a checked shape; its sizes must be known while tracing."""
    if any(isinstance(size, jax.core.Tracer) for size in jax.tree.leaves(shape)):
        raise TracedShapeError(
            f"a shape must be static: sizes known while tracing; got {shape!r}. Use Python ints, or make the "
            "argument static (jax.jit's static_argnums)."
        )
    return normal_shape(shape)


def initializer(recipe: Recipe | str, dtype: Any = None) -> Initializer:
    """Return a JAX initializer of any recipe, for Flax, Equinox and everything that calls one.

    Parameters
    ----------
    recipe : Recipe or str
        What the weights should be, or its name. Recipes that count fans take a matrix as (in, out), as Flax
        stores kernels; Equinox stores (out, in), which is ``layout="torch"``. More axes than two must be
        named: ``layout="jax"`` for a convolution of Flax, or ``batch_axis``, ``in_axis`` and ``out_axis``.
    dtype : dtype, optional
        Used if a call names none.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    Raises
    ------
    RecipeError
        If it is not a recipe.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.jax import initializer
    >>> initializer(pi.critical_normal("tanh")).plan((100, 10)).std
    0.1
    """
    return Initializer(as_recipe(recipe), dtype)


def _drawn(plan: Plan, key: Key, sharding: jax.sharding.Sharding | None) -> jax.Array:
    """Return the array that a plan gives under a key; each shard is drawn alone."""

    def write(out: Any, start: Shape) -> None:
        execute(plan, out, key, start, None)

    return filled(plan.shape, storage(plan.dtype), write, sharding)


def is_traced(key: Any) -> bool:
    """Return whether an array drawn with this key, at this point, is part of a traced computation."""
    # under jit and eval_shape even arrays that depend on no argument are traced
    return isinstance(key, jax.core.Tracer) or isinstance(jnp.asarray(0), jax.core.Tracer)


def constrained(array: jax.Array, sharding: Any) -> jax.Array:
    """Return a traced array, placed as `out_sharding` says."""
    if sharding is None:
        return array
    mesh = getattr(sharding, "mesh", None) or jax.sharding.get_abstract_mesh()
    if jax.sharding.AxisType.Explicit in mesh.axis_types:
        return jax.sharding.reshard(array, sharding)
    return jax.lax.with_sharding_constraint(array, sharding)


def number(what: str, value: Any) -> float:
    """Return a parameter as a float; it must be known even while tracing."""
    if isinstance(value, jax.core.Tracer):
        raise RecipeError(
            f"{what} must be known while tracing; got a tracer. Give a number, and multiply what is drawn."
        )
    return recipe_number(what, value)
