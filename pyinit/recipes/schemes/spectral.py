"""The spectral condition: weights and their changes whose spectral norm is sqrt(fan_out / fan_in)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..distributions import normal
from ..fans import Axes
from ..rules import CONVENTIONS, Rule, fits
from ..scaling import variance_scaling
from .scheme import Scheme, Share
from .width import checked_shapes

__all__ = ["spectral"]

_EMBEDDINGS = "*embed*|*wte*|*wpe*|*shared.weight"
# layers, not tables: of patches, and the last one of GPT-NeoX
_LAYERS = "*patch_embed*|*embed_out*"


def spectral(
    shapes: Mapping[str, Any], *, layout: str | None = None, embeddings: str | None = None
) -> Scheme:
    """Return the spectral condition of a model: std and learning rate by the fans of each matrix.

    std = fan_in^-1/2 min(1, sqrt(fan_out / fan_in)), learning rate of SGD times fan_out / fan_in; vectors are
    zeros where they are biases, and ones where they are norms' scales. Of a table of features, whose rows
    are chosen one at a time, fan_in is 1 and fan_out the length of a row.

    Parameters
    ----------
    shapes : mapping of str to shape
        The parameters of the model.
    layout : {"torch", "keras", "jax"}, optional
        How weights are stored; by default a matrix is (in, out).
    embeddings : str, optional
        The pattern of tables whose rows are features; by default ``*embed*|*wte*|*wpe*|*shared.weight``
        without ``*patch_embed*|*embed_out*``, which are layers. "" if there is none.

    Returns
    -------
    Scheme

    Raises
    ------
    ShapeError, LayoutError
        If the fans of a parameter cannot be counted.

    References
    ----------
    Yang, Simon, Bernstein, "A spectral condition for feature learning", arXiv 2310.17813, eq. 6 and 7.

    Examples
    --------
    >>> import pyinit as pi
    >>> scheme = pi.spectral({"w": (256, 64), "embed.weight": (1000, 256)})
    >>> scheme.share("w").learning_rate, scheme[0].recipe.plan((256, 64)).std
    (0.25, 0.03125)
    >>> scheme.share("embed.weight").learning_rate, scheme[1].recipe
    (256.0, normal())
    """
    checked = checked_shapes(shapes, "spectral")
    matrices = {name: shape for name, shape in checked.items() if len(shape) >= 2}
    drawn = variance_scaling(1.0, "spectral", layout=layout)

    def is_table(name: str) -> bool:
        if len(matrices[name]) != 2:
            return False
        if embeddings is None:
            return fits(_EMBEDDINGS, name) and not fits(_LAYERS, name)
        return bool(embeddings) and fits(embeddings, name)

    def each() -> Iterator[Share]:
        for name, shape in matrices.items():
            if is_table(name):
                yield Share(name, float(shape[1]))
            else:
                fan_in, fan_out = Axes(layout=layout).fans(shape, "spectral")
                yield Share(name, fan_out / fan_in)

    rules = tuple(Rule(name, normal(std=1.0) if is_table(name) else drawn) for name in matrices)
    others = (replace(rule, optional=True) for rule in CONVENTIONS)
    source = "Yang, Simon, Bernstein, arXiv 2310.17813, eq. 6 and 7"
    return Scheme("spectral", (*rules, *others), tuple(each()), {}, source)
