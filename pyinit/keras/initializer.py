"""The initializers that Keras calls: a base class with a recipe for every shape, and `FromRecipe`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import keras

from ..errors import SeedError
from ..recipes.recipe import Recipe, as_recipe
from ..stream.key import Key, as_key
from ..stream.plan import Plan
from ..stream.window import Shape, normal_shape
from .owners import counts_axes, fit, owner_of, use_by
from .tensors import drawn

__all__ = ["Drawing", "FromRecipe", "registered"]

Call = TypeVar("Call", bound=Callable[..., Any])

registered = keras.saving.register_keras_serializable(package="pyinit")


def _uncompiled(call: Call) -> Call:
    """Keep torch.compile out of a call, as Keras keeps it out of its random generators."""
    if keras.backend.backend() != "torch":
        return call
    import torch

    uncompiled: Call = torch.compiler.disable(call)  # type: ignore[no-untyped-call]
    return uncompiled


class Drawing:
    """Draws for an initializer that has a `seed` and a recipe for every shape."""

    seed: Any

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe for a tensor of this shape."""
        raise NotImplementedError

    def plan(self, shape: Any, dtype: Any = None) -> Plan:
        """Return every number that decides a tensor of this shape, as ``Recipe.plan`` does."""
        extent = normal_shape(shape)
        return self.recipe_for(extent).plan(extent, keras.backend.standardize_dtype(dtype))

    @_uncompiled
    def __call__(self, shape: Any, dtype: Any = None, layout: Any = None) -> Any:
        """Return a new tensor.

        Parameters
        ----------
        shape : sequence of int
            Shape of the whole tensor.
        dtype : str or dtype, optional
            float32, float64, bfloat16 or float16; by default ``keras.config.floatx()``.
        layout : keras.distribution.TensorLayout, optional
            How the tensor is distributed, on the JAX backend; each shard is drawn alone.

        Returns
        -------
        tensor
            A tensor of the backend, with the same values on each and for every layout (normals within 2e-6
            where JAX traces).
        """
        extent = normal_shape(shape)
        resolved = keras.backend.standardize_dtype(dtype)
        return drawn(self.recipe_for(extent), self.seed, extent, resolved, layout)


@registered
class FromRecipe(Drawing, keras.initializers.Initializer):
    """Any recipe as a Keras initializer.

    Parameters
    ----------
    recipe : Recipe, str or dict
        What the weights should be; a name, or a dict as ``Recipe.to_dict`` returns it.
    seed : int or keras.random.SeedGenerator, optional
        As Keras' initializers take it: an int, or None for a random one, repeats the same values on every
        call; a generator advances.
    key : int or Key, optional
        A key of the stream, instead of a seed: every call draws the same values with it.

    Raises
    ------
    RecipeError
        If it is not a recipe.
    ValueError
        If the seed is neither an int nor a generator.
    SeedError
        If the key is neither an int nor a Key, or a seed is given as well.
    LayoutError
        When it is called for a weight with more than two axes, and neither the recipe nor a layer that pyinit
        knows determines their roles; or for a weight without inputs and outputs, such as PReLU's.

    Notes
    -----
    A recipe that names no axes takes those of the layer that requests the weight: groups, depthwise and
    transposed kernels with their strides, the equation of an EinsumDense, thus the heads of attention, and
    embeddings, whose fan_in is the number of features, as in the output layer that shares them. The fans
    follow from how the layer uses its weight, and are not always Keras' own; ``compat="keras"`` counts as
    Keras does. In any other layer, a matrix is (in, out).

    Examples
    --------
    >>> import keras
    >>> import pyinit as pi
    >>> from pyinit.keras import FromRecipe
    >>> layer = keras.layers.Dense(3, kernel_initializer=FromRecipe(pi.critical_normal("tanh"), seed=0))
    >>> layer.build((None, 100))
    >>> FromRecipe(pi.he_normal(layout="keras", depthwise=True)).plan((3, 3, 64, 1)).fan_in
    9
    """

    def __init__(self, recipe: Any, seed: Any = None, *, key: Any = None) -> None:
        if key is not None and seed is not None:
            raise SeedError(
                f"a seed or a key is needed; got seed={seed!r} and key={key!r}. Give one of them."
            )
        self.recipe = as_recipe(recipe)
        self.key = None if key is None else as_key(Key(**key) if isinstance(key, dict) else key)
        # only the random initializers of Keras show how it reads a seed
        self._seeded = keras.initializers.RandomNormal(seed=seed)
        self.seed = self._seeded.seed if self.key is None else self.key

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe, with the axes of the layer that requests a weight of this shape."""
        if not counts_axes(self.recipe):
            return self.recipe
        return fit(self.recipe, use_by(owner_of(self, shape), self, shape), shape)

    def get_config(self) -> dict[str, Any]:
        """Return the recipe and the key as dicts of JSON values, and the seed."""
        key = None if self.key is None else {"seed": self.key.seed, "offset": self.key.offset}
        return {"recipe": self.recipe.to_dict(), "seed": self._seeded.get_config()["seed"], "key": key}

    def clone(self) -> FromRecipe:
        """Return an initializer of the same recipe and seed; None draws another seed, as in Keras."""
        return type(self)(self.recipe, seed=self._seeded.get_config()["seed"], key=self.key)
