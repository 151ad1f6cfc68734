"""What pictures share: an empty figure, or an error without matplotlib, and their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import MissingLibraryError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLORS", "GREY", "HEALTHY", "ILL", "color_of", "new_figure"]

# Okabe and Ito's colours, which all eyes tell apart
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# the colours of text: of healthy layers, of ill ones, of what matters less
HEALTHY, ILL, GREY = "#333333", "#B00020", "#666666"


def new_figure(instead: str, **options: Any) -> Figure:
    """Return an empty matplotlib figure; without matplotlib, an error names what to do `instead`."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingLibraryError(
            f"a plot needs matplotlib, which is not installed. Install pyinit-nn[plot], or {instead}."
        ) from None
    return Figure(**options)


def color_of(index: int) -> str:
    """Return the colour of the network or training with this index; they repeat."""
    return COLORS[index % len(COLORS)]
