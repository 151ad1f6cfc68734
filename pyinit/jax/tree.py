"""Fills a model's abstract tree: each leaf under the key of its name, each shard on its own device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import RecipeError
from ..recipes.distributions import Constant
from ..recipes.recipe import Recipe
from ..recipes.rules import CONVENTIONS, fitted
from ..stream.arguments import check_threads
from ..stream.key import Key
from .arrays import check_cut, concrete
from .choosing import Choice, Recipes, chosen
from .conventions import Leaf, conventional, known_axes
from .drafts import Complaints, Draft, drafted
from .keys import made_key, root_key
from .leaves import names_of, places_of
from .owners import Owned, axes_of_owners

__all__ = ["init_tree"]


def init_tree(
    abstract_tree: Any,
    shardings: Any = None,
    recipe: Recipes | None = None,
    *,
    key: int | Key | jax.Array,
    threads: int | None = None,
) -> Any:
    """Return the tree with every abstract leaf filled: eagerly, without tracing or compiling anything.

    A leaf depends on its own name, shape, dtype and recipe only, and on no sharding: each process makes the
    shards it addresses, each once, and the same bits come out on any number of devices and processes.
    ``init_tree(tree, key=0)[...][name]`` equals ``recipe(shape, key=pyinit.key(0).fold_in(name))``.

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
    recipe : Recipe, str, mapping, sequence of rules or callable, optional
        By default Flax's and Haiku's own, where the name, the shape and the parameters beside it determine
        them: a ``kernel`` lecun_normal (in recurrent cells orthogonal), an ``embedding`` normal with variance
        1 / features, ``bias`` and ``mean`` zeros, ``scale`` and ``var`` ones, ... One recipe replaces what
        the defaults draw, and leaves their constants. Ordered patterns (``{"*.kernel": "he_normal"}``) come
        before the defaults, and so does a function of (name, shape), which returns None for what it leaves to
        them.
    key : int, Key or JAX key
        The model's key.
    threads : int, optional
        At most this many threads. The values do not depend on it.

    Returns
    -------
    pytree
        A tree of the same structure.

    Raises
    ------
    RecipeError
        If two leaves have the same name, a pattern matches none, or a leaf has no recipe because no rule
        names it and no default is certain. The message names all such leaves.
    ShapeError, DTypeError, LayoutError, SeedError
        As for a single recipe, with the leaf's name; before any memory is allocated.

    Notes
    -----
    A name is the path to the leaf, joined with dots: ``params.Dense_0.kernel``, ``layers.0.weight``. A leaf
    of integers takes a constant. A PRNG key (as in ``nnx.Rngs``) is made from the key and its name.

    A name is not always enough: a kernel with three axes and no bias may belong to a convolution, to a layer
    with two axes of outputs, or to a stack of layers. Such leaves are refused. `pyinit.jax.init` records the
    model's own initialization instead of deriving it from names, and needs no rule.

    For a recipe that names no axes, a matrix is (in, out); the axes of Equinox's modules are known, and so
    are those of attention's projections. Any other weight with more than two axes needs a recipe with a
    ``layout``, or with ``batch_axis``, ``in_axis`` and ``out_axis``.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> import pyinit as pi
    >>> from pyinit.jax import init_tree
    >>> tree = {"head": {"kernel": jax.ShapeDtypeStruct((64, 10), jnp.bfloat16)}}
    >>> params = init_tree(tree, recipe=pi.he_normal(), key=0)
    >>> expected = pi.he_normal()((64, 10), key=pi.key(0).fold_in("head.kernel"), dtype="bfloat16")
    >>> bool((params["head"]["kernel"] == expected).all())
    True
    """
    root = root_key(key)
    threads = check_threads(threads)
    leaves, structure = jax.tree.flatten(abstract_tree)
    names = names_of(abstract_tree)
    shapes = {name: tuple(getattr(leaf, "shape", ())) for name, leaf in zip(names, leaves, strict=True)}
    abstract = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves]
    choices = chosen(recipe, {name: shapes[name] for name, fill in zip(names, abstract, strict=True) if fill})
    drafts: dict[str, Draft | _Keys] = {}
    seen: set[str] = set()
    complaints = Complaints()
    for name, leaf, place, owned in zip(
        names, leaves, places_of(shardings, abstract_tree), axes_of_owners(abstract_tree), strict=True
    ):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            continue
        if name in seen:
            raise RecipeError(f"leaf {name!r} is there twice; names decide values. Give each its own.")
        seen.add(name)
        with complaints.of(name):
            among = Leaf(name, leaf.shape, shapes)
            drafts[name] = _draft(among, leaf, place, choices[name], owned, root.fold_in(name))
    complaints.check()
    made = [
        drafts[name].made(threads) if fill else leaf
        for name, leaf, fill in zip(names, leaves, abstract, strict=True)
    ]
    return jax.tree.unflatten(structure, made)


@dataclass(frozen=True)
class _Keys:
    """A leaf of PRNG keys."""

    leaf: jax.ShapeDtypeStruct
    key: Key
    sharding: jax.sharding.Sharding | None

    def made(self, threads: int | None) -> jax.Array:
        """Return the array."""
        return jax.device_put(made_key(self.leaf.shape, self.leaf.dtype, self.key), self.sharding)


def _draft(
    among: Leaf, leaf: jax.ShapeDtypeStruct, place: Any, choice: Choice, owned: Owned | None, key: Key
) -> Draft | _Keys:
    sharding = concrete(leaf.sharding if place is None else place, "a sharding")
    if sharding is not None:
        check_cut(sharding, leaf.shape)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):
        return _Keys(leaf, key, sharding)
    recipe = _recipe(among, choice, owned)
    return drafted(among.name, leaf, recipe, key, sharding, choice.zero_rows)


def _recipe(leaf: Leaf, choice: Choice, owned: Owned | None) -> Recipe:
    if choice.recipe is None:
        return _usual(leaf)
    if choice.everywhere and (usual := _constant(leaf)) is not None:
        return usual
    if choice.everywhere and len(leaf.shape) < 2 and not isinstance(choice.recipe, Constant):
        # no default says whether the vector is a bias or a norm's
        return _usual(leaf)
    axes, is_convolution = (known_axes(leaf), False) if owned is None else owned
    return fitted(choice.recipe, axes, leaf.shape, is_convolution=is_convolution)


def _usual(leaf: Leaf) -> Recipe:
    recipe = conventional(leaf)
    if recipe is None:
        # a recipe that accepts this shape
        fitting = {0: "ones()", 1: "ones()", 2: "he_normal()"}.get(len(leaf.shape), "normal(std=0.02)")
        raise RecipeError(
            f"no rule or default names this leaf of shape {leaf.shape}. Record the model with "
            f"pyinit.jax.init, or give a rule, such as {{{leaf.name!r}: pyinit.{fitting}}}."
        )
    return recipe


def _constant(leaf: Leaf) -> Recipe | None:
    """Return the constant that the defaults give a leaf, or None if they draw it or do not know it."""
    try:
        usual = conventional(leaf)
    except RecipeError:
        return None
    if usual is None:
        matching = (rule for rule in CONVENTIONS if rule.matches(leaf.name, is_kernel=leaf.rank > 1))
        usual = next((rule.recipe for rule in matching), None)
    return usual if isinstance(usual, Constant) else None
