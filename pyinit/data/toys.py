"""Two-dimensional sets drawn from the stream: the same bytes on every machine.

Random numbers are float64 fills of pyinit. They are combined by + - * / and sqrt, each rounded once as IEEE
754 defines, and rounded to float32 at the end. There is no sin and no cos: see `circle`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..recipes.distributions import normal, uniform
from ..stream.arguments import count, number, share
from ..stream.key import Key, as_key
from ._dataset import Dataset
from .circle import circle, directions

__all__ = ["TOYS", "blobs", "checkerboard", "circles", "moons", "spirals", "toy"]

Points = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def circles(n: int = 1000, *, noise: float = 0.05, key: int | Key = 0, factor: float = 0.5) -> Dataset:
    """Return two circles around the origin, of radius 1 and of radius `factor`.

    Row i has class i mod 2, so classes differ by at most one row; the last fifth of the rows is for testing.
    The first rows of a larger set are those of a smaller one.

    Parameters
    ----------
    n : int
        Rows, at least 2.
    noise : float
        Standard deviation of the normal noise added to each coordinate.
    key : int or Key
        An int is a seed.
    factor : float
        Radius of the inner circle, class 1; in (0, 1).

    Returns
    -------
    Dataset
        Inputs float32 of shape (n, 2), targets int64.

    Raises
    ------
    DataError
        If a number is not valid.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.circles(100)
    Dataset('circles': 100 rows, 80 to train and 20 to test; 2 features; 2 classes)
    """
    inner = share("factor", factor, "(0, 1)", error=DataError, advice="Use 0.5.")
    rows, root, label = _begin(n, 2, key)
    radius = np.where(label == 0, 1.0, inner)
    return _finish("circles", radius[:, None] * directions(rows, root), label, noise, root)


def moons(n: int = 1000, *, noise: float = 0.1, key: int | Key = 0) -> Dataset:
    """Return two interleaving half circles: an upper one at (0, 0), a lower one at (1, 1/2).

    Classes, test rows and larger sets are as for `circles`.

    Parameters
    ----------
    n : int
        Rows, at least 2.
    noise : float
        Standard deviation of the normal noise added to each coordinate.
    key : int or Key
        An int is a seed.

    Returns
    -------
    Dataset
        Inputs float32 of shape (n, 2), targets int64.

    Raises
    ------
    DataError
        If a number is not valid.

    Examples
    --------
    >>> import pyinit as pi
    >>> x, y = pi.data.moons(1000, noise=0.0).part("train")
    >>> bool((x[y == 0, 1] >= 0).all()), bool((x[y == 1, 1] <= 0.5).all())
    (True, True)
    """
    rows, root, label = _begin(n, 2, key)
    points = directions(rows, root)
    points[:, 1] = np.abs(points[:, 1])
    lower = label == 1
    points[lower] = np.array([1.0, 0.5]) - points[lower]
    return _finish("moons", points, label, noise, root)


def spirals(
    n: int = 1000, *, noise: float = 0.02, key: int | Key = 0, arms: int = 2, turns: float = 1.0
) -> Dataset:
    """Return spirals that leave the origin in different directions; each is a class.

    A point at radius r, uniform in [0, 1), is at the angle turns * r + class / arms, in turns.
    Row i has class i mod arms; test rows and larger sets are as for `circles`.

    Parameters
    ----------
    n : int
        Rows, at least `arms`.
    noise : float
        Standard deviation of the normal noise added to each coordinate.
    key : int or Key
        An int is a seed.
    arms : int
        Spirals, at least 1 and at most 100.
    turns : float
        Turns from the origin to radius 1.

    Returns
    -------
    Dataset
        Inputs float32 of shape (n, 2), targets int64.

    Raises
    ------
    DataError
        If a number is not valid.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.spirals(300, arms=3).classes
    ('0', '1', '2')
    """
    kinds = count("arms", arms, 1, 100, error=DataError, advice="Use 2.")
    wound = number("turns", turns, error=DataError, advice="Use 1.0.")
    if abs(wound) > 100:
        raise DataError(f"turns must be in [-100, 100]; got {turns!r}. Use 1.0.")
    rows, root, label = _begin(n, kinds, key)
    radius = uniform()((rows,), key=root.fold_in("radius"), dtype="float64")
    angle = wound * radius + label / kinds
    return _finish("spirals", radius[:, None] * circle(angle), label, noise, root, kinds)


def blobs(n: int = 1000, *, noise: float = 0.25, key: int | Key = 0, classes: int = 3) -> Dataset:
    """Return round clouds whose centres are evenly spaced on the unit circle; each is a class.

    Row i has class i mod classes; test rows and larger sets are as for `circles`.

    Parameters
    ----------
    n : int
        Rows, at least `classes`.
    noise : float
        Standard deviation of each cloud, in each coordinate.
    key : int or Key
        An int is a seed.
    classes : int
        Clouds, at least 1 and at most 100; the first is centred at (1, 0).

    Returns
    -------
    Dataset
        Inputs float32 of shape (n, 2), targets int64.

    Raises
    ------
    DataError
        If a number is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> np.bincount(pi.data.blobs(100).targets)
    array([34, 33, 33])
    """
    kinds = count("classes", classes, 1, 100, error=DataError, advice="Use 3.")
    _, root, label = _begin(n, kinds, key)
    return _finish("blobs", circle(np.arange(kinds) / kinds)[label], label, noise, root, kinds)


def checkerboard(n: int = 1000, *, noise: float = 0.0, key: int | Key = 0, cells: int = 4) -> Dataset:
    """Return points of [-1, 1)^2 labelled by the colour of their square on a board of cells x cells.

    Row i has class i mod 2: its square is drawn from those of that colour, and its place in the square is
    uniform. The square at (-1, -1) has class 0. Test rows and larger sets are as for `circles`.

    Parameters
    ----------
    n : int
        Rows, at least 2.
    noise : float
        Standard deviation of the normal noise added to each coordinate; labels are those before it.
    key : int or Key
        An int is a seed.
    cells : int
        Squares along a side, even, at least 2 and at most 100.

    Returns
    -------
    Dataset
        Inputs float32 of shape (n, 2), targets int64.

    Raises
    ------
    DataError
        If a number is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> board = pi.data.checkerboard(1000)
    >>> squares = np.floor((board.inputs + 1) * 2).astype(int)
    >>> bool((squares.sum(axis=1) % 2 == board.targets).all())
    True
    """
    side = count("cells", cells, 2, 100, error=DataError, advice="Use 4.")
    if side % 2:
        raise DataError(f"cells must be even; got {side}. Use 4.")
    rows, root, label = _begin(n, 2, key)
    draws = uniform()((rows, 4), key=root.fold_in("square"), dtype="float64")
    row = np.floor(draws[:, 0] * side)
    column = 2 * np.floor(draws[:, 1] * (side // 2)) + (row + label) % 2
    # 16 bits of place, so that rounding to float32 never reaches the upper edge
    place = np.floor(draws[:, 2:] * 65536) / 65536
    points = (np.stack((column, row), axis=1) + place) * (2 / side) - 1
    return _finish("checkerboard", points, label, noise, root)


TOYS: dict[str, Callable[..., Dataset]] = {
    "circles": circles,
    "moons": moons,
    "spirals": spirals,
    "blobs": blobs,
    "checkerboard": checkerboard,
}


def toy(kind: str, n: int = 1000, *, key: int | Key = 0, **options: Any) -> Dataset:
    """Return a two-dimensional set by its name.

    Parameters
    ----------
    kind : {"circles", "moons", "spirals", "blobs", "checkerboard"}
        The function of that name is called.
    n : int
        Rows.
    key : int or Key
        An int is a seed.
    **options
        ``noise``, and whatever else the function takes.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If there is no such set, or a number is not valid.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.toy("moons", 500, noise=0.2, key=1)
    Dataset('moons': 500 rows, 400 to train and 100 to test; 2 features; 2 classes)
    """
    if kind not in TOYS:
        raise DataError(f"a toy set is one of {', '.join(TOYS)}; got {kind!r}. Choose one.")
    return TOYS[kind](n, key=key, **options)


def _begin(n: Any, classes: int, key: int | Key) -> tuple[int, Key, Labels]:
    """Return the checked count of rows, the key and the rows' classes."""
    rows = count("n", n, classes, error=DataError)
    return rows, as_key(key), np.arange(rows, dtype=np.int64) % classes


def _finish(name: str, points: Points, label: Labels, noise: Any, root: Key, classes: int = 2) -> Dataset:
    """Add noise and return the data set."""
    std = number("noise", noise, error=DataError, advice="It is a standard deviation.")
    if not 0 <= std <= 1e6:
        raise DataError(f"noise must be in [0, 1e6]; got {noise!r}. It is a standard deviation.")
    rows = len(label)
    shifted = points + normal()((rows, 2), key=root.fold_in("noise"), dtype="float64") * std
    kept = rows - rows // 5
    return Dataset(
        name,
        shifted.astype(np.float32),
        label,
        feature_names=("x", "y"),
        train=np.arange(kept),
        test=np.arange(kept, rows),
        classes=tuple(str(c) for c in range(classes)),
        licence="Apache-2.0; made by pyinit",
    )
