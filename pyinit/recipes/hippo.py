"""The recipe of HiPPO's matrix, which remembers a signal by its coefficients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ..errors import RecipeError, ShapeError
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .makers import maker
from .recipe import Recipe, named

__all__ = ["Hippo", "hippo"]


@dataclass(frozen=True, repr=False)
class Hippo(Recipe):
    """HiPPO-LegS, the matrix A of a state x' = A x + B u that remembers all of its past input u.

    A[n, k] = -sqrt((2 n + 1) (2 k + 1)) for n > k, -(n + 1) for n = k, and 0 for n < k.

    The state of order N holds the coefficients of the input's history in the first N Legendre polynomials,
    stretched to the time that has passed: the best approximation of the past in the mean square, at every
    time scale. A random matrix forgets or explodes exponentially. B[n] = sqrt(2 n + 1) is
    ``along([(2 * n + 1) ** 0.5 for n in range(N)])``. S4D-Lin, the diagonal start of most later models, is
    ``pyinit.recipes("s4d")``.

    Raises
    ------
    ShapeError
        If the tensor is not a square matrix.
    RecipeError
        If the largest value is too large for the dtype.

    References
    ----------
    Gu, Dao, Ermon, Rudra, Re, "HiPPO: recurrent memory with optimal polynomial projections", NeurIPS 2020
    (arXiv 2008.07669), theorem 2; Gu, Goel, Re, ICLR 2022 (arXiv 2111.00396), eq. 2.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.hippo()((3, 3), key=0).round(3)
    array([[-1.   ,  0.   ,  0.   ],
           [-1.732, -2.   ,  0.   ],
           [-2.236, -3.873, -3.   ]], dtype=float32)
    """

    verb: ClassVar[str] = "hippo"

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Check that the tensor is a square matrix, and that the dtype holds its values."""
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ShapeError(
                f"hippo needs a square matrix, states by states; got shape {shape}. Draw each matrix of a "
                "stack on its own."
            )
        order = shape[0]
        # of the last row: left of the diagonal, and on it
        largest = max(math.sqrt((2 * order - 1) * max(2 * order - 3, 0)), order)
        if largest > dtype.largest:
            raise RecipeError(
                f"{dtype.name} holds values up to {dtype.largest:.6g}; a matrix of {order} states reaches "
                f"{largest:.6g}. Use a wider dtype."
            )
        return Plan("hippo", shape, dtype.name)


hippo = maker("hippo", Hippo)
named(hippo, Hippo.verb)
