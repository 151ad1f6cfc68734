"""Weights of attention whose products are near the identity, as those of trained vision transformers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import LayoutError, RecipeError, ShapeError
from ..stream.arguments import brief, count, number
from ..stream.dtypes import resolve
from ..stream.key import Key, as_key
from .distributions import normal
from .patterns import identity
from .pretrained import pretrained

__all__ = ["mimetic_attention"]

_LAYOUTS = (None, "torch", "keras", "jax")


def mimetic_attention(
    width: int,
    heads: int,
    *,
    key: int | Key,
    query_key: Sequence[float] = (0.7, 0.7),
    value_output: Sequence[float] = (0.4, 0.4),
    layout: str | None = None,
    dtype: Any = "float32",
) -> dict[str, npt.NDArray[Any]]:
    """Return the four weights of a mimetic attention layer, by the names query, key, value and output.

    Of x W: W_value W_output = a Z - b I, and in each head of k channels W_query W_key^T is the best
    approximation of rank k of a Z + b I, where Z ~ N(0, 1 / width). Both are split by their singular values:
    A = U S V^T into U S^1/2 and S^1/2 V^T.

    In trained transformers the product of queries and keys has a positive diagonal, so that a position
    attends to those that are like it, and that of values and outputs a negative one. Beginning so helps small
    vision transformers on small data sets, best with positions that are sines and cosines; queries and keys
    then attend to neighbours from the first step.

    Parameters
    ----------
    width : int
        Channels; a multiple of `heads`.
    heads : int
    key : int or Key
        An int is a seed. Give each layer a key of its own: ``key.fold_in("blocks.0.attn")``.
    query_key, value_output : pair of float
        (a, b) of both products; at least 0.
    layout : {"torch", "keras", "jax"}, optional
        How a weight is stored; by default and for Keras and JAX (in, out), for torch (out, in).
    dtype : str, numpy.dtype or type
        As in a call of a recipe.

    Returns
    -------
    dict of str to ndarray
        Each (width, width). The values are those of LAPACK's singular vectors with signs of their own; they
        agree between machines within rounding, not in bits. `pyinit.pretrained` puts one into a rule.

    Raises
    ------
    ShapeError
        If the heads do not divide the width.
    RecipeError, LayoutError, DTypeError, SeedError
        If a number, the layout, the dtype or the key is not valid.

    References
    ----------
    Trockman and Kolter, "Mimetic initialization of self-attention layers", ICML 2023 (arXiv 2305.09828),
    section 4.

    Examples
    --------
    >>> import pyinit as pi
    >>> made = pi.mimetic_attention(64, 4, key=0)
    >>> product = made["value"] @ made["output"]
    >>> bool(abs(product.diagonal().mean() + 0.4) < 0.05)
    True
    >>> rule = ("blocks.0.attn.q_proj.weight", pi.pretrained(made["query"].T))
    """
    width, heads = count("mimetic's width", width), count("mimetic's heads", heads)
    if width % heads:
        raise ShapeError(f"mimetic's heads divide the width; got {heads} of {width}. Correct them.")
    if layout not in _LAYOUTS:
        raise LayoutError(f"mimetic's layout is 'torch', 'keras' or 'jax'; got {brief(layout)}. Name one.")
    root, size = as_key(key), width // heads
    near, far = _pair("query_key", query_key), _pair("value_output", value_output)
    left, right = _split(width, far[0], -far[1], root.fold_in("value_output"))
    weights = {
        "query": np.empty((width, width)),
        "key": np.empty((width, width)),
        "value": left,
        "output": right,
    }
    for head in range(heads):
        left, right = _split(width, *near, root.fold_in(f"query_key.{head}"))
        columns = slice(head * size, (head + 1) * size)
        weights["query"][:, columns] = left[:, :size]
        weights["key"][:, columns] = right[:size].T
    stored = resolve(dtype).name
    return {
        name: pretrained(weight.T if layout == "torch" else weight)((width, width), key=0, dtype=stored)
        for name, weight in weights.items()
    }


def _pair(name: str, given: Sequence[float]) -> tuple[float, float]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise RecipeError(f"mimetic's {name} is a pair of numbers; got {brief(given)}. Write (0.7, 0.7).")
    first, second = (number(f"mimetic's {name}", value, least=0.0) for value in given)
    return first, second


def _split(width: int, drawn: float, diagonal: float, key: Key) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return U S^1/2 and S^1/2 V^T of drawn Z + diagonal I; of each column of U the largest is positive."""
    matrix = normal(std=drawn * width**-0.5)((width, width), key=key, dtype="float64")
    matrix += identity(diagonal)((width, width), key=key, dtype="float64")
    u, values, vt = np.linalg.svd(matrix)
    largest = np.take_along_axis(u, np.abs(u).argmax(axis=0)[None], axis=0)[0]
    root = np.sqrt(values) * np.where(largest < 0, -1.0, 1.0)
    return u * root, root[:, None] * vt
