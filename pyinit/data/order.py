"""The order of rows: a keyed permutation, the batches of an epoch, a split into training and test rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..recipes.distributions import uniform
from ..stream.arguments import count, share
from ..stream.key import Key, as_key

__all__ = ["Rows", "batches", "permutation", "split"]

Rows = npt.NDArray[np.intp]


def permutation(n: int, *, key: int | Key) -> Rows:
    """Return the integers 0 to n - 1 in an order that the key determines, the same on every machine.

    Row i gets element i of ``uniform()((n,), key=key, dtype="float64")``; the rows are sorted by these draws,
    and rows of equal draws by their number.

    Parameters
    ----------
    n : int
        At least 0.
    key : int or Key
        An int is a seed.

    Returns
    -------
    ndarray of intp, shape (n,)

    Raises
    ------
    DataError
        If `n` is not an integer of at least 0.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.permutation(6, key=0).tolist()
    [2, 3, 0, 5, 1, 4]
    """
    draws = uniform()((count("n", n, 0, error=DataError),), key=key, dtype="float64")
    return np.argsort(draws, kind="stable")


def batches(rows: Rows, size: int, *, key: int | Key, epoch: int = 0) -> Iterator[Rows]:
    """Yield `rows` once, in batches of `size`, in the order of one epoch; the last batch may be smaller.

    The order is the permutation under ``key.fold_in("batches").fold_in(epoch)``. Any epoch can be made alone,
    and two trainings with one key see the same batches, whatever else they draw.

    Parameters
    ----------
    rows : ndarray of intp
        Row numbers, such as ``dataset.train``.
    size : int
        Rows in a batch, at least 1.
    key : int or Key
        An int is a seed.
    epoch : int
        At least 0.

    Yields
    ------
    ndarray of intp

    Raises
    ------
    DataError
        If `size` or `epoch` is not such an integer; raised when the first batch is requested.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> [batch.tolist() for batch in pi.data.batches(np.arange(5), 2, key=0)]
    [[2, 0], [3, 4], [1]]
    """
    step = count("a batch's size", size, error=DataError)
    epoch = count("epoch", epoch, 0, error=DataError)
    order = permutation(len(rows), key=as_key(key).fold_in("batches").fold_in(epoch))
    for start in range(0, len(rows), step):
        yield rows[order[start : start + step]]


def split(n: int, test: float, *, key: int | Key) -> tuple[Rows, Rows]:
    """Return training and test rows, each ascending: the last floor(n * test) of the keyed order are test.

    Parameters
    ----------
    n : int
        Rows in all.
    test : float
        Fraction of the rows that are for testing, in [0, 1).
    key : int or Key
        An int is a seed.

    Returns
    -------
    train, test : ndarray of intp

    Raises
    ------
    DataError
        If `test` is not a number in [0, 1).

    Examples
    --------
    >>> import pyinit as pi
    >>> train, test = pi.data.split(10, 0.2, key=0)
    >>> len(train), len(test)
    (8, 2)
    """
    test = share("test", test, error=DataError, advice="Use 0.2 for a fifth of the rows.")
    order = permutation(n, key=as_key(key).fold_in("split"))
    kept = n - int(n * test)
    return np.sort(order[:kept]), np.sort(order[kept:])
