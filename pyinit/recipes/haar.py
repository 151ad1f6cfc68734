"""Random matrices from the Haar measure on O(n), SO(n) and U(n)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from ..stream.arguments import flag
from ..stream.dtypes import resolve
from ..stream.key import Key
from .orthogonal import Orthogonal

__all__ = ["haar"]


def haar(
    n: int, *, key: int | Key, dtype: Any = "float32", threads: int | None = None, special: bool = False
) -> npt.NDArray[Any]:
    """Return a random matrix from the Haar measure on O(n) or SO(n), or in a complex dtype on U(n).

    Parameters
    ----------
    n : int
        Rows and columns.
    key : int or Key
        An int is a seed.
    dtype : str, numpy.dtype or type
        As in a call of a recipe.
    threads : int, optional
        At most this many threads. The values do not depend on it.
    special : bool
        Draw from SO(n), the rotations: of a matrix with determinant -1 the last column gets the other sign,
        which maps the measure of one half of O(n) to that of the other half. Not in a complex dtype.

    Returns
    -------
    ndarray
        (n, n): ``orthogonal()((n, n), key=key)``; of SO(n), but for the sign of the last column.

    Raises
    ------
    ShapeError, DTypeError, RecipeError, SeedError
        As for the recipe; a RecipeError also for `special` in a complex dtype.

    References
    ----------
    Stewart, SIAM J. Numer. Anal. 17, 1980; Mezzadri, Notices AMS 54, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> q = pi.haar(3, key=0, dtype="float64")
    >>> bool(abs(q @ q.T - [[1, 0, 0], [0, 1, 0], [0, 0, 1]]).max() < 1e-15)
    True
    >>> u = pi.haar(3, key=0, dtype="complex128")
    >>> bool(abs(u @ u.conj().T - np.eye(3)).max() < 1e-14)
    True
    >>> round(float(np.linalg.det(pi.haar(3, key=0, dtype="float64", special=True))), 9)
    1.0
    """
    is_special = flag("haar's special", special)
    if is_special and resolve(dtype).is_complex:
        raise RecipeError(
            f"haar's special draws from SO(n), which is real; got dtype {resolve(dtype).name}. Leave it out, "
            "and divide a column by the determinant for SU(n)."
        )
    matrix = Orthogonal()((n, n), key=key, dtype=dtype, threads=threads)
    if is_special and n and _is_reflection(matrix, key, threads):
        last = matrix[:, -1]
        # uint16 holds the bits of bfloat16
        last[...] = last ^ 0x8000 if matrix.dtype == np.uint16 else -last
    return matrix


def _is_reflection(matrix: npt.NDArray[Any], key: int | Key, threads: int | None) -> bool:
    """Return whether the determinant, which is 1 or -1 within a rounding, is below 0."""
    exact = matrix
    if matrix.dtype not in (np.float32, np.float64):
        # the same draws
        exact = Orthogonal()(matrix.shape, key=key, threads=threads)
    return bool(np.linalg.slogdet(exact)[0] < 0)
