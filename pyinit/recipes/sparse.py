"""The recipe of normal draws of which a part is zero."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar

from ..errors import LayoutError, ShapeError
from ..stream.arguments import flag, share
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .distributions import Normal, spread
from .fans import Axes
from .makers import maker
from .recipe import Recipe, named

__all__ = ["Sparse", "sparse"]


@dataclass(frozen=True, repr=False)
class Sparse(Recipe):
    """Normal draws of which a part is zero: the same count in every column, or independently.

    Parameters
    ----------
    sparsity : float
        Fraction of zeros, in [0, 1].
    std : float
        Of the elements that are not zero; finite, at least 0.
    exact : bool
        Whether each output has exactly ceil(sparsity * inputs) zero weights; otherwise zeros are independent.
    layout, in_axis, out_axis, batch_axis, groups, transposed
        How the weight is stored, as for `orthogonal`: a column belongs to an output, its rows are all other
        axes, and each matrix of a batch has its own stream. By default a matrix is (in, out). torch's
        ``sparse_`` counts zeros in the columns of the matrix that it is given, which belong to the inputs of
        a torch weight.

    Raises
    ------
    ShapeError
        If the tensor is not a matrix and no axes are named.
    LayoutError
        If the axes do not describe the tensor, or a transposed weight has groups.
    RecipeError
        If a number is not valid.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Examples
    --------
    >>> import pyinit as pi
    >>> w = pi.sparse(0.9, std=1.0)((100, 3), key=0)
    >>> (w == 0).sum(axis=0)
    array([90, 90, 90])
    """

    verb: ClassVar[str] = "sparse"
    sparsity: float
    std: float = 0.01
    exact: bool = True
    _: KW_ONLY
    layout: str | None = None
    in_axis: int | tuple[int, ...] | None = None
    out_axis: int | tuple[int, ...] | None = None
    batch_axis: int | tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False

    def __post_init__(self) -> None:
        sparsity = share("sparse's sparsity", self.sparsity, "[0, 1]", advice="Divide percent by 100.")
        object.__setattr__(self, "sparsity", sparsity)
        object.__setattr__(self, "std", spread("sparse", self.std))
        flag("sparse's exact", self.exact)
        self._axes().write_to(self)
        if self.transposed and self.groups != 1:
            raise LayoutError(
                f"sparse does not take groups of a transposed weight; got groups={self.groups}. Draw "
                "each group on its own."
            )

    def _axes(self) -> Axes:
        return Axes.of(self)

    def _times(self, factor: float) -> Recipe:
        return replace(self, std=self.std * factor)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Count the zeros of a column."""
        axes, rank = self._axes(), len(shape)
        stack = axes.batch(rank)
        is_told = axes.layout is not None or axes.out_axis is not None or self.groups != 1
        if rank - len(stack) < 2 or (rank - len(stack) > 2 and not is_told):
            raise ShapeError(
                f"sparse needs 2 dimensions; got shape {shape}. Name the layout, or in_axis, out_axis and "
                "batch_axis, of another tensor."
            )
        outs = axes.outputs(rank)
        rows = math.prod(n for axis, n in enumerate(shape) if axis not in (*outs, *stack))
        if rows >= 2**32:
            raise ShapeError(f"sparse needs fewer than 2**32 rows; got {rows}. Use exact=False on parts.")
        numbers = Normal(std=self.std).make_plan(shape, dtype).numbers
        zeros: float = math.ceil(self.sparsity * rows) if self.exact else self.sparsity
        kept = 1 - zeros / max(rows, 1) if self.exact else 1 - self.sparsity
        distribution, numbers = "sparse" if self.exact else "bernoulli_sparse", (*numbers, zeros)
        if rank != 2 or outs != (1,):
            distribution, numbers = "flattened_sparse", (*numbers, self.exact, outs, stack)
        std = self.std * math.sqrt(kept)
        return Plan(distribution, shape, dtype.name, mean=0.0, std=std, numbers=numbers)


sparse = maker("sparse", Sparse)
named(sparse, Sparse.verb)
