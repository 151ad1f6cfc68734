"""The version of pyinit."""

from __future__ import annotations

__all__ = ["version"]


def version() -> str:
    """Return the version of the installed distribution, or "unknown" in a source tree."""
    # importing metadata takes longer than importing the rest of pyinit
    from importlib import metadata

    try:
        return metadata.version("pyinit-nn")
    except metadata.PackageNotFoundError:
        return "unknown"
