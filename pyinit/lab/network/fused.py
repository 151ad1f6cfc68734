"""The kernel of a dense layer: product, bias, activation and statistics in one pass, and their gradients.

z = x W + b is one chain of fma for each element in ascending depth, then one rounding for the bias. Its bits
depend on neither threads nor instruction set, nor on whether W is an array or drawn where it is used.

Arrays are float32 and C-contiguous; weights may have any strides. The kernel checks what memory safety needs:
in a step of small layers, more checks would take as long as the product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ... import _core
from ...linalg.statistics import Asked, Moments, Question, moments_from
from ...theory.activation import Activation
from .drawn import Drawn, Weight

__all__ = ["Array", "Backward", "Forward", "Take", "backward", "forward", "fresh"]

Array: TypeAlias = npt.NDArray[np.float32]
Take: TypeAlias = Callable[[int, int], Array]


class Forward(NamedTuple):
    """A layer's output; z where it was kept; the statistics that were requested."""

    y: Array
    z: Array | None
    of_z: Moments | None
    of_y: Moments | None
    of_weight: Moments | None


class Backward(NamedTuple):
    """Gradients with respect to z and, where wanted, to x; the statistics that were requested."""

    dz: Array
    dx: Array | None
    of_dz: Moments | None
    of_dw: Moments | None


def fresh(rows: int, columns: int) -> Array:
    """Return a new matrix, not initialized."""
    return np.empty((rows, columns), np.float32)


def forward(
    x: Array,
    weight: Weight,
    phi: Activation,
    *,
    bias: Array | None = None,
    keep_z: bool = False,
    ask_z: Question | None = None,
    ask_y: Question | None = None,
    ask_weight: Question | None = None,
    threads: int = 0,
    take: Take = fresh,
) -> Forward:
    """Return y = phi(z), z = x W + b, and statistics of z, y and W.

    Parameters
    ----------
    x : ndarray, (rows, inputs)
    weight : ndarray, (inputs, units), or Drawn
    phi : Activation
        One of pyinit's own.
    bias : ndarray, (units,), optional
    keep_z : bool
        Whether to return z, which `backward` needs.
    ask_z, ask_y, ask_weight : Question, optional
        A unit counts as dead if y is zero in every row, or the slope is.
    threads : int
        0 for all.
    take : callable
        Makes y and z.
    """
    units = weight.shape[1]
    y = take(len(x), units)
    z = take(len(x), units) if keep_z else None
    of_z, of_y, of_weight = _core.layer_forward(
        x,
        weight.given() if isinstance(weight, Drawn) else weight,
        bias,
        phi.name,
        phi.parameter or 0.0,
        z,
        y,
        _asked(ask_z),
        _asked(ask_y),
        _asked(ask_weight),
        threads,
    )
    return Forward(
        y,
        z,
        None if ask_z is None else moments_from(of_z, ask_z),
        None if ask_y is None else moments_from(of_y, ask_y, units),
        None if ask_weight is None else moments_from(of_weight, ask_weight),
    )


def backward(
    x: Array,
    weight: Weight,
    phi: Activation,
    z: Array,
    dy: Array,
    *,
    dw: Array | None = None,
    db: Array | None = None,
    want_dx: bool = True,
    over: bool = False,
    ask_dz: Question | None = None,
    ask_dw: Question | None = None,
    threads: int = 0,
) -> Backward:
    """Return the gradients of a layer from dy, the gradient with respect to y.

    dz = dy phi'(z), dx = dz W^T, dW = x^T dz, each product one chain of fma for each element in ascending
    depth; db sums dz down the rows in float64.

    Parameters
    ----------
    x, weight, phi, threads
        As in `forward`.
    z, dy : ndarray, (rows, units)
    dw : ndarray, (inputs, units), optional
        Receives dW. Without it, statistics of dW are taken band by band.
    db : ndarray, (units,), optional
        Receives db.
    want_dx : bool
        Whether to return dx.
    over : bool
        Whether dz may be written over z, and dx over dy where their shapes agree.
    ask_dz, ask_dw : Question, optional
        A unit counts as dead if dz is zero in every row.
    """
    dz = z if over else np.empty_like(z)
    dx = None
    if want_dx:
        dx = dy if over and dy.shape == x.shape else np.empty_like(x)
    of_dz, of_dw = _core.layer_backward(
        x,
        weight.given() if isinstance(weight, Drawn) else weight,
        phi.name,
        phi.parameter or 0.0,
        z,
        dy,
        dz,
        dx,
        dw,
        db,
        _asked(ask_dz),
        _asked(ask_dw),
        threads,
    )
    return Backward(
        dz,
        dx,
        None if ask_dz is None else moments_from(of_dz, ask_dz, z.shape[1]),
        None if ask_dw is None else moments_from(of_dw, ask_dw),
    )


def _asked(question: Question | None) -> Asked | None:
    return None if question is None else question.asked()
