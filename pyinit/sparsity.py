"""The recipe of normal draws of which a part is zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .distributions import Normal, spread
from .dtypes import DType
from .errors import RecipeError, ShapeError
from .makers import maker
from .plan import Plan
from .recipe import Recipe, flag, named, number
from .window import Shape

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
        ceil(sparsity * rows) zeros in each column, as torch's ``sparse_``; else independent zeros.

    Raises
    ------
    ShapeError
        If the tensor does not have 2 dimensions.
    RecipeError
        If a number cannot be meant.

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

    def __post_init__(self) -> None:
        sparsity = number("sparse's sparsity", self.sparsity)
        if not 0 <= sparsity <= 1:
            raise RecipeError(
                f"sparse's sparsity is a fraction in [0, 1]; got {sparsity!r}. Divide percent by 100."
            )
        object.__setattr__(self, "sparsity", sparsity)
        object.__setattr__(self, "std", spread("sparse", self.std))
        flag("sparse's exact", self.exact)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Count the zeros of a column."""
        if len(shape) != 2:
            raise ShapeError(f"sparse needs 2 dimensions; got shape {shape}. Reshape to a matrix and back.")
        if shape[0] >= 2**32:
            raise ShapeError(f"sparse needs fewer than 2**32 rows; got {shape[0]}. Use exact=False on parts.")
        plain = Normal(std=self.std).make_plan(shape, dtype)
        if self.exact:
            zeros = math.ceil(self.sparsity * shape[0])
            kept = 1 - zeros / max(shape[0], 1)
            return Plan(
                "sparse",
                shape,
                dtype.name,
                mean=0.0,
                std=self.std * math.sqrt(kept),
                numbers=(*plain.numbers, zeros),
            )
        return Plan(
            "bernoulli_sparse",
            shape,
            dtype.name,
            mean=0.0,
            std=self.std * math.sqrt(1 - self.sparsity),
            numbers=(*plain.numbers, self.sparsity),
        )


sparse = maker("sparse", Sparse)
named(sparse, Sparse.verb)
