"""A model's abstract tree becomes real: each leaf under the key of its name, each shard where it lies."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from .._fill import check_threads, execute
from ..distributions import Constant
from ..errors import DTypeError, PyinitError, RecipeError
from ..plan import Plan
from ..recipe import Recipe
from ..rules import as_rules
from ..stream import Key, as_key
from ..window import Shape
from .arrays import check_cut, concrete, filled
from .conventions import conventional
from .initializer import DRAWN, canonical

__all__ = ["init_tree"]

Recipes: TypeAlias = "Recipe | Mapping[str, Recipe] | Iterable[Any] | Callable[[str, Shape], Recipe | None]"


def init_tree(
    abstract_tree: Any,
    shardings: Any = None,
    seed: int | Key = 0,
    recipe: Recipes | None = None,
    *,
    threads: int | None = None,
) -> Any:
    """Return the tree with every abstract leaf filled: eagerly, without tracing or compiling anything.

    A leaf depends on its own name, shape, dtype and recipe only, and on no sharding: each process makes the
    shards it addresses, each once, and the same bits come out on any number of devices and processes.
    ``init_tree(tree)[...][name]`` equals ``recipe(shape, key=pyinit.key(seed).fold_in(name))``.

    Parameters
    ----------
    abstract_tree : pytree
        As `jax.eval_shape`, ``nnx.eval_shape`` or ``eqx.filter_eval_shape`` returns it. Every
        `jax.ShapeDtypeStruct` is filled; other leaves are kept as they are. Boxes stay around what they hold:
        Flax's ``Partitioned`` and ``nnx.Variable`` with their metadata.
    shardings : jax.sharding.Sharding, PartitionSpec or pytree of them, optional
        One for all leaves, or a tree (or prefix of one) such as ``nn.get_sharding`` returns; None leaves a
        leaf where its ShapeDtypeStruct says, else uncommitted on the default device. A PartitionSpec means
        the mesh of ``jax.set_mesh``.
    seed : int or Key
        The model's.
    recipe : Recipe, mapping, sequence of rules or callable, optional
        By default Flax's and Haiku's own, told by the last part of the name: a ``kernel`` lecun_normal (in
        recurrent cells orthogonal), an ``embedding`` normal with variance 1 / features, ``bias`` and ``mean``
        zeros, ``scale`` and ``var`` ones, ... One recipe replaces what the defaults draw, and leaves their
        constants. Ordered patterns (``{"*.kernel": pyinit.he_normal()}``) come before the defaults, and so
        does a function of (name, shape), which returns None for what it leaves to them.
    threads : int, optional
        At most this many threads. The values do not depend on it.

    Returns
    -------
    pytree
        Of the same structure.

    Raises
    ------
    RecipeError
        If two leaves have one name, or a leaf has no recipe: neither a rule nor a default names it.
    ShapeError, DTypeError, LayoutError, SeedError
        As for a single recipe, with the leaf's name; before any memory is allocated.

    Notes
    -----
    A name is the path to the leaf, joined with dots: ``params.Dense_0.kernel``, ``layers.0.weight``. A leaf
    of integers takes a constant. A PRNG key (of ``nnx.Rngs``) is made from the seed and its name.
    Fans are counted on the last two axes, (in, out); layers stacked by a scan have one more, which a recipe
    can name as its ``batch_axis``.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> import pyinit as pi
    >>> from pyinit.jax import init_tree
    >>> tree = {"head": {"kernel": jax.ShapeDtypeStruct((64, 10), jnp.bfloat16)}}
    >>> params = init_tree(tree, seed=0, recipe=pi.he_normal())
    >>> expected = pi.he_normal()((64, 10), key=pi.key(0).fold_in("head.kernel"), dtype="bfloat16")
    >>> bool((params["head"]["kernel"] == expected).all())
    True
    """
    root, choose = as_key(seed), _chooser(recipe)
    check_threads(threads)
    leaves, structure = jax.tree.flatten(abstract_tree)
    names = names_of(abstract_tree)
    drafts: dict[str, _Draft] = {}
    for name, leaf, place in zip(names, leaves, _broadcast(shardings, abstract_tree), strict=True):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            continue
        if name in drafts:
            raise RecipeError(f"leaf {name!r} is there twice; names decide values. Give each its own.")
        try:
            drafts[name] = _draft(name, leaf, place, choose, root.fold_in(name))
        except PyinitError as error:
            raise type(error)(f"{name}: {error}") from None
    made = [
        drafts[name].made(threads) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, made)


_BOXES = (("flax.core.meta", "AxisMetadata"), ("flax.nnx.variablelib", "Variable"))
"""What Flax wraps around a leaf; a tree has none where Flax was never imported."""


def names_of(tree: Any) -> list[str]:
    """Return the name of every leaf: its path, joined with dots, without the steps into Flax's boxes."""
    boxes = tuple(getattr(sys.modules[module], name) for module, name in _BOXES if module in sys.modules)
    nodes = jax.tree.leaves_with_path(tree, is_leaf=lambda node: isinstance(node, boxes))
    names = []
    for path, node in nodes:
        inside = jax.tree.leaves_with_path(node)
        for inner, _ in inside:
            steps = path if len(inside) == 1 else (*path, *inner)
            names.append(jax.tree_util.keystr(steps, simple=True, separator="."))
    return names


def _broadcast(shardings: Any, tree: Any) -> list[Any]:
    """Return a sharding, or None, for every leaf."""
    each: list[Any] = []

    def extend(place: Any, part: Any) -> None:
        each.extend([place] * len(jax.tree.leaves(part)))

    jax.tree.map(extend, shardings, tree, is_leaf=lambda node: node is None)
    return each


@dataclass(frozen=True)
class _Draft:
    """A leaf, decided."""

    leaf: jax.ShapeDtypeStruct
    dtype: Any
    key: Key
    sharding: jax.sharding.Sharding | None
    plan: Plan | None
    zero_rows: tuple[int, ...] = ()

    def made(self, threads: int | None) -> jax.Array:
        """Return the array."""
        if self.plan is None:
            return _made_key(self.leaf, self.key, self.sharding)
        plan = self.plan

        def write(out: Any, start: Shape) -> None:
            if out.dtype.name in DRAWN:
                execute(plan, out, self.key, start, threads)
            else:
                out[...] = plan.numbers[0]
            for row in self.zero_rows:
                if start[0] <= row < start[0] + out.shape[0]:
                    out[row - start[0]] = 0

        return filled(self.leaf.shape, self.dtype, write, self.sharding)


def _draft(name: str, leaf: jax.ShapeDtypeStruct, place: Any, choose: _Choice, key: Key) -> _Draft:
    sharding = concrete(leaf.sharding if place is None else place, "a sharding")
    if sharding is not None:
        check_cut(sharding, leaf.shape)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):
        return _Draft(leaf, leaf.dtype, key, sharding, None)
    recipe, zero_rows = choose(name, leaf.shape)
    for row in zero_rows:
        if not leaf.shape or not 0 <= row < leaf.shape[0]:
            raise RecipeError(f"shape {leaf.shape} has no row {row} to keep zero. Count from 0.")
    dtype = canonical(leaf.dtype)
    if dtype.name in DRAWN:
        return _Draft(leaf, dtype, key, sharding, recipe.plan(leaf.shape, dtype.name), zero_rows)
    if not isinstance(recipe, Constant) or np.array(recipe.value).astype(dtype) != recipe.value:
        raise DTypeError(
            f"only a constant of its own can fill an array of {dtype}; got {recipe!r}. Name one, such as "
            f"{{{name!r}: pyinit.zeros()}}, or make the leaf yourself: what is no ShapeDtypeStruct is kept."
        )
    plan = Plan("constant", leaf.shape, dtype.name, numbers=(recipe.value,))
    return _Draft(leaf, dtype, key, sharding, plan, zero_rows)


_Choice: TypeAlias = Callable[[str, Shape], tuple[Recipe, tuple[int, ...]]]


def _chooser(recipe: Any) -> _Choice:
    """Return the function that says what a leaf should be, and which of its rows are zero."""
    if recipe is None:
        return lambda name, shape: (_usual(name, shape), ())
    if isinstance(recipe, Recipe):
        return lambda name, shape: (_redrawn(recipe, name, shape), ())
    if callable(recipe):
        return lambda name, shape: (_given(recipe(name, shape), name, shape), ())
    rules = as_rules(recipe)

    def choose(name: str, shape: Shape) -> tuple[Recipe, tuple[int, ...]]:
        for rule in rules:
            if rule.matches(name, is_kernel=len(shape) > 1):
                return rule.recipe, rule.zero_rows
        return _usual(name, shape), ()

    return choose


def _usual(name: str, shape: Shape) -> Recipe:
    recipe = conventional(name, shape)
    if recipe is None:
        raise RecipeError(
            f"no rule or default names this leaf of shape {shape}. Add a pattern and its recipe, such as "
            f"{{{name!r}: pyinit.he_normal()}}."
        )
    return recipe


def _redrawn(recipe: Recipe, name: str, shape: Shape) -> Recipe:
    usual = conventional(name, shape)
    return usual if isinstance(usual, Constant) else recipe


def _given(recipe: Any, name: str, shape: Shape) -> Recipe:
    if recipe is None:
        return _usual(name, shape)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"a recipe is needed; got {recipe!r}. Give pyinit.normal() or another.")
    return recipe


def _made_key(leaf: jax.ShapeDtypeStruct, key: Key, sharding: jax.sharding.Sharding | None) -> jax.Array:
    """Return PRNG keys of any implementation: key i holds the first words of block i."""
    found = {}

    def look(keys: jax.Array) -> jax.Array:
        found["implementation"] = jax.random.key_impl(keys)
        return jax.random.key_data(keys)

    *_, size = jax.eval_shape(look, jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)).shape
    words = [key.block(number)[:size] for number in range(math.prod(leaf.shape))]
    data = jnp.array(words, jnp.uint32).reshape(*leaf.shape, size)
    return jax.device_put(jax.random.wrap_key_data(data, impl=found["implementation"]), sharding)
