"""`pyinit.lsuv`: the layers of a network, scaled on data one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...recipes.recipe import Recipe
from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from ...theory.activation import activation
from ..network import fused
from ..network.dense import Dense
from ..network.network import Network, as_network
from ..network.passes import Parts, applied, forward, inside
from ..probe.rows import rows_for
from .between import balanced, check_homogeneous
from .receipt import LsuvLayer, LsuvReceipt
from .scaling import Aim, aim_of, warn_of_left

__all__ = ["lsuv"]

Array = npt.NDArray[np.float32]

_LINEAR = activation("linear")


def lsuv(
    network: Network | Sequence[Dense],
    x: npt.ArrayLike,
    *,
    key: int | Key,
    recipe: Recipe | str | None = "orthogonal",
    std: float = 1.0,
    tolerance: float = 0.1,
    iterations: int = 10,
    scaling: str = "layer",
    threads: int | None = None,
) -> LsuvReceipt:
    """Scale the weights of a network on data, layer by layer, so that each output has unit variance.

    Layer-sequential unit variance: each weight Q is orthonormal; in the order of the layers,

        W <- W std / s,    s^2 = Var(x W) over all rows and units,

    until abs(s - std) <= tolerance. The output is that of the product with the weight: a norm, a skip and
    the activation come after it. Biases begin at 0. There is one pass: each layer is multiplied once, and its
    scaled output goes on to the next.

    Parameters
    ----------
    network : Network or sequence of Dense
        The network.
    x : array_like, shape (rows, inputs)
        Finite numbers.
    key : int or Key
        The network's key; each weight is drawn under its name in it.
    recipe : Recipe, str or None
        What the weights are before they are scaled; None for the recipe of each layer.
    std : float
        The standard deviation to reach.
    tolerance : float
        A layer whose standard deviation is this near is not scaled again.
    iterations : int
        At most so many factors are tried for a layer.
    scaling : {"layer", "unit", "between"}
        One factor for a layer (Mishkin and Matas), or one for each of its units, with a bias that makes the
        unit's mean 0: the within-layer normalization of Krähenbühl et al. "between" adds their between-layer
        scaling: weights of all layers change at one rate, rms(gradient) / rms(weight), where independent
        normal numbers come back to the output. The output is not changed by it, as layers whose rate is too
        high grow and others shrink; for layers without norm and skip, with linear, relu or leaky_relu.
    threads : int, optional
        At most this many threads. The values do not depend on it.

    Returns
    -------
    LsuvReceipt
        Per layer the recipe, the key and the factors. ``receipt.apply(network)`` is the scaled network.

    Raises
    ------
    ShapeError
        If `x` is empty or has not as many columns as the network has inputs.
    DataError
        If `x` is not finite.
    RecipeError
        If an option is not valid, the recipe cannot make a layer's weight, or a network is not one that
        "between" can scale.

    Warns
    -----
    UserWarning
        If a layer is dead: its output is one number for all rows and units, or is not finite; or, with one
        factor for each unit, each unit is one number for all rows. It keeps its recipes, and the receipt
        names it.

    References
    ----------
    Mishkin and Matas, "All you need is a good init", ICLR 2016, arXiv 1511.06422, algorithm 1. Krähenbühl et
    al., "Data-dependent initializations of convolutional neural networks", ICLR 2016, arXiv 1511.06856,
    sections 3.1 and 3.2.

    Examples
    --------
    >>> import pyinit as pi
    >>> x = pi.data.abalone().inputs
    >>> network = pi.mlp([8] + [16] * 7 + [1], "tanh", pi.normal())
    >>> pi.probe(network, x).verdict.kind
    'saturated'
    >>> scaled = pi.lsuv(network, x, key=0).apply(network)
    >>> pi.probe(scaled, x).verdict.kind
    'healthy'
    """
    net = as_network(network)
    rows, root, count = rows_for(net, x, "lsuv"), as_key(key), check_threads(threads)
    aim = aim_of(recipe, std, tolerance, iterations, scaling)
    if scaling == "between":
        check_homogeneous(net)
    made: list[LsuvLayer] = []
    left: list[tuple[str, str]] = []
    entering, stream = rows, None
    with np.errstate(over="ignore", invalid="ignore"):
        for at, layer in enumerate(net.layers):
            entering, z, result = _scaled(layer, f"layers.{at}", entering, stream, root, aim, count)
            if isinstance(result, LsuvLayer):
                made.append(result)
            else:
                left.append((f"layers.{at}", result))
            stream = z
        if scaling == "between":
            made = balanced(net, made, rows, root, count)
    warn_of_left(left)
    return LsuvReceipt(tuple(made), tuple(left))


def _scaled(
    layer: Dense, name: str, x: Array, stream: Array | None, root: Key, aim: Aim, threads: int | None
) -> tuple[Array, Array, LsuvLayer | str]:
    """Return a layer's activation and z, and how it was scaled, or why it was left."""
    weight = f"{name}.weight"
    recipe, key = aim.recipe or layer.recipe, root.fold_in(weight)
    drawn = recipe((layer.inputs, layer.units), key=key, threads=threads)
    product = fused.forward(x, drawn, _LINEAR, threads=threads or 0).y
    found = aim.factors(product, threads, has_bias=layer.bias is not None)
    if isinstance(found, str):
        own = layer.recipe((layer.inputs, layer.units), key=key, threads=threads)
        parts = Parts(own, _bias(layer, name, root))
        run = forward(layer, parts, x, stream, threads or 0)
        return run.activation, run.inside.z, found
    z = found.applied(product)
    if layer.branch is not None:
        assert stream is not None
        z = stream + np.float32(layer.branch) * z
    within = inside(layer, Parts(drawn), z)
    y = applied(layer.activation, within.entering, slope=False)
    result = LsuvLayer(
        name, weight, drawn.shape, recipe, key, found.values, found.bias, found.before, found.after
    )
    return y, z, result


def _bias(layer: Dense, name: str, root: Key) -> Array | None:
    if layer.bias is None:
        return None
    bias: Array = layer.bias((layer.units,), key=root.fold_in(f"{name}.bias"))
    return bias
