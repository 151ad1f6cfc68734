"""The record of a coordinate check: how large activations are, and how far they move, at several widths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...errors import RecipeError
from ...stream.arguments import brief, is_integer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CoordinateCheck", "checked_widths", "measured"]

Array = npt.NDArray[np.float64]

_TOLERANCE = 0.25
"""The exponent of the width from which a change counts as one with the width."""


@dataclass(frozen=True, eq=False)
class CoordinateCheck:
    """How large the pre-activations of each layer are, and how far some steps move them, at several widths.

    Parameters
    ----------
    widths : tuple of int
        Rising.
    layers : tuple of str
        Their names, in order.
    sizes : ndarray, (steps + 1, layers, widths)
        Mean ``|x|`` of a layer's numbers after so many steps.
    changes : ndarray, (steps + 1, layers, widths)
        Root mean square of x_t - x_0, on the same rows; infinite where a training diverged.

    Notes
    -----
    A scheme is independent of the width where every slope is near 0. A slope of 1/2 or 1 says that a wider
    network needs a smaller learning rate, a negative one that its layer learns less and less.

    References
    ----------
    Yang et al., "Tensor Programs V", arXiv 2203.03466, appendix D.1.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> changes = np.array([[[0.1, 0.2, 0.4]]])
    >>> check = pi.CoordinateCheck((64, 128, 256), ("up",), np.ones_like(changes), changes)
    >>> check.slopes(), check.growing()
    ({'up': 1.0}, ('up',))
    """

    widths: tuple[int, ...]
    layers: tuple[str, ...]
    sizes: Array
    changes: Array

    def slopes(self, step: int = -1) -> dict[str, float]:
        """Return for each layer the exponent p of the fit change ~ width ** p after a step.

        Infinite where a training diverged, NaN where nothing moved.
        """
        x = np.log2(np.array(self.widths, np.float64))
        x -= x.mean()
        found = {}
        for layer, values in zip(self.layers, self.changes[step], strict=True):
            if not np.isfinite(values).all():
                found[layer] = float("inf")
            elif (values <= 0).any():
                found[layer] = float("nan")
            else:
                y = np.log2(values)
                found[layer] = float((x * (y - y.mean())).sum() / (x * x).sum())
        return found

    def growing(self, tolerance: float = _TOLERANCE) -> tuple[str, ...]:
        """Return the layers whose change grows with the width."""
        return tuple(layer for layer, slope in self.slopes().items() if slope > tolerance)

    def shrinking(self, tolerance: float = _TOLERANCE) -> tuple[str, ...]:
        """Return the layers whose change shrinks with the width, and those that do not move."""
        return tuple(layer for layer, slope in self.slopes().items() if not slope >= -tolerance)

    @property
    def is_stable(self) -> bool:
        """Whether no layer's change grows or shrinks with the width."""
        return not self.growing() and not self.shrinking()

    def lines(self) -> Iterator[str]:
        """Yield the lines of a table: each layer's change after the last step, at each width."""
        longest = max(map(len, ("change", *self.layers)))
        heads = "".join(f"{width:>11}" for width in self.widths)
        yield f"{'change':<{longest}}{heads}{'slope':>8}"
        slopes = self.slopes()
        for layer, values in zip(self.layers, self.changes[-1], strict=True):
            numbers = "".join(f"{value:11.4g}" for value in values)
            yield f"{layer:<{longest}}{numbers}{slopes[layer]:8.2f}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def plot(self, path: str | PathLike[str] | None = None) -> Figure:
        """Draw sizes and changes against the width, one line a step; needs matplotlib.

        Parameters
        ----------
        path : str or path, optional
            Where to save the picture; its ending says the format (png, svg, pdf).

        Returns
        -------
        matplotlib.figure.Figure
        """
        from .picture import plot

        return plot(self.widths, self.layers, self.sizes, self.changes, path)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a dict of JSON values; infinities become None."""
        numbers = {
            name: [
                [[value if np.isfinite(value) else None for value in row] for row in step]
                for step in getattr(self, name).tolist()
            ]
            for name in ("sizes", "changes")
        }
        return {"widths": list(self.widths), "layers": list(self.layers), **numbers}


def checked_widths(widths: Any) -> tuple[int, ...]:
    """Return two or more rising widths.

    Raises
    ------
    RecipeError
        If they are something else.
    """
    listed = tuple(widths) if isinstance(widths, tuple | list | range) else ()
    if (
        len(listed) < 2
        or not all(is_integer(n) and n > 0 for n in listed)
        or sorted(set(listed)) != list(listed)
    ):
        raise RecipeError(
            f"a coordinate check needs two or more rising widths; got {brief(widths)}. Write [64, 128, 256]."
        )
    return tuple(int(n) for n in listed)


def measured(layers: list[Array], first: list[Array]) -> list[tuple[float, float]]:
    """Return mean |x| and the root mean square of x - x_0 of each layer; infinite where x is not finite."""
    found = []
    for x, start in zip(layers, first, strict=True):
        is_finite = bool(np.isfinite(x).all())
        size = float(np.abs(x, dtype=np.float64).mean()) if is_finite else np.inf
        moved = float(np.sqrt(np.square(x.astype(np.float64) - start).mean())) if is_finite else np.inf
        found.append((size, moved))
    return found
