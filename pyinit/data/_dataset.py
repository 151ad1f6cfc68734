"""A data set: inputs, targets, their names, and the rows for training and for testing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..linalg.sums import mean
from ..stream.key import Key
from .arrays import labels, listed, numbers, row_numbers
from .order import Rows, batches

__all__ = ["Dataset", "Part", "Per"]

Part = Literal["train", "test"]
Per = Literal["feature", "all"]
Array = npt.NDArray[Any]


def _no_rows() -> Rows:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs and targets of a learning task; frozen, with read-only arrays.

    Parameters
    ----------
    name : str
        Its name in tables and plots.
    inputs : ndarray of float32, shape (rows, features)
        Finite numbers.
    targets : ndarray, shape (rows,)
        Finite float32 numbers for a regression; int64 numbers in [0, len(classes)) for classes.
    feature_names : tuple of str
        One name for each feature; by default "feature 1", "feature 2" and so on.
    train, test : ndarray of intp, optional
        Row numbers; no row may occur twice. Without `train`, it is all rows that are not in `test`.
    classes : tuple of str
        Names of the classes; empty for a regression.
    licence : str
        Licence of the data.
    per : {"feature", "all"}
        Default of `standardized`: a mean and a standard deviation for each feature, or one of each for all
        features, as for the pixels of an image.

    Raises
    ------
    DataError
        If shapes, numbers, names or rows do not fit each other.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.Dataset("xor", [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], classes=("even", "odd"))
    Dataset('xor': 4 rows, 4 to train and 0 to test; 2 features; 2 classes)
    """

    name: str
    inputs: npt.NDArray[np.float32]
    targets: Array
    feature_names: tuple[str, ...] = ()
    train: Rows = field(default_factory=_no_rows)
    test: Rows = field(default_factory=_no_rows)
    classes: tuple[str, ...] = ()
    licence: str = ""
    per: Per = "feature"

    def __post_init__(self) -> None:
        inputs = numbers(self.inputs, f"{self.name}'s inputs", np.float32)
        if inputs.ndim != 2 or 0 in inputs.shape:
            raise DataError(
                f"{self.name}'s inputs need shape (rows, features), neither 0; got {inputs.shape}. "
                "Reshape them."
            )
        rows, features = inputs.shape
        targets = numbers(self.targets, f"{self.name}'s targets", np.float32 if not self.classes else None)
        if targets.shape != (rows,):
            raise DataError(
                f"{self.name}'s targets need shape ({rows},), one for each row of inputs; "
                f"got {targets.shape}. Reshape or cut them."
            )
        if self.classes:
            targets = labels(targets, len(self.classes), self.name)
        names = tuple(self.feature_names) or tuple(f"feature {i + 1}" for i in range(features))
        if len(names) != features:
            raise DataError(
                f"{self.name} needs {features} feature names; got {len(names)}. Name each or none."
            )
        train = row_numbers(self.train, rows, f"{self.name}'s train")
        test = row_numbers(self.test, rows, f"{self.name}'s test")
        if not len(train):
            train = np.setdiff1d(np.arange(rows), test)
        if len(np.unique(np.concatenate((train, test)))) != len(train) + len(test):
            raise DataError(f"{self.name} names a row twice in train and test. Give each row to one of them.")
        if not len(train):
            raise DataError(
                f"{self.name} needs rows to train on; got none. Give it more rows or test on fewer."
            )
        if self.per not in ("feature", "all"):
            raise DataError(f"per must be 'feature' or 'all'; got {self.per!r}. Choose one.")
        for name, value in (("inputs", inputs), ("targets", targets), ("train", train), ("test", test)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "feature_names", names)
        object.__setattr__(self, "classes", tuple(self.classes))

    def __repr__(self) -> str:
        rows, features = self.inputs.shape
        train, test = (len(self._rows(part)) for part in ("train", "test"))
        task = f"{len(self.classes)} classes" if self.classes else "regression"
        return (
            f"Dataset({self.name!r}: {rows} rows, {train} to train and {test} to test; "
            f"{features} features; {task})"
        )

    def part(self, part: Part) -> tuple[npt.NDArray[np.float32], Array]:
        """Return inputs and targets of the training or the test rows.

        Parameters
        ----------
        part : {"train", "test"}
            Which rows.

        Returns
        -------
        inputs : ndarray of float32, shape (rows of the part, features)
        targets : ndarray, shape (rows of the part,)

        Raises
        ------
        DataError
            If there is no such part.

        Examples
        --------
        >>> import pyinit as pi
        >>> x, y = pi.data.abalone().part("test")
        >>> x.shape, y.shape
        ((1044, 8), (1044,))
        """
        rows = self._rows(part)
        return self.inputs[rows], self.targets[rows]

    def batches(
        self, size: int, *, key: int | Key, epoch: int = 0
    ) -> Iterator[tuple[npt.NDArray[np.float32], Array]]:
        """Yield inputs and targets of one epoch's batches, as `pyinit.data.batches` orders the training rows.

        Parameters
        ----------
        size : int
            Rows in a batch; the last may have fewer.
        key : int or Key
            Determines the order; an int is a seed.
        epoch : int
            Number of the epoch; each has its own order.

        Yields
        ------
        inputs : ndarray of float32, shape (size, features)
        targets : ndarray, shape (size,)

        Raises
        ------
        DataError
            If `size` or `epoch` is not an integer, or too small.

        Examples
        --------
        >>> import pyinit as pi
        >>> [len(y) for x, y in pi.data.abalone().batches(1024, key=0)]
        [1024, 1024, 1024, 61]
        """
        for rows in batches(self._rows("train"), size, key=key, epoch=epoch):
            yield self.inputs[rows], self.targets[rows]

    def scale(self, per: Per | None = None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return mean and standard deviation of each feature over the training rows.

        mean = sum x / n, sd = sqrt(sum (x - mean)^2 / n), in float64, summed in the order of the rows, so
        that the bits agree on every machine.

        Parameters
        ----------
        per : {"feature", "all"}, optional
            Each feature by itself, or one mean and one sd for all, repeated; by default the data set's `per`.

        Returns
        -------
        mean, sd : ndarray of float64, shape (features,)
            sd is 0 exactly where a feature is constant.

        Raises
        ------
        DataError
            If `per` is neither of the two.

        Examples
        --------
        >>> import pyinit as pi
        >>> mean, sd = pi.data.mnist_5k().scale()
        >>> round(float(mean[0]), 2), round(float(sd[0]), 2)
        (0.13, 0.31)
        """
        per = self.per if per is None else per
        if per not in ("feature", "all"):
            raise DataError(f"per must be 'feature' or 'all'; got {per!r}. Choose one.")
        rows = self.inputs[self._rows("train")]
        columns = [rows.ravel()] if per == "all" else list(rows.T)
        found = np.array([_moments(column) for column in columns])
        mean, sd = np.broadcast_to(found, (rows.shape[1], 2)).T
        return mean.copy(), sd.copy()

    def standardized(self, per: Per | None = None) -> Dataset:
        """Return the data set with inputs (x - mean) / sd; mean and sd are those of the training rows.

        Only the mean is subtracted from a constant feature, and a warning names it.

        Parameters
        ----------
        per : {"feature", "all"}, optional
            As for `scale`.

        Returns
        -------
        Dataset

        Raises
        ------
        DataError
            If `per` is neither of the two.

        Warns
        -----
        UserWarning
            If features are constant in the training rows.

        Examples
        --------
        >>> import pyinit as pi
        >>> x, y = pi.data.abalone().standardized().part("train")
        >>> bool(abs(x.mean(axis=0)).max() < 1e-4), bool(abs(x.std(axis=0) - 1).max() < 1e-4)
        (True, True)
        """
        mean, sd = self.scale(per)
        constant = np.flatnonzero(sd == 0)
        if len(constant):
            named = listed([self.feature_names[i] for i in constant[:3]], len(constant))
            warnings.warn(
                f"{self.name} has features that are constant in the training rows and teach nothing: "
                f"{named}. They become 0 there; leave them out or use per='all'.",
                stacklevel=2,
            )
        scaled = (self.inputs - mean) / np.where(sd == 0, 1.0, sd)
        return replace(self, inputs=scaled.astype(np.float32))

    def _rows(self, part: str) -> Rows:
        rows = {"train": self.train, "test": self.test}.get(part)
        if rows is None:
            raise DataError(f"a part is 'train' or 'test'; got {part!r}. Choose one.")
        return rows


def _moments(column: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return the mean and the standard deviation, the same bits everywhere."""
    values = column.astype(np.float64)
    if values.min() == values.max():
        return float(values[0]), 0.0
    centre = float(mean(values))
    return centre, float(np.sqrt(mean((values - centre) ** 2)))
