"""Data to see initializations on: Abalone and MNIST digits in the package, toy sets, a user's own file."""

from __future__ import annotations

from ._dataset import Dataset
from ._load import load
from .names import dataset
from .order import batches, permutation, split
from .shipped import abalone, mnist_5k
from .toys import blobs, checkerboard, circles, moons, spirals, toy

__all__ = [
    "Dataset",
    "abalone",
    "batches",
    "blobs",
    "checkerboard",
    "circles",
    "dataset",
    "load",
    "mnist_5k",
    "moons",
    "permutation",
    "spirals",
    "split",
    "toy",
]
