"""The recipe that copies given values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import RecipeError
from ..stream.arguments import brief
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.pretrained import ArraySource, check_shape, open_source
from ..stream.window import Shape
from .makers import maker
from .recipe import Recipe, named

__all__ = ["Pretrained", "pretrained"]


@dataclass(frozen=True, repr=False)
class Pretrained(Recipe):
    """A copy of given values: the exact shape, or a part of a larger tensor along any axes.

    Weight selection (``select="even"``) starts a small model from a larger one of its family. Of M indices
    along an axis it takes N: number k is k M / N where N divides M, else (k (M - 1) / (N - 1)), rounded half
    to even. The small model keeps a sample of what the units of each layer have learned; the same indices in
    all layers keep together what belongs together. Its layers are the first of the large model.

    Parameters
    ----------
    source : array, str or path
        An array or CPU tensor, which is not copied and must not be changed, or a ``.safetensors`` file or
        ``.safetensors.index.json``, of which only the needed part is read.
    tensor : str, optional
        Name of the tensor in the file.
    select : {"leading", "even"}
        Which part of a larger tensor: its leading slice, or indices that are spread evenly along each axis.

    Raises
    ------
    ShapeError
        If the shape has another number of axes than the source's, or is longer along one.
    RecipeError, FormatError, DTypeError
        If `select` is neither, the file has no such tensor or is corrupt, or the values are not
        floating-point or leave the dtype's range.

    References
    ----------
    Xu, Chen, Vishniakov, Yin, Shen, Darrell, Liu, Liu, "Initializing models with larger ones", ICLR 2024
    (arXiv 2311.18823), section 3: uniform element selection.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> table = np.arange(6.0).reshape(3, 2)
    >>> pi.pretrained(table)((2, 2), key=0)
    array([[0., 1.],
           [2., 3.]], dtype=float32)
    >>> pi.pretrained(table, select="even")((2, 1), key=0)
    array([[0.],
           [4.]], dtype=float32)
    """

    verb: ClassVar[str] = "pretrained"
    source: Any
    tensor: str | None = None
    select: str = "leading"

    def __post_init__(self) -> None:
        if self.select not in ("leading", "even"):
            raise RecipeError(
                f"pretrained's select is 'leading' or 'even'; got {brief(self.select)}. Name one."
            )
        if isinstance(self.source, os.PathLike):
            object.__setattr__(self, "source", os.fspath(self.source))
        # an array is checked now, a file when it is needed
        if not (isinstance(self.source, ArraySource) or (self._is_file() and self.tensor is not None)):
            object.__setattr__(self, "source", open_source(self.source, self.tensor))

    def _is_file(self) -> bool:
        return isinstance(self.source, str)

    def plan_for(self, shape: Shape, dtype: str) -> Plan:
        """Return the plan; it is not cached, because a file may change."""
        return self.make_plan(shape, resolve(dtype))

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the tensor and compare shapes."""
        source = open_source(self.source, self.tensor) if self._is_file() else self.source
        is_even = self.select == "even"
        check_shape(source, shape, evenly=is_even)
        return Plan("selected" if is_even else "pretrained", shape, dtype.name, source=source)

    def __repr__(self) -> str:
        selected = "" if self.select == "leading" else f", select={self.select!r}"
        return super().__repr__() if self._is_file() else f"pretrained(<{self.source}>{selected})"

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict, if it copies from a file."""
        if not self._is_file():
            raise RecipeError(
                f"JSON can name a file only; this recipe copies {self.source}. Save it as safetensors first."
            )
        return super().to_dict()


pretrained = maker("pretrained", Pretrained)

named(pretrained, pretrained.__name__)
