"""pyinit for Dask: lazy arrays, any chunk of which is made alone."""

from __future__ import annotations

from .array import array

__all__ = ["array"]
