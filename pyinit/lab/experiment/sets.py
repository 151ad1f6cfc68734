"""The data of an experiment: a set that is shipped, or a file of the user's own."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Literal, TypeAlias

from ...data import Dataset, dataset
from ...data._load import read
from ...errors import ArgumentError, DataError
from ...recipes.names import suggestion
from .limits import UPLOAD_BYTES

__all__ = ["SETS", "Kind", "Source", "described", "given", "source_of", "uploaded"]

Kind: TypeAlias = Literal["2d", "digits", "table"]
Titles: TypeAlias = Mapping[str, str]

# numbers of an npz file once it is unpacked, and classes of a target
_UNPACKED = 1 << 26
_CLASSES = 100
_PIXELS = 784


@dataclass(frozen=True, eq=False)
class Source:
    """A data set as trained, and the Python that makes it.

    Parameters
    ----------
    name : str
        What an experiment calls it.
    kind : {"2d", "digits", "table"}
    title : mapping of str
        By language, "en" and "zh".
    python : str
        An expression.
    data : Dataset
        Standardized by its training rows.
    is_drawn : bool
        Whether another key makes another sample of it.
    """

    name: str
    kind: Kind
    title: Titles
    python: str
    data: Dataset
    is_drawn: bool = False


_SHIPPED: dict[str, tuple[Kind, Titles]] = {
    "circles": ("2d", {"en": "Circles", "zh": "同心圆"}),
    "moons": ("2d", {"en": "Moons", "zh": "双月"}),
    "spirals": ("2d", {"en": "Spirals", "zh": "螺旋"}),
    "blobs": ("2d", {"en": "Blobs", "zh": "点团"}),
    "checkerboard": ("2d", {"en": "Checkerboard", "zh": "棋盘"}),
    "mnist": ("digits", {"en": "MNIST digits", "zh": "MNIST 数字"}),
    "abalone": ("table", {"en": "Age of a shell", "zh": "鲍鱼年龄"}),
}
SETS: tuple[str, ...] = tuple(_SHIPPED)
"""The names of the sets that are shipped."""


def source_of(name: str, uploads: Mapping[str, Source] | None = None) -> Source:
    """Return the source of that name: the caller's own before a shipped one.

    Raises
    ------
    ArgumentError
        If there is none.
    """
    known = {} if uploads is None else uploads
    if name in known:
        return known[name]
    if name in _SHIPPED:
        return _shipped(name)
    raise ArgumentError(f"there is no data set {name!r:.60}. {suggestion(name[:60], [*SETS, *known])}")


@lru_cache
def _shipped(name: str) -> Source:
    kind, title = _SHIPPED[name]
    call = f"pi.data.dataset({name!r}).standardized()"
    return Source(name, kind, title, call, _standard(dataset(name)), is_drawn=kind == "2d")


def uploaded(name: str, raw: bytes, target: str | None = None) -> Source:
    """Return the user's own CSV or npz file as a source; nothing in it is executed.

    Rows with a missing cell are left out, and a CSV file's columns of words become columns of 0 and 1.

    Parameters
    ----------
    name : str
        The file's name; folders in it do not count.
    raw : bytes
        The file.
    target : str, optional
        The column, or the array, to predict; by default as `pyinit.data.load` chooses it.

    Raises
    ------
    DataError
        If the file is too large or not valid; the message names the first wrong cell.
    """
    where = PurePath(name.replace("\\", "/")).name[:100]
    if where in ("", ".", "..") or not where.isprintable():
        raise DataError(f"an uploaded file needs a name; got {name!r:.60}. Call it data.csv.")
    if where in _SHIPPED:
        raise DataError(f"{where} is the name of a set that is shipped. Rename the file.")
    if len(raw) > UPLOAD_BYTES:
        raise DataError(f"{where} has {len(raw):,} bytes; the lab takes {UPLOAD_BYTES:,}. Cut it.")
    options: dict[str, Any] = {"missing": "drop"}
    if raw[:2] == b"PK":
        _check_unpacked(raw, where)
    else:
        options["categorical"] = "one-hot"
    if target is not None:
        options["target"] = target
    found = read(raw, where, **options)
    if len(found.classes) > _CLASSES:
        raise DataError(f"{where} has {len(found.classes)} classes; the lab takes {_CLASSES}. Merge some.")
    written = "".join(f", {option}={value!r}" for option, value in options.items())
    call = f"pi.data.load({where!r}{written}).standardized()"
    return Source(where, _kind(found), {"en": where, "zh": where}, call, _standard(found))


def given(data: Dataset) -> Source:
    """Return a data set that a program has as a source, as it is: nothing is standardized."""
    return Source(data.name, _kind(data), {"en": data.name, "zh": data.name}, "data", data)


def _kind(data: Dataset) -> Kind:
    features = data.inputs.shape[1]
    if not data.classes or features not in (2, _PIXELS):
        return "table"
    return "2d" if features == 2 else "digits"


def described(source: Source) -> dict[str, Any]:
    """Return what a page shows of a source, as JSON values."""
    data = source.data
    return {
        "name": source.name,
        "kind": source.kind,
        "title": dict(source.title),
        "rows": len(data.inputs),
        "features": data.inputs.shape[1],
        "classes": list(data.classes),
        "columns": list(data.feature_names) if source.kind != "digits" else [],
    }


def _standard(data: Dataset) -> Dataset:
    with warnings.catch_warnings():
        # a column of one number stays at 0, which the page shows
        warnings.simplefilter("ignore", UserWarning)
        return data.standardized()


def _check_unpacked(raw: bytes, where: str) -> None:
    """Refuse an archive that would not fit in memory, before it is unpacked."""
    try:
        size = sum(one.file_size for one in zipfile.ZipFile(io.BytesIO(raw)).infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise DataError(f"{where} is not a valid npz file: {error}. Write it with numpy.savez.") from None
    if size > _UNPACKED:
        raise DataError(f"{where} unpacks to {size:,} bytes; the lab takes {_UNPACKED:,}. Cut it.")
