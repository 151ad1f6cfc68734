"""Which versions of the frameworks are installed: what only a newer one does is skipped with an older one."""

from __future__ import annotations

from importlib import metadata

from pyinit.versions import numbers

__all__ = ["older"]


def older(library: str, *version: int) -> bool:
    """Return whether a library is installed and older than a version."""
    try:
        return numbers(metadata.version(library)) < version
    except metadata.PackageNotFoundError:
        return False
