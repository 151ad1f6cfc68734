"""The recipe that copies given values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import RecipeError
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.pretrained import ArraySource, check_shape, open_source
from ..stream.window import Shape
from .makers import maker
from .recipe import Recipe, named

__all__ = ["Pretrained", "pretrained"]


@dataclass(frozen=True, repr=False)
class Pretrained(Recipe):
    """A copy of given values: the exact shape, or the leading slice of a larger tensor along any axes.

    Parameters
    ----------
    source : array, str or path
        An array or CPU tensor, which is not copied and must not be changed, or a ``.safetensors`` file or
        ``.safetensors.index.json``, of which only the needed part is read.
    tensor : str, optional
        Name of the tensor in the file.

    Raises
    ------
    ShapeError
        If the shape is neither the source's nor a leading slice of it.
    RecipeError, FormatError, DTypeError
        If the file has no such tensor, is corrupt, or the values are not floating-point or leave the
        dtype's range.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> table = np.arange(6.0).reshape(3, 2)
    >>> pi.pretrained(table)((2, 2), key=0)
    array([[0., 1.],
           [2., 3.]], dtype=float32)
    """

    verb: ClassVar[str] = "pretrained"
    source: Any
    tensor: str | None = None

    def __post_init__(self) -> None:
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
        check_shape(source, shape)
        return Plan("pretrained", shape, dtype.name, source=source)

    def __repr__(self) -> str:
        return super().__repr__() if self._is_file() else f"pretrained(<{self.source}>)"

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict, if it copies from a file."""
        if not self._is_file():
            raise RecipeError(
                f"JSON can name a file only; this recipe copies {self.source}. Save it as safetensors first."
            )
        return super().to_dict()


pretrained = maker("pretrained", Pretrained)

named(pretrained, pretrained.__name__)
