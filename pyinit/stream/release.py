"""Which pyinit this is."""

from __future__ import annotations

__all__ = ["version"]


def version() -> str:
    """Return the version of the installed distribution, or "unknown" in a source tree never installed."""
    # importing it takes longer than all the rest of pyinit
    from importlib import metadata

    try:
        return metadata.version("pyinit-nn")
    except metadata.PackageNotFoundError:
        return "unknown"
