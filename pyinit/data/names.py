"""One function that turns a name or a path into a data set."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from ..errors import DataError
from ._dataset import Dataset
from ._load import load
from .shipped import abalone, mnist_5k
from .toys import TOYS

__all__ = ["NAMES", "dataset"]

NAMES: dict[str, Callable[..., Dataset]] = {
    "abalone": abalone,
    "mnist": mnist_5k,
    "mnist_5k": mnist_5k,
    **TOYS,
}


def dataset(name_or_path: str | PathLike[str], **options: Any) -> Dataset:
    """Return the data set of that name, or read it from a file.

    Parameters
    ----------
    name_or_path : str or path
        "abalone", "mnist" (5,000 digits), "circles", "moons", "spirals", "blobs", "checkerboard", or the
        path of a CSV or npz file. Names come before files: write "./moons" for a file called moons.
    **options
        Options of the function of that name, or of `load`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If it is neither a known name nor a file, or an option is unknown.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.dataset("mnist")
    Dataset('mnist_5k': 5000 rows, 4000 to train and 1000 to test; 784 features; 10 classes)
    >>> pi.data.dataset("moons", n=10, noise=0.0)
    Dataset('moons': 10 rows, 8 to train and 2 to test; 2 features; 2 classes)
    """
    try:
        name = fspath(name_or_path)
    except TypeError:
        raise DataError(
            f"a data set is named by a string or a path; got {name_or_path!r}. Use 'abalone'."
        ) from None
    make = NAMES.get(name)
    if make is not None:
        _check_options(make, name, options, skipped=0)
        return make(**options)
    if not Path(name).exists() and not Path(name).suffix and Path(name).name == name:
        raise DataError(f"{name!r} is neither a data set nor a file. Names are {', '.join(NAMES)}.")
    _check_options(load, name, options, skipped=1)
    return load(name, **options)


def _check_options(make: Callable[..., Dataset], name: str, options: dict[str, Any], skipped: int) -> None:
    known = list(inspect.signature(make).parameters)[skipped:]
    unknown = [option for option in options if option not in known]
    if unknown:
        takes = ", ".join(known) or "no options"
        raise DataError(f"{name} takes {takes}; got {', '.join(unknown)}. Leave that out.")
