"""One page of the gallery: figures that were measured, words around them, a picture."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .lab import footer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLORS", "Page", "canvas"]

# Okabe and Ito's colours, which all eyes tell apart
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_PALETTE = 96


@dataclass(frozen=True)
class Page:
    """An experiment that ran.

    Parameters
    ----------
    name : str
        Stem of the page's and the picture's file.
    title : str
    text : str
        Markdown in which {figure:.2f} stands for a figure.
    figures : mapping of str to float
        What was measured; tests hold them to their bounds.
    picture : Figure, optional
        Drawn on request only.
    """

    name: str
    title: str
    text: str
    figures: Mapping[str, Any]
    picture: Figure | None = None

    def markdown(self) -> str:
        """Return the page."""
        parts = self.text.format(**self.figures).strip().split("\n\n")
        text = "\n\n".join(
            part if part.startswith(("|", "```", "<!--")) else textwrap.fill(part, 110) for part in parts
        )
        return f"# {self.title}\n\n![{self.title}]({self.name}.png)\n\n{text}\n\n{footer(self.name)}"

    def write(self, folder: Path) -> None:
        """Write page and picture."""
        (folder / f"{self.name}.md").write_text(self.markdown(), encoding="utf-8")
        if self.picture is not None:
            (folder / f"{self.name}.png").write_bytes(small(self.picture))


def canvas(columns: int, width: float = 11.0, height: float = 3.0) -> tuple[Figure, Any]:
    """Return a figure and a row of axes without frames."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for one in axes:
        one.tick_params(which="both", labelsize=7, length=2)
        for side in ("top", "right"):
            one.spines[side].set_visible(False)
    return figure, axes


def small(figure: Figure) -> bytes:
    """Return a PNG of few colours, without the name of the program that drew it."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=90, metadata={"Software": None})
    picture = Image.open(drawn).convert("RGB")
    written = io.BytesIO()
    picture.quantize(_PALETTE, dither=Image.Dither.NONE).save(written, format="png", optimize=True)
    return written.getvalue()
