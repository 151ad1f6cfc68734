"""A recipe as a tensor of the backend that Keras runs on."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import keras

from ..errors import LayoutError, UnsupportedDTypeError
from ..recipes.recipe import Recipe
from ..stream.dtypes import FLOATS, unsupported
from ..stream.window import Shape
from .seeds import from_key, next_key, next_words

__all__ = ["check_layout", "drawn", "placed"]


def drawn(recipe: Recipe, seed: Any, shape: Shape, dtype: str, layout: Any) -> Any:
    """Return the tensor that a recipe draws with a Keras seed.

    Nothing is drawn, and a SeedGenerator does not advance, unless all can be: the plan is made first.
    """
    if dtype not in FLOATS:
        advice = "Draw one of these and use keras.ops.cast, or take keras.initializers' own."
        raise unsupported("pyinit.keras draws", dtype, advice, UnsupportedDTypeError, FLOATS)
    check_layout(layout)
    recipe.plan(shape, dtype)
    if not isinstance(seed, keras.random.SeedGenerator):
        from_key(seed)
    backend = keras.backend.backend()
    if backend == "jax":
        return _jax(recipe, seed, shape, dtype, layout)
    if backend == "torch":
        return _torch(recipe, seed, shape, dtype)
    array = recipe(shape, key=next_key(seed), dtype=dtype)
    return array if backend == "numpy" else keras.ops.convert_to_tensor(array, dtype=dtype)


def check_layout(layout: Any) -> None:
    """Refuse a layout where Keras cannot distribute tensors."""
    if layout is not None and keras.backend.backend() != "jax":
        raise LayoutError(
            "layout says how JAX distributes a tensor over devices; got one on Keras' "
            f"{keras.backend.backend()} backend. Leave it out."
        )


def placed(tensor: Any, layout: Any) -> Any:
    """Return a tensor that Keras made, distributed by a checked layout."""
    if layout is None:
        return tensor
    import jax

    from ..jax.arrays import concrete
    from ..jax.initializer import constrained, is_traced

    sharding = _sharding(layout)
    if is_traced(tensor):
        return constrained(tensor, sharding)
    return jax.device_put(tensor, concrete(sharding, "layout"))


def _sharding(layout: Any) -> Any:
    """Return a layout of Keras as JAX has it, and anything else as it is."""
    if isinstance(layout, keras.distribution.TensorLayout) and not hasattr(layout, "backend_layout"):
        # Keras 3.9
        from keras.src.backend.jax.distribution_lib import _to_jax_layout

        return _to_jax_layout(layout)
    return getattr(layout, "backend_layout", layout)


def _jax(recipe: Recipe, seed: Any, shape: Shape, dtype: str, layout: Any) -> Any:
    import jax

    from ..jax.arrays import mesh_in_force
    from ..jax.initializer import initializer, is_traced

    sharding = _sharding(layout)
    # Keras makes a distributed variable under a mesh with explicit axes; a generator's state has another
    explicit = bool(jax.sharding.get_abstract_mesh().explicit_axes) and sharding is not None
    outside = jax.set_mesh(mesh_in_force()) if explicit and not is_traced(None) else nullcontext()
    with outside:
        where = next_words(seed)
        if isinstance(seed, keras.random.SeedGenerator):
            # JAX writes the high word of a key first
            where = where[::-1]
    return initializer(recipe)(where, shape, dtype, sharding)


def _torch(recipe: Recipe, seed: Any, shape: Shape, dtype: str) -> Any:
    import torch

    from ..torch.tensor import fill

    # shows where Keras places tensors now: on the meta device while it infers shapes
    empty = keras.ops.empty((0,), dtype=dtype)
    if empty.is_meta:
        return torch.empty(shape, dtype=empty.dtype, device="meta")
    tensor = torch.empty(shape, dtype=empty.dtype, device="cpu")
    return fill(tensor, recipe, key=next_key(seed)).to(empty.device)
