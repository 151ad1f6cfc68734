"""Many tensors in one pass, each under its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _core
from ._fill import check_threads, execute
from .dtypes import resolve, storage
from .errors import PyinitError, RecipeError
from .plan import Plan
from .recipe import Recipe
from .stream import Key, as_key
from .window import Shape, normal_shape

__all__ = ["init_params"]

Shapes: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]
Recipes: TypeAlias = Recipe | Mapping[str, Recipe] | Callable[[str, Shape], Recipe]
Job: TypeAlias = tuple[Plan, npt.NDArray[Any], Key]

# Larger tensors are filled by all threads together, smaller ones each by one thread.
_SHARED = 1 << 20


def init_params(
    shapes: Shapes, recipe: Recipes, *, key: int | Key, dtype: Any = "float32", threads: int | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Draw every parameter of a model, each under the key of its name.

    A tensor depends on its own name, shape and recipe only: adding, removing or reordering others changes
    nothing in it. ``init_params({name: shape}, recipe, key=key)[name]`` equals
    ``recipe(shape, key=pyinit.key(seed).fold_in(name))``.

    Parameters
    ----------
    shapes : mapping of str to shape, or iterable of (str, shape)
        The parameters.
    recipe : Recipe, mapping of str to Recipe, or callable
        One for all, one by each name, or a function of (name, shape) that returns one.
    key : int or Key
        The model's key; an int is a seed.
    dtype : str, numpy.dtype or type
        Of every array.
    threads : int, optional
        At most this many threads. The values do not depend on it.

    Returns
    -------
    dict of str to ndarray
        In the order of `shapes`.

    Raises
    ------
    RecipeError
        If a name comes twice, has no recipe, or a recipe has no parameter.
    ShapeError, DTypeError, SeedError
        As for a single recipe; before any memory is allocated.

    Examples
    --------
    >>> import pyinit as pi
    >>> params = pi.init_params({"l1": (784, 256), "l2": (256, 10)}, pi.he_normal(), key=0)
    >>> {name: w.shape for name, w in params.items()}
    {'l1': (784, 256), 'l2': (256, 10)}
    >>> bool((params["l2"] == pi.he_normal()((256, 10), key=pi.key(0).fold_in("l2"))).all())
    True
    """
    root, found, kept = as_key(key), resolve(dtype), storage(dtype)
    count = check_threads(threads)
    checked: dict[str, Shape] = {}
    for name, shape in _pairs(shapes):
        if not isinstance(name, str):
            raise RecipeError(f"a parameter's name must be a string; got {name!r}. Join its path with dots.")
        if name in checked:
            raise RecipeError(f"parameter {name!r} is given twice; names decide values. Give each its own.")
        try:
            checked[name] = normal_shape(shape, found.itemsize)
        except PyinitError as error:
            raise type(error)(f"{name}: {error}") from None
    if isinstance(recipe, Mapping) and (unknown := [name for name in recipe if name not in checked]):
        raise RecipeError(f"recipes are given for unknown parameters {unknown}. Known are {list(checked)}.")
    plans = {name: _plan(recipe, name, shape, found.name) for name, shape in checked.items()}
    keys = {name: root.fold_in(name) for name in checked}
    params = {name: np.empty(shape, kept) for name, shape in checked.items()}
    _run([(plans[name], out, keys[name]) for name, out in params.items()], count)
    return params


def _pairs(shapes: Any) -> Iterable[tuple[Any, Any]]:
    try:
        return [(name, shape) for name, shape in (shapes.items() if isinstance(shapes, Mapping) else shapes)]
    except (TypeError, ValueError):
        raise RecipeError(
            f"shapes are a mapping or pairs of names and shapes; got {shapes!r}. Use {{'w': (2, 3)}}."
        ) from None


def _plan(recipe: Recipes, name: str, shape: Shape, dtype: str) -> Plan:
    try:
        return _recipe_of(recipe, name, shape).plan_for(shape, dtype)
    except PyinitError as error:
        raise type(error)(f"{name}: {error}") from None


def _recipe_of(recipe: Any, name: str, shape: Shape) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        if name not in recipe:
            raise RecipeError(
                "it has no recipe. Add one under its name, or pass a function of (name, shape)."
            )
        chosen: Any = recipe[name]
    elif callable(recipe):
        chosen = recipe(name, shape)
    else:
        raise RecipeError(f"a recipe, a mapping or a function is needed; got {recipe!r}. Pass a recipe.")
    if not isinstance(chosen, Recipe):
        raise RecipeError(f"a recipe is needed; got {chosen!r}. Give pyinit.normal() or another.")
    return chosen


def _run(jobs: list[Job], threads: int | None) -> None:
    workers = threads or int(_core.info()["threads"])
    small = [job for job in jobs if job[1].size < _SHARED]
    for plan, out, key in jobs:
        if out.size >= _SHARED:
            execute(plan, out, key, None, threads)
    if workers == 1 or sum(out.size for _, out, _ in small) < _SHARED:
        for plan, out, key in small:
            execute(plan, out, key, None, 1)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda job: execute(job[0], job[1], job[2], None, 1), small):
            pass
