"""One dense layer, forward and backward, with its statistics: what the probe and the trainer run.

Weights may be drawn on the way, panel by panel: then they never exist in memory as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ... import _core
from ...errors import DTypeError, RecipeError, ShapeError
from ...linalg.statistics import Asked, Moments, Question, found
from ...stream.arguments import check_threads
from ...stream.key import Key
from ...stream.plan import Plan
from ...theory.activation import Activation
from ...theory.activation import activation as resolved

__all__ = ["DRAWN", "Backward", "Drawn", "Forward", "backward", "forward"]

Array: TypeAlias = npt.NDArray[np.float32]

DRAWN = ("normal", "truncated_normal", "uniform")
"""The kernels that can draw weights on the way."""


@dataclass(frozen=True)
class Drawn:
    """Weights that are drawn where they are used: what a plan of shape (inputs, outputs) makes under a key.

    Raises
    ------
    RecipeError
        If the plan's kernel cannot draw a part at a time, or its dtype is not float32.
    ShapeError
        If the plan is not that of a matrix.
    """

    plan: Plan
    key: Key

    def __post_init__(self) -> None:
        if self.plan.distribution not in DRAWN or self.plan.dtype != "float32":
            raise RecipeError(
                f"weights are drawn on the way as float32 by {', '.join(DRAWN)}; got "
                f"{self.plan.distribution} in {self.plan.dtype}. Make the array first."
            )
        if len(self.plan.shape) != 2:
            raise ShapeError(
                f"a layer's weights have shape (inputs, outputs); got {self.plan.shape}. Plan for a matrix."
            )

    def given(self) -> tuple[str, int, int, tuple[float, ...]]:
        """Return the weights as the kernels take them."""
        return self.plan.distribution, self.key.seed, self.key.offset, self.plan.numbers


Weight: TypeAlias = "Array | Drawn"


class Forward(NamedTuple):
    """What a layer made; `z` is None unless it was kept, a statistic where it was not asked for."""

    y: Array
    z: Array | None
    of_z: Moments | None
    of_y: Moments | None
    of_weight: Moments | None


class Backward(NamedTuple):
    """Gradients of a layer; None for what was not wanted."""

    dz: Array
    dx: Array | None
    dw: Array | None
    db: Array
    of_dz: Moments | None
    of_dw: Moments | None


def forward(
    x: Array,
    weight: Weight,
    activation: Any,
    *,
    bias: Array | None = None,
    keep_z: bool = False,
    ask_z: Question | None = None,
    ask_y: Question | None = None,
    ask_weight: Question | None = None,
    threads: int | None = None,
) -> Forward:
    """Return y = phi(z), z = x W + b, with the statistics of z, y and W that are asked for.

    z is one chain of fma an element in ascending depth, then one rounding for the bias; its bits depend on
    neither threads nor instruction set, nor on whether W was drawn before or on the way.

    Parameters
    ----------
    x : ndarray of float32, (batch, inputs)
    weight : ndarray of float32, (inputs, outputs), or Drawn
        Any strides.
    activation : str, (str, float) or Activation
        One of pyinit's own.
    bias : ndarray of float32, (outputs,), optional
    keep_z : bool
        Whether to return z: backward needs it.
    ask_z, ask_y, ask_weight : Question, optional
        Of y a unit is dead that is zero in every row, or whose slope is.
    threads : int, optional

    Returns
    -------
    Forward

    Raises
    ------
    ShapeError, DTypeError, RecipeError
        If shapes do not fit or are empty, an array is not float32, or the activation is a function.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit.lab.network.fused import forward
    >>> forward(np.ones((1, 2), np.float32), np.float32([[1, 2], [3, -4]]), "relu").y
    array([[4., 0.]], dtype=float32)
    """
    phi = _named(activation)
    x = _matrix("x", x)
    given, outputs = _weight(weight, x)
    bias = None if bias is None else _shaped("bias", bias, (outputs,))
    y = np.empty((len(x), outputs), np.float32)
    z = np.empty_like(y) if keep_z else None
    count = check_threads(threads) or 0
    asked = _asked(ask_z), _asked(ask_y), _asked(ask_weight)
    of_z, of_y, of_weight = _core.layer_forward(
        x, given, bias, phi.name, phi.parameter or 0.0, z, y, *asked, count
    )
    return Forward(y, z, _found(of_z, ask_z), _found(of_y, ask_y, outputs), _found(of_weight, ask_weight))


def backward(
    x: Array,
    weight: Weight,
    activation: Any,
    z: Array,
    dy: Array,
    *,
    want_dx: bool = True,
    keep_dw: bool = True,
    ask_dz: Question | None = None,
    ask_dw: Question | None = None,
    threads: int | None = None,
) -> Backward:
    """Return the gradients of a layer from the gradient by y.

    dz = dy phi'(z), dx = dz W^T, dW = x^T dz, each product one chain of fma an element in ascending depth;
    db sums dz down the rows in float64.

    Parameters
    ----------
    x, weight, activation
        As `forward` took them.
    z, dy : ndarray of float32, (batch, outputs)
    want_dx, keep_dw : bool
        Whether to return dx and dW. The statistics of a dW that is not kept are taken band by band.
    ask_dz, ask_dw : Question, optional
        Of dz a unit is dead that is zero in every row.
    threads : int, optional

    Returns
    -------
    Backward

    Raises
    ------
    ShapeError, DTypeError, RecipeError
        As `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit.lab.network.fused import backward
    >>> one = np.ones((1, 1), np.float32)
    >>> gradients = backward(2 * one, 3 * one, "relu", 6 * one, one)
    >>> gradients.dx.item(), gradients.dw.item(), gradients.db.item()
    (3.0, 2.0, 1.0)
    """
    phi = _named(activation)
    x = _matrix("x", x)
    given, outputs = _weight(weight, x)
    z, dy = (_shaped(name, array, (len(x), outputs)) for name, array in (("z", z), ("dy", dy)))
    dz, db = np.empty_like(z), np.empty(outputs, np.float32)
    dx = np.empty_like(x) if want_dx else None
    dw = np.empty((x.shape[1], outputs), np.float32) if keep_dw else None
    count = check_threads(threads) or 0
    asked = _asked(ask_dz), _asked(ask_dw)
    of_dz, of_dw = _core.layer_backward(
        x, given, phi.name, phi.parameter or 0.0, z, dy, dz, dx, dw, db, *asked, count
    )
    return Backward(dz, dx, dw, db, _found(of_dz, ask_dz, outputs), _found(of_dw, ask_dw))


def _asked(question: Question | None) -> Asked | None:
    return None if question is None else question.asked()


def _found(
    answer: dict[str, Any] | None, question: Question | None, units: int | None = None
) -> Moments | None:
    return None if answer is None or question is None else found(answer, question, units)


def _named(spec: Any) -> Activation:
    phi = resolved(spec)
    if phi.is_builtin:
        return phi
    raise RecipeError(
        f"a fused layer needs one of pyinit's activations; got the function {phi.name}. Use 'linear', and "
        "apply the function to z."
    )


def _float32(name: str, value: Any) -> npt.NDArray[np.float32]:
    array = np.asarray(value)
    if array.dtype != np.float32:
        raise DTypeError(f"a layer needs float32; got {name} of {array.dtype}. Use .astype(numpy.float32).")
    return array


def _matrix(name: str, value: Any) -> Array:
    array = _float32(name, value)
    if array.ndim != 2 or array.size == 0:
        raise ShapeError(
            f"a layer needs {name} of shape (batch, inputs), neither of them 0; got {array.shape}. "
            "Give at least one row."
        )
    return np.require(array, requirements=["C", "A"])


def _shaped(name: str, value: Any, shape: tuple[int, ...]) -> Array:
    array = _float32(name, value)
    if array.shape != shape:
        raise ShapeError(f"a layer needs {name} of shape {shape} here; got {array.shape}. Check the order.")
    return np.require(array, requirements=["C", "A"])


def _weight(weight: Weight, x: Array) -> tuple[Any, int]:
    """Return weights as the kernels take them, and how many outputs they have."""
    if isinstance(weight, Drawn):
        shape: tuple[int, ...] = weight.plan.shape
        given: Any = weight.given()
    else:
        given = _float32("weight", weight)
        shape = given.shape
        whole = all(stride % given.itemsize == 0 for stride in given.strides)
        given = given if whole and given.flags.aligned else given.copy()
    if len(shape) != 2 or shape[0] != x.shape[1] or shape[1] == 0:
        raise ShapeError(
            f"a layer needs a weight of shape ({x.shape[1]}, outputs) for x of shape {x.shape}; got {shape}. "
            "Transpose it, or check the widths."
        )
    return given, shape[1]
