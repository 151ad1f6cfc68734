"""`init`: makes what a function returns, each leaf alone and each shard on its own device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np

from ...errors import RecipeError
from ...recipes.distributions import constant
from ...stream.arguments import check_threads
from ...stream.key import Key
from ...stream.window import Shape
from ..arrays import check_cut, concrete, filled
from ..choosing import Choice, Recipes, chosen
from ..conventions import Leaf
from ..drafts import Complaints, Draft, drafted
from ..keys import root_key
from ..leaves import names_of, places_of
from ..owners import Owned, axes_of_owners
from .evaluation import Evaluation
from .fitting import fitted_leaf, is_drawn_bias, is_kernel
from .naming import streams
from .nodes import Node
from .tracing import trace
from .uses import Use

__all__ = ["init"]


def init(
    function: Callable[..., Any],
    *args: Any,
    key: int | Key | jax.Array,
    shardings: Any = None,
    recipe: Recipes | None = None,
    threads: int | None = None,
) -> Any:
    """Return what ``function(*args)`` returns: the model's own initialization, each leaf drawn by its name.

    The function is traced, not run or compiled. pyinit's kernels draw what it draws with `jax.random`, from
    the same distributions, and what it computes from the draws is computed as written. A leaf depends on its
    name, on `key` and on how the function makes it, and on no sharding: each process makes the shards it
    addresses, and the same bits come out on any number of devices and processes.

    Parameters
    ----------
    function : callable
        The ``init`` of a Flax Linen module, of ``hk.transform`` or of any other, or a function that builds an
        nnx or Equinox module: ``lambda: nnx.Linear(2, 3, rngs=nnx.Rngs(0))``.
    *args
        The function's arguments. Keys among them, and keys that it makes itself, stand for `key`: their
        values are not used. A `jax.ShapeDtypeStruct` stands for an array whose values decide no leaf.
    key : int, Key or JAX key
        The model's key.
    shardings : jax.sharding.Sharding, PartitionSpec or pytree of them, optional
        One for all leaves, or a tree (or prefix of one) like the result, of an nnx module like its state;
        None leaves a leaf where the function constrains it, else uncommitted on the default device. A
        PartitionSpec means the mesh of ``jax.set_mesh``.
    recipe : Recipe, str, mapping, sequence of rules or callable, optional
        By default everything is the function's own. One recipe replaces what is drawn at random and has at
        least two axes, beside those of stacked layers; biases that are drawn become zeros. Ordered patterns
        (``{"*.kernel": "he_normal"}``), or a function of (name, shape), replace any leaf. A recipe that names
        no axes takes them from the model's own use of the weight: the axes that products and convolutions sum
        over, if the function contains them.
    threads : int, optional
        At most this many threads. The values do not depend on it.

    Returns
    -------
    pytree
        Like the function's own result; leaves that are not arrays are kept as they are.

    Raises
    ------
    RecipeError
        If two leaves have the same name, a pattern matches none, or a leaf depends on an argument without
        values.
    ShapeError, DTypeError, LayoutError, SeedError
        As for a single recipe, with the leaf's name; before any memory is allocated.

    Notes
    -----
    Names are paths, joined with dots: ``params.Dense_0.kernel``, ``layers.0.weight``. A leaf with one draw
    has the key ``pyinit.key(key).fold_in(name)``: a kernel of Flax is the same as
    ``pyinit.truncated_normal(std=...)`` under it. Further draws of a leaf have that key folded with 1, 2,
    ...; draws that leaves share, and draws under equal keys, are one, so tied weights are equal. Layers
    stacked by a scan or by vmap are one draw with one more axis; if a scan's steps depend on each other, each
    step has a draw of its own.

    Normal, uniform, truncated normal and orthogonal draws are pyinit's, and so are laws that JAX makes of
    them (bernoulli, gumbel). All others (randint, permutation, gamma), and those inside ``lax.while_loop``
    and ``lax.cond``, are JAX's own under a key made of the leaf's. A leaf that is itself a key, as in
    ``nnx.Rngs``, is made of `key` and its name. Operations that round more than once per element (exp, a
    product of matrices) are computed as a whole by each process and then cut.

    Numbers that a kernel draws do not depend on the names of functions and modules or on the version of JAX;
    JAX's own draws are as stable as `jax.random`.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit.jax import init
    >>> def model(key, x):
    ...     return {"kernel": jax.nn.initializers.normal(0.5)(key, (x.shape[-1], 8)), "bias": jnp.zeros(8)}
    >>> params = init(model, jax.random.key(0), jnp.ones((1, 4)), key=7)
    >>> bool(np.array_equal(params["kernel"], pi.normal(std=0.5)((4, 8), key=pi.key(7).fold_in("kernel"))))
    True
    """
    threads = check_threads(threads)
    root = root_key(key)
    traced = trace(function, args)
    leaves, structure = jax.tree.flatten(traced.result)
    arrays = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves]

    def of_arrays(each: list[Any]) -> list[Any]:
        return [one for one, is_array in zip(each, arrays, strict=True) if is_array]

    names = of_arrays(names_of(traced.result))
    _check_distinct(names)
    evaluation = Evaluation(streams(traced.nodes, names, root), threads)
    shapes = {name: node.shape for name, node in zip(names, traced.nodes, strict=True)}
    choices = chosen(recipe, shapes)
    complaints = Complaints()
    decided: list[_Made] = []
    for name, node, leaf, use, own_place, owned, place in zip(
        names,
        traced.nodes,
        of_arrays(leaves),
        traced.uses,
        traced.places,
        of_arrays(axes_of_owners(traced.result)),
        of_arrays(places_of(shardings, traced.result)),
        strict=True,
    ):
        with complaints.of(name):
            sharding = concrete(own_place if place is None else place, "a sharding")
            if sharding is not None:
                check_cut(sharding, node.shape)
            decided.append(
                _requested(
                    Leaf(name, node.shape, shapes), node, leaf, choices[name], use, owned, root, sharding
                )
                or _recorded(node, evaluation, sharding)
            )
    complaints.check()
    made = iter([one.made(threads) for one in decided])
    result = [next(made) if is_array else leaf for leaf, is_array in zip(leaves, arrays, strict=True)]
    return traced.finish(jax.tree.unflatten(structure, result))


class _Made(Protocol):
    """A leaf, decided."""

    def made(self, threads: int | None) -> jax.Array:
        """Return the array."""


@dataclass(frozen=True)
class _Computed:
    """A leaf that is computed from draws and constants."""

    node: Node
    evaluation: Evaluation
    sharding: jax.sharding.Sharding | None

    def made(self, threads: int | None) -> jax.Array:
        """Return the array."""
        node, evaluation = self.node, self.evaluation
        if node.is_key:
            made = jax.device_put(evaluation.complete(node), self.sharding)
        else:

            def write(out: Any, start: Shape) -> None:
                out[...] = evaluation.window(node, start, out.shape)

            made = filled(node.shape, np.dtype(node.dtype), write, self.sharding)
        evaluation.forget()
        return made


def _check_distinct(names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise RecipeError(f"leaf {twice[0]!r} is there twice; names decide values. Give each its own.")


def _requested(
    among: Leaf,
    node: Node,
    leaf: jax.ShapeDtypeStruct,
    choice: Choice,
    use: Use | None,
    owned: Owned | None,
    root: Key,
    sharding: jax.sharding.Sharding | None,
) -> Draft | None:
    """Return the draft of a leaf that the caller's recipe fills, or None if it stays the model's own."""
    name = among.name
    if choice.recipe is None or node.is_key:
        return None
    if choice.everywhere and is_drawn_bias(name, node):
        return drafted(name, leaf, constant(0.0), root.fold_in(name), sharding, ())
    if choice.everywhere and not is_kernel(name, node):
        return None
    recipe = fitted_leaf(choice.recipe, among, node, use, owned)
    return drafted(name, leaf, recipe, root.fold_in(name), sharding, choice.zero_rows)


def _recorded(node: Node, evaluation: Evaluation, sharding: jax.sharding.Sharding | None) -> _Made:
    if node.abstract and not node.is_key:
        raise RecipeError(
            "the function computes it from an argument that is given by its shape alone. Give an array, with "
            "the values."
        )
    planned = evaluation.plan(node)
    if planned is None:
        return _Computed(node, evaluation, sharding)
    return Draft(planned[0], np.dtype(node.dtype), planned[1], sharding)
