"""What Keras calls: an initializer with a recipe for every shape, and one of any recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import keras

from .. import recipe as recipes
from ..errors import RecipeError
from ..plan import Plan
from ..recipe import Recipe
from ..window import Shape, normal_shape
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
    """Calls of an initializer that has a `seed`, and a recipe for every shape."""

    seed: Any

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe that a tensor of this shape gets."""
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
            Of the whole tensor.
        dtype : str or dtype, optional
            float32, float64, bfloat16 or float16; by default ``keras.config.floatx()``.
        layout : keras.distribution.TensorLayout, optional
            How the tensor is distributed, on the JAX backend; each shard is drawn alone.

        Returns
        -------
        tensor
            Of the backend. The same values on each, for every layout (where JAX traces, normals within 2e-6).
        """
        extent = normal_shape(shape)
        found = keras.backend.standardize_dtype(dtype)
        return drawn(self.recipe_for(extent), self.seed, extent, found, layout)


@registered
class FromRecipe(Drawing, keras.initializers.Initializer):
    """Any recipe as a Keras initializer.

    Parameters
    ----------
    recipe : Recipe, str or dict
        What the weights should be; a name, or a dict as ``Recipe.to_dict`` returns it. Recipes that count
        fans take the last two axes as (in, out), as most Keras kernels are stored; others are said by
        ``layout=``, ``depthwise=``, ``in_axis=`` and so on, in the recipe.
    seed : int or keras.random.SeedGenerator, optional
        As Keras' initializers take it: an int, or None for a random one, repeats the same values on every
        call; a generator advances.

    Raises
    ------
    RecipeError
        If it is no recipe.
    ValueError
        If the seed is neither.

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

    def __init__(self, recipe: Any, seed: Any = None) -> None:
        if isinstance(recipe, str | dict):
            recipe = recipes.from_dict(recipe)
        if not isinstance(recipe, Recipe):
            raise RecipeError(
                f"a recipe is needed; got {recipe!r}. Give pyinit.normal(), another recipe, or its name."
            )
        self.recipe = recipe
        # Keras' own reading of a seed, which only its random initializers show
        self._seeded = keras.initializers.RandomNormal(seed=seed)
        self.seed = self._seeded.seed

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe."""
        return self.recipe

    def get_config(self) -> dict[str, Any]:
        """Return the recipe as a dict of JSON values, and the seed."""
        return {"recipe": self.recipe.to_dict(), "seed": self._seeded.get_config()["seed"]}

    def clone(self) -> FromRecipe:
        """Return an initializer of the same recipe and seed; None draws another seed, as in Keras."""
        return type(self)(self.recipe, seed=self._seeded.get_config()["seed"])
