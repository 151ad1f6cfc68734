"""Data sets for trying initializations: Abalone, 5,000 MNIST digits, 2-D toys, a user's own file."""

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
