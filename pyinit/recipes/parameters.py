"""Many tensors in one pass, each under its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import PyinitError, RecipeError
from ..stream.arguments import check_threads
from ..stream.dtypes import resolve, storage
from ..stream.kernels import execute
from ..stream.key import Key, as_key
from ..stream.plan import Plan
from ..stream.window import Shape, normal_shape
from .matching import check_matched, deciding
from .recipe import Recipe, as_recipe, is_maker
from .rules import Rule, is_one_recipe, rules_of

__all__ = ["init_params"]

Shapes: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]
Recipes: TypeAlias = (
    Recipe
    | str
    | Mapping[str, Recipe | str]
    | Sequence[Rule | tuple[str, Recipe | str]]
    | Callable[[str, Shape], Recipe | str]
)
Job: TypeAlias = tuple[Plan, npt.NDArray[Any], Key]

# Larger tensors are filled by all threads together, smaller ones each by one thread.
_SHARED = 1 << 20


def init_params(
    shapes: Shapes, recipe: Recipes, *, key: int | Key, dtype: Any = "float32", threads: int | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Draw every parameter of a model, each under the key of its name.

    A tensor depends on its own name, shape and recipe only: adding, removing or reordering others changes
    nothing in it. What a recipe draws is ``recipe(shape, key=pyinit.key(seed).fold_in(name))``. A matrix is
    (in, out), as in x @ W.

    Parameters
    ----------
    shapes : mapping of str to shape, or iterable of (str, shape)
        The parameters.
    recipe : Recipe, str, mapping, sequence of rules, or callable
        One recipe, or its name, for everything that is drawn at random; norms, biases and buffers are known
        by their names, and become zeros and ones. Or patterns and recipes in order, as a mapping or a
        sequence of `pyinit.Rule` or pairs: the first that matches a name decides. Or a function of (name,
        shape) that returns a recipe.
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
        If a name occurs twice or has no recipe, or a pattern matches no name.
    ShapeError, LayoutError, DTypeError, SeedError
        As for a single recipe; before any memory is allocated.

    Examples
    --------
    >>> import pyinit as pi
    >>> shapes = {"l1.weight": (784, 256), "l1.bias": (256,), "l2.weight": (256, 10)}
    >>> params = pi.init_params(shapes, "he_normal", key=0)
    >>> float(abs(params["l1.bias"]).max())
    0.0
    >>> by_hand = pi.he_normal()((256, 10), key=pi.key(0).fold_in("l2.weight"))
    >>> bool((params["l2.weight"] == by_hand).all())
    True
    >>> params = pi.init_params(shapes, {"l2.*": "zeros", "*.weight": "he_normal", "*": "ones"}, key=0)
    >>> float(params["l1.bias"].min())
    1.0
    """
    root, resolved, kept = as_key(key), resolve(dtype), storage(dtype)
    count = check_threads(threads)
    checked: dict[str, Shape] = {}
    for name, shape in _pairs(shapes):
        if not isinstance(name, str):
            raise RecipeError(f"a parameter's name must be a string; got {name!r}. Join its path with dots.")
        if name in checked:
            raise RecipeError(f"parameter {name!r} is given twice; names decide values. Give each its own.")
        try:
            checked[name] = normal_shape(shape, resolved.itemsize)
        except PyinitError as error:
            raise type(error)(f"{name}: {error}") from None
    choose = _chooser(recipe, checked)
    planned = {name: _planned(choose, name, shape, resolved.name) for name, shape in checked.items()}
    keys = {name: root.fold_in(name) for name in checked}
    params = {name: np.empty(shape, kept) for name, shape in checked.items()}
    _run([(planned[name][0], out, keys[name]) for name, out in params.items()], count)
    for name, (_, rows) in planned.items():
        for row in rows:
            params[name][row] = 0
    return params


def _pairs(shapes: Any) -> Iterable[tuple[Any, Any]]:
    try:
        return [(name, shape) for name, shape in (shapes.items() if isinstance(shapes, Mapping) else shapes)]
    except (TypeError, ValueError):
        raise RecipeError(
            f"shapes are a mapping or pairs of names and shapes; got {shapes!r}. Use {{'w': (2, 3)}}."
        ) from None


Choice: TypeAlias = Callable[[str, Shape], tuple[Recipe, tuple[int, ...]]]


def _planned(choose: Choice, name: str, shape: Shape, dtype: str) -> tuple[Plan, tuple[int, ...]]:
    try:
        chosen, rows = choose(name, shape)
        return chosen.plan_for(shape, dtype), rows
    except PyinitError as error:
        raise type(error)(f"{name}: {error}") from None


def _chooser(recipe: Any, names: Iterable[str]) -> Choice:
    """Return a function that returns the recipe of a parameter and its zero rows."""
    if callable(recipe) and not (isinstance(recipe, Recipe) or is_maker(recipe)):
        return lambda name, shape: (as_recipe(recipe(name, shape)), ())
    rules = rules_of(recipe)
    if not is_one_recipe(recipe):
        check_matched(rules, names)
    decide = deciding(rules)

    def choose(name: str, shape: Shape) -> tuple[Recipe, tuple[int, ...]]:
        rule = decide(name, len(shape) >= 2)
        if rule is None:
            raise RecipeError('no rule matches it. Add one, or end the rules with the pattern "*".')
        rule.check_rows(shape)
        return rule.recipe_for(name), rule.zero_rows

    return choose


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
