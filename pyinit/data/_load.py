"""Reads a user's own file, CSV or npz, as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..linalg.sums import mean
from ..stream.key import Key
from ._dataset import Dataset
from .archive import read_archive
from .columns import Frame, frame
from .delimited import read_table, refuse
from .order import Rows, split

__all__ = ["load", "read"]

Array = npt.NDArray[Any]


def load(
    path: str | PathLike[str],
    *,
    target: str | int | None = None,
    task: Literal["regression", "classification"] | None = None,
    test: float = 0.2,
    key: int | Key = 0,
    missing: Literal["refuse", "drop", "mean"] = "refuse",
    categorical: Literal["refuse", "one-hot"] = "refuse",
    ignore: Sequence[str | int] = (),
    header: bool | None = None,
    delimiter: str | None = None,
    inputs: str | None = None,
) -> Dataset:
    r"""Read a CSV or npz file; an error names the line and the column of each cell that is not valid.

    A CSV file is UTF-8 text with one example a line; blank lines are skipped. Cells that are empty or hold
    NA, N/A, NaN, null, none or ? are missing. A column with more words than numbers is categorical. An
    npz file holds arrays ``x`` and ``y`` (or ``inputs``/``targets``, ``X``/``y``, ``data``/``target``,
    ``images``/``labels``), rows first; or ``x_train``, ``y_train``, ``x_test`` and ``y_test``.

    Parameters
    ----------
    path : str or path
        The file; an npz file is recognized by its content, not its name.
    target : str or int, optional
        The column to predict, by name or by number from 0; the last one by default. For npz, an array's name.
    task : {"regression", "classification"}, optional
        By default, words and the integers of an npz file are classes; other numbers are a regression.
    test : float
        Fraction of the rows to test on, in [0, 1). It is ignored if an npz file has test rows of its own.
    key : int or Key
        Decides which rows are for testing, see `pyinit.data.split`; an int is a seed.
    missing : {"refuse", "drop", "mean"}
        Refuse a file with missing values, drop such rows, or replace a missing value by the feature's mean
        over the training rows. A row without a target is refused under "mean".
    categorical : {"refuse", "one-hot"}
        Refuse columns of words, or make one feature of 0 and 1 for each word.
    ignore : sequence of str or int
        Columns to leave out.
    header : bool, optional
        Whether the first line names the columns; by default it does unless one of its cells is a number.
    delimiter : str, optional
        One character; a space matches any run of blanks. By default it is found among comma, semicolon, tab,
        bar and space.
    inputs : str, optional
        For npz, the name of the array of inputs.

    Returns
    -------
    Dataset
        Named after the file.

    Raises
    ------
    DataError
        If the file cannot be read or has cells that are not valid, or an option is not valid.

    Examples
    --------
    >>> import os, tempfile
    >>> import pyinit as pi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "shells.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("length,rings\n0.455,15\n0.35,7\n0.53,9\n0.44,10\n0.33,7\n")
    ...     pi.data.load(path)
    Dataset('shells': 5 rows, 4 to train and 1 to test; 1 features; regression)
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{file} cannot be read: {reason}. Give the path of a CSV or npz file.") from None
    return read(
        raw,
        file.name,
        target=target,
        task=task,
        test=test,
        key=key,
        missing=missing,
        categorical=categorical,
        ignore=ignore,
        header=header,
        delimiter=delimiter,
        inputs=inputs,
    )


def read(
    raw: bytes,
    where: str,
    *,
    target: str | int | None = None,
    task: str | None = None,
    test: float = 0.2,
    key: int | Key = 0,
    missing: str = "refuse",
    categorical: str = "refuse",
    ignore: Sequence[str | int] = (),
    header: bool | None = None,
    delimiter: str | None = None,
    inputs: str | None = None,
) -> Dataset:
    """Return the data set in the bytes of a file called `where`; options are those of `load`."""
    _choice("task", task, (None, "regression", "classification"))
    _choice("missing", missing, ("refuse", "drop", "mean"))
    _choice("categorical", categorical, ("refuse", "one-hot"))
    split(1, test, key=key)
    if isinstance(ignore, str) or not isinstance(ignore, Sequence):
        raise DataError(f"ignore is a list of columns; got {ignore!r}. Use [{ignore!r}].")
    if raw[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        given = {"categorical": categorical != "refuse", "ignore": bool(ignore), "header": header is not None}
        given["delimiter"] = delimiter is not None
        if any(given.values()):
            names = ", ".join(name for name, is_given in given.items() if is_given)
            raise DataError(f"{where} is an npz file, which has no {names}. Leave that out.")
        found = read_archive(raw, where, inputs, target, task)
    elif raw[:6] == b"\x93NUMPY":
        raise DataError(f"{where} is one array; inputs and targets are needed. Write both with numpy.savez.")
    elif inputs is not None:
        raise DataError(
            f"{where} is not an npz file; inputs names an array of one. Use ignore to leave columns out."
        )
    else:
        found = frame(read_table(raw, where, header, delimiter), where, target, task, ignore, categorical)
    return _finished(found, where, PurePath(where).stem, missing, test, key)


def _choice(what: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise DataError(f"{what} must be one of {', '.join(map(repr, allowed))}; got {value!r}. Choose one.")


def _finished(found: Frame, where: str, name: str, missing: str, test: float, key: int | Key) -> Dataset:
    """Drop, refuse or replace missing values, and choose the test rows."""
    gaps = np.isnan(found.inputs)
    no_target = found.targets < 0 if found.classes else np.isnan(found.targets)
    gone = gaps.any(axis=1) | no_target
    refused = {"refuse": gone, "mean": no_target, "drop": np.zeros_like(gone)}[missing]
    if refused.any():
        raise refuse(
            where, [_gap(found, gaps, i) for i in np.flatnonzero(refused).tolist()], _remedy(missing)
        )
    kept = np.flatnonzero(~gone) if missing == "drop" else np.arange(len(gone))
    if not len(kept):
        raise DataError(
            f"{where} has no row without a missing value; got {len(gone)} with. Use missing='mean'."
        )
    train, test_rows = _parts(found, kept, test, key)
    if not len(train):
        raise DataError(
            f"{where} needs rows to train on; got {len(kept)} in all. Give more, or a smaller test."
        )
    inputs = found.inputs[kept]
    for column in np.flatnonzero(gaps[kept].any(axis=0)).tolist():
        known = inputs[train, column]
        known = known[~np.isnan(known)].astype(np.float64)
        if not len(known):
            raise DataError(
                f"{where}: {found.feature_names[column]!r} has no value in the training rows to take "
                "a mean of. Ignore that column."
            )
        gap = np.isnan(inputs[:, column])
        inputs[gap, column] = mean(known)
    return Dataset(
        name,
        inputs.astype(np.float32),
        found.targets[kept],
        feature_names=tuple(found.feature_names),
        train=train,
        test=test_rows,
        classes=tuple(found.classes),
        licence="the user's own file",
    )


def _parts(found: Frame, kept: Rows, test: float, key: int | Key) -> tuple[Rows, Rows]:
    if found.train is None:
        return split(len(kept), test, key=key)
    first = int(np.count_nonzero(kept < found.train))
    return np.arange(first), np.arange(first, len(kept))


def _gap(found: Frame, gaps: npt.NDArray[np.bool_], row: int) -> str:
    columns = np.flatnonzero(gaps[row])
    what = f"{found.feature_names[columns[0]]!r}" if len(columns) else "the target"
    return f"{found.places[row]}: {what} is missing"


def _remedy(missing: str) -> str:
    if missing == "mean":
        return "Use missing='drop', or fill the targets in."
    return "Use missing='drop' or 'mean', or fill them in."
