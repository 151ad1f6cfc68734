"""Recipes of matrices whose rows or columns are orthonormal, drawn from the Haar measure."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

from ..errors import LayoutError, RecipeError, ShapeError
from ..stream.arguments import brief, number
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.window import Shape
from .fans import Axes
from .makers import maker
from .recipe import Recipe, named

__all__ = ["DeltaOrthogonal", "Orthogonal", "delta_orthogonal", "orthogonal"]


def _checked_gain(recipe: Recipe, gain: float, dtype: DType) -> float:
    """Return the gain as the kernel rounds it, if the format holds it."""
    rounded = resolve(dtype.compute).round(gain)
    if math.isinf(dtype.round(rounded)):
        raise RecipeError(
            f"{dtype.name} holds values up to {dtype.largest:.6g}; got {recipe.verb}'s gain {gain!r}. "
            "Use a wider dtype."
        )
    return rounded


def _drawn(distribution: str, shape: Shape, dtype: DType, gain: float, length: int, numbers: Any) -> Plan:
    """Return the plan of gain Q, Q of `length` rows: an element of Q has variance 1 / length."""
    return Plan(
        distribution,
        shape,
        dtype.name,
        mean=0.0,
        # an empty matrix has no lines, and needs none
        std=abs(gain) / math.sqrt(max(length, 1)),
        gain=gain,
        numbers=numbers,
    )


@dataclass(frozen=True, repr=False)
class Orthogonal(Recipe):
    """`gain` times a matrix with orthonormal columns, or rows where these are fewer; Haar-distributed.

    Q = H_1 H_2 ... H_n D, from Householder reflectors that are drawn, not computed. Q has the distribution of
    the Q in the QR of a Gaussian matrix, with a positive diagonal of R. In a complex dtype Q is unitary, or
    its part: Q^H Q = I, from the Haar measure on U(n), by complex reflectors.

    Parameters
    ----------
    gain : float
        Finite. Weights that are then too small for the dtype become 0; see `Plan`.
    layout : {"torch", "keras", "jax"}, optional
        Which axis is the output's: the first of [out, in, k...], the last of [k..., in, out]. All other axes
        are flattened, in C order, into the other side of the matrix. By default a matrix is (in, out).
    out_axis, in_axis : int or tuple of int, optional
        The output's axes themselves, instead of a layout. The input's axes are among the others, and matter
        only to `groups` of a transposed weight.
    batch_axis : int or tuple of int
        Axes that number matrices; each matrix has its own stream, under ``key.fold_in(its number)``.
    groups : int
        Groups of channels; each is a matrix of its own, under ``key.fold_in(its number)``, in every member
        of a batch: ``member * groups + group``.
    transposed : bool
        The weight of a transposed convolution: torch stores [in, out / groups, k...], Keras [k..., out, in].

    Raises
    ------
    ShapeError
        If a matrix has fewer than 2 dimensions, or `groups` does not divide the channels.
    LayoutError
        If the axes do not describe the tensor, or it has more than two and none is named.
    RecipeError
        If the gain is not finite, or too large for the dtype.

    Notes
    -----
    Any window equals the slice of the whole, bit for bit. A window along the side that has fewer lines takes
    the time of its lines, and of drawing the reflectors up to its last one; a window along the longer side
    takes the time of all lines. Beside the result, memory holds 96 numbers for each line of the longer side,
    and a panel of 1 to 16 MiB for each thread; if the shorter side has up to 96 lines, it holds a few hundred
    KiB for each thread. Formats of 16 and 8 bits are computed in float32 and rounded once; float64 is
    computed in float64. A complex matrix is made in memory of its own, of several times its bytes, and a
    window of it takes the time of all rows and of the columns up to its last. ``max |Q'Q - I|`` is about
    that of LAPACK's QR of the same size: smaller in float32, as large in float64.

    References
    ----------
    Stewart, SIAM J. Numer. Anal. 17, 1980; Mezzadri, Notices of the AMS 54, 2007; Saxe, McClelland, Ganguli,
    ICLR 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> w = pi.orthogonal()((4, 2), key=0)
    >>> bool(np.allclose(w.T @ w, np.eye(2), atol=1e-6))
    True
    >>> pi.orthogonal(gain=2.0, batch_axis=0)((3, 8, 8), key=0).shape
    (3, 8, 8)
    """

    verb: ClassVar[str] = "orthogonal"
    gain: float = 1.0
    _: KW_ONLY
    layout: str | None = None
    in_axis: int | tuple[int, ...] | None = None
    out_axis: int | tuple[int, ...] | None = None
    batch_axis: int | tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", number("orthogonal's gain", self.gain))
        self._axes().write_to(self)

    def _axes(self) -> Axes:
        return Axes.of(self)

    def _times(self, factor: float) -> Recipe:
        return replace(self, gain=self.gain * factor)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the sides of the matrix."""
        axes, rank = self._axes(), len(shape)
        stack = axes.batch(rank)
        if rank - len(stack) < 2:
            stacked = f" beside batch_axis {self.batch_axis}" if stack else ""
            raise ShapeError(
                f"orthogonal needs at least 2 dimensions{stacked}; got shape {shape}. "
                "Use normal(std=...) for vectors."
            )
        if self.out_axis is None:
            axes.check_field(shape, self.called)
        outs = axes.outputs(rank)
        rows = tuple(axis for axis in range(rank) if axis not in (*outs, *stack))
        split = (axes.channels(rank)[0] if self.transposed else outs)[0]
        if shape[split] % self.groups:
            raise ShapeError(
                f"groups={self.groups} must divide the {shape[split]} channels of axis {split} of shape "
                f"{shape}. Check groups and the layout."
            )
        sides = [math.prod(shape[axis] for axis in side) for side in (rows, outs)]
        sides[0 if split in rows else 1] //= self.groups
        gain = _checked_gain(self, self.gain, dtype)
        if self.groups == 1 and len(outs) == 1:
            return _drawn("orthogonal", shape, dtype, gain, max(sides), (gain, outs[0], stack))
        numbers = (gain, outs, stack, split, self.groups)
        return _drawn("grouped_orthogonal", shape, dtype, gain, max(sides), numbers)


@dataclass(frozen=True, repr=False)
class DeltaOrthogonal(Recipe):
    """A convolution kernel that is zero except at its centre, which holds an orthogonal matrix of channels.

    The centre is (k - 1) // 2 along each spatial axis; there the (in, out) matrix has orthonormal rows, times
    `gain`, so that the convolution keeps norms (with circular padding, exactly).

    Parameters
    ----------
    gain : float
        Finite. Weights that are then too small for the dtype become 0; see `Plan`.
    keep : {"norm", "rms"}
        Of a pixel's channels, the norm, or the root of the mean square: this needs a further factor
        sqrt(outputs / inputs), because more outputs share the same norm. It is never below 1.
    layout : {"torch", "keras", "jax"}, optional
        [out, in, k...] or [k..., in, out]; by default the last two axes are (in, out).
    in_axis, out_axis : int, optional
        The axes themselves, instead of a layout.
    transposed : bool
        The weight of a transposed convolution: torch stores [in, out, k...], Keras [k..., out, in].

    Raises
    ------
    ShapeError
        If the kernel is not of a 1-, 2- or 3-D convolution, or has more inputs than outputs.
    LayoutError
        If the axes do not describe the kernel.
    RecipeError
        If the gain is not finite, or too large for the dtype, or `keep` is neither.

    References
    ----------
    Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, "Dynamical isometry and a mean field theory of CNNs",
    ICML 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> w = pi.delta_orthogonal()((3, 3, 2, 4), key=0)
    >>> int(np.count_nonzero(w)), bool(np.allclose(w[1, 1] @ w[1, 1].T, np.eye(2), atol=1e-6))
    (8, True)
    """

    verb: ClassVar[str] = "delta_orthogonal"
    is_of_convolutions: ClassVar[bool] = True
    gain: float = 1.0
    _: KW_ONLY
    keep: str = "norm"
    layout: str | None = None
    in_axis: int | None = None
    out_axis: int | None = None
    transposed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", number("delta_orthogonal's gain", self.gain))
        if self.keep not in ("norm", "rms"):
            raise RecipeError(
                f"delta_orthogonal's keep is 'norm' or 'rms'; got {brief(self.keep)}. Name one."
            )
        self._axes().write_to(self)

    def _axes(self) -> Axes:
        return Axes(
            layout=self.layout, in_axis=self.in_axis, out_axis=self.out_axis, transposed=self.transposed
        )

    def _times(self, factor: float) -> Recipe:
        return replace(self, gain=self.gain * factor)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the channels' axes."""
        if not 3 <= len(shape) <= 5:
            raise ShapeError(
                f"delta_orthogonal needs the 3 to 5 dimensions of a 1-, 2- or 3-D convolution; got shape "
                f"{shape}. Use orthogonal() for a matrix."
            )
        ins, outs = self._axes().channels(len(shape))
        if len(ins) != 1 or len(outs) != 1 or ins == outs:
            raise LayoutError(
                f"delta_orthogonal needs one input and one output axis; got {ins} and {outs}. Name two."
            )
        (in_axis,), (out_axis,) = ins, outs
        if shape[in_axis] > shape[out_axis] and 0 not in shape:
            raise ShapeError(
                f"delta_orthogonal needs at least as many outputs as inputs, to keep norms; got "
                f"{shape[in_axis]} inputs and {shape[out_axis]} outputs in shape {shape}. Use orthogonal()."
            )
        is_longer = self.keep == "rms" and 0 not in shape
        factor = math.sqrt(shape[out_axis] / shape[in_axis]) if is_longer else 1.0
        gain = _checked_gain(self, self.gain * factor, dtype)
        field = math.prod(n for axis, n in enumerate(shape) if axis not in (in_axis, out_axis))
        numbers = (gain, in_axis, out_axis)
        return _drawn("delta_orthogonal", shape, dtype, gain, shape[out_axis] * field, numbers)


orthogonal = maker("orthogonal", Orthogonal)
delta_orthogonal = maker("delta_orthogonal", DeltaOrthogonal)

for _maker in (orthogonal, delta_orthogonal):
    named(_maker, _maker.__name__)
