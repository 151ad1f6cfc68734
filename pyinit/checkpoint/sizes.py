"""Numbers of bytes as people read them."""

from __future__ import annotations

__all__ = ["readable_size"]


def readable_size(nbytes: float) -> str:
    """Return a number of bytes in decimal units.

    Examples
    --------
    >>> from pyinit.checkpoint.sizes import readable_size
    >>> readable_size(498e6)
    '498 MB'
    """
    if nbytes < 1000:
        return f"{nbytes:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        nbytes /= 1000
        if nbytes < 999.5:
            return f"{nbytes:.3g} {unit}"
    return f"{nbytes / 1000:.4g} TB"
