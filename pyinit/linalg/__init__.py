"""Arithmetic whose sums have one order: products of matrices, statistics, norms, exponentials."""

from .product import matmul

__all__ = ["matmul"]
