"""Arithmetic whose sums have one order: products of matrices, statistics, norms, exponentials."""

from .growth import grow_rows
from .product import matmul

__all__ = ["grow_rows", "matmul"]
