"""Weights of float8 with a scale for each block: as transformers' FineGrainedFP8 and DeepSeek-V3 store them.

A weight is drawn in float32. Of each block of the last two axes, f is 448 (1 / m) with m the largest |w| in
it, or 1 where m is 0. The file holds w f in float8_e4m3fn, and the scale 1 / f in float32, so that the weight
is the product of both. Each operation is rounded once to float32, in the order in which transformers'
`Fp8Quantize` does them, so the bits are its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from ..recipes.scaled import scales_beside
from ..stream.dtypes import FLOAT8_E4M3FN, encode
from ..stream.window import Shape, Window
from .contents import READERS, Bytes, Content, Drawn, content_from_dict
from .spec import Spec

__all__ = ["BlockScales", "Quantized", "block_of", "blocks_of"]

SUFFIX = "_scale_inv"
"""What the name of a weight's scales ends with, after that of the weight."""

_USUAL = 128
_LARGEST = np.float32(FLOAT8_E4M3FN.largest)

Floats = npt.NDArray[np.float32]


def block_of(weight: Shape, scales: Shape, given: Any = None) -> tuple[int, int] | None:
    """Return the rows and columns of the blocks of which a weight of one shape has scales of another.

    Parameters
    ----------
    weight, scales : tuple of int
        The shapes; axes before the last two number matrices. Scales of one element are of the whole weight.
    given : sequence of two int, optional
        What the configuration says; by default 128 x 128, else blocks that divide the weight.

    Returns
    -------
    tuple of int, or None
        None where no block does.

    Examples
    --------
    >>> from pyinit.checkpoint.quantized import block_of
    >>> block_of((576, 7168), (5, 56)), block_of((64, 96), (2, 3)), block_of((64, 96), (3, 3))
    ((128, 128), (32, 32), None)
    """
    if len(weight) < 2 or 0 in weight:
        return None
    sides = weight[-2:]
    if len(weight) == 2 and scales in ((), (1,)):
        return sides[0], sides[1]
    if len(scales) != len(weight) or scales[:-2] != weight[:-2] or 0 in scales:
        return None
    even = tuple(n // count if n % count == 0 else 0 for n, count in zip(sides, scales[-2:], strict=True))
    usual = (_USUAL, _USUAL) if given is None else tuple(given)
    for rows, columns in (usual, even):
        if rows and columns and (-(-sides[0] // rows), -(-sides[1] // columns)) == scales[-2:]:
            return rows, columns
        if given is not None:
            return None
    return None


def _whole_blocks(
    weight: Drawn, block: tuple[int, int], start: Shape, extent: Shape, threads: int
) -> tuple[Floats, Floats]:
    """Return a rectangle of whole blocks of a weight's float32 numbers, and f of each."""
    out = np.empty(math.prod(extent) * 4, np.uint8)
    weight.fill(Window(start, weight.plan.shape), extent, out, threads)
    numbers = out.view(np.float32).reshape(extent)
    largest = np.abs(numbers)
    for axis, size in zip((-2, -1), block, strict=True):
        largest = np.maximum.reduceat(largest, np.arange(0, extent[axis], size), axis)
    is_zero = largest == 0
    factors = _LARGEST * (np.float32(1) / np.where(is_zero, np.float32(1), largest))
    return numbers, np.where(is_zero, np.float32(1), factors)


def _matrices(extent: Shape, start: Shape) -> Iterator[tuple[Shape, Shape]]:
    """Yield the index of each matrix of a stack in a rectangle, and in the whole tensor."""
    for index in np.ndindex(*extent):
        yield index, tuple(a + b for a, b in zip(start, index, strict=True))


def blocks_of(spec: Spec) -> dict[str, tuple[int, int]]:
    """Return the blocks of each float8 weight that has scales, by its name.

    Raises
    ------
    RecipeError
        If a float8 weight has scales of another kind, which are not made here.
    """
    tensors = {tensor.name: tensor for tensor in spec.tensors}
    settings = (spec.config or {}).get("quantization_config")
    given = settings.get("weight_block_size") if isinstance(settings, Mapping) else None
    found = {}
    for weight in spec.tensors:
        if not weight.dtype.startswith("float8"):
            continue
        scales = scales_beside(weight.name, tensors)
        if not scales:
            continue
        own = tensors.get(weight.name + SUFFIX)
        block = None
        if own is not None and scales == [own.name] and own.dtype == "float32":
            block = block_of(weight.shape, own.shape, given) if weight.dtype == FLOAT8_E4M3FN.name else None
        if block is None:
            raise RecipeError(
                f"tensor '{weight.name}' is {weight.dtype} {weight.shape} with scales "
                f"{', '.join(f'{n} {tensors[n].dtype} {tensors[n].shape}' for n in scales)}; made are "
                f"float32 '{weight.name}{SUFFIX}' of blocks of a float8_e4m3fn weight, as by transformers' "
                "FineGrainedFP8. Write the model in bfloat16, and quantize it by its library"
            )
        found[weight.name] = block
    return found


@dataclass(frozen=True)
class Quantized:
    """The float8 numbers of a weight; `weight` makes it in float32."""

    kind: ClassVar[str] = "quantized"
    weight: Drawn
    block: tuple[int, int]

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Draw the blocks that the rectangle touches, and write their numbers in it."""
        if 0 in extent:
            return
        # the first and the last index of the blocks along both sides
        ends = [
            (first // size * size, min(-(-(first + n) // size) * size, most))
            for first, n, size, most in zip(
                window.start[-2:], extent[-2:], self.block, window.global_shape[-2:], strict=True
            )
        ]
        sides = tuple(last - first for first, last in ends)
        rows, columns = (
            slice(begin - first, begin - first + n)
            for begin, n, (first, _) in zip(window.start[-2:], extent[-2:], ends, strict=True)
        )
        target = out.reshape(extent)
        for index, number in _matrices(extent[:-2], window.start[:-2]):
            shape = (*(1 for _ in index), *sides)
            start = (*number, *(first for first, _ in ends))
            numbers, factors = _whole_blocks(self.weight, self.block, start, shape, threads)
            for axis, (size, n) in zip((-2, -1), zip(self.block, sides, strict=True), strict=True):
                factors = factors.repeat(size, axis).take(range(n), axis)
            scaled = (numbers * factors).reshape(sides)[rows, columns]
            target[index] = encode(np.clip(scaled, -_LARGEST, _LARGEST), FLOAT8_E4M3FN)

    def at_once(self, shape: Shape) -> int:
        """Return the elements of a row of blocks, or of what is drawn whole."""
        return max(self.weight.at_once(shape), min(self.block[0], shape[-2]) * shape[-1])

    def to_dict(self) -> dict[str, Any]:
        """Return what makes the weight, and the sides of a block."""
        return {"kind": self.kind, "weight": self.weight.to_dict(), "block": list(self.block)}

    @classmethod
    def read(cls, fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
        """Return the content that `to_dict` wrote."""
        made = content_from_dict(fields["weight"], name, shape, "float32")
        return cls(made, _block(fields)) if isinstance(made, Drawn) else made


@dataclass(frozen=True)
class BlockScales:
    """The scales of the blocks of a weight, whose shape is that of the plan of `weight`."""

    kind: ClassVar[str] = "scales"
    weight: Drawn
    block: tuple[int, int]

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Draw the weight of the rectangle's blocks, one row of blocks at a time."""
        if 0 in extent:
            return
        whole = self.weight.plan.shape
        start = window.start
        if len(extent) < len(whole):
            # one scale, of the whole weight
            start, extent = (0,) * len(whole), (1,) * len(whole)
        target = out.view(np.float32).reshape(extent)
        left, right = (min(count * self.block[1], whole[-1]) for count in (start[-1], start[-1] + extent[-1]))
        for index, number in _matrices(extent[:-1], start[:-1]):
            top, bottom = (min(row * self.block[0], whole[-2]) for row in (number[-1], number[-1] + 1))
            shape = (*(1 for _ in index[:-1]), bottom - top, right - left)
            place = (*number[:-1], top, left)
            _, factors = _whole_blocks(self.weight, self.block, place, shape, threads)
            target[index] = np.float32(1) / factors.reshape(-1)

    def at_once(self, shape: Shape) -> int:
        """Return all elements of a weight that is drawn whole."""
        return math.prod(shape) if self.weight.plan.is_drawn_whole else 0

    def to_dict(self) -> dict[str, Any]:
        """Return what makes the weight, its shape, and the sides of a block."""
        of = {"weight": self.weight.to_dict(), "shape": list(self.weight.plan.shape)}
        return {"kind": self.kind, **of, "block": list(self.block)}

    @classmethod
    def read(cls, fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
        """Return the content that `to_dict` wrote."""
        whole = tuple(map(int, fields["shape"]))
        made = content_from_dict(fields["weight"], name, whole, "float32")
        if isinstance(made, Drawn) and block_of(whole, shape, _block(fields)) is None:
            raise ValueError(f"scales of shape {shape}")
        return cls(made, _block(fields)) if isinstance(made, Drawn) else made


def _block(fields: Mapping[str, Any]) -> tuple[int, int]:
    rows, columns = map(int, fields["block"])
    if min(rows, columns) < 1:
        raise ValueError(f"blocks of {rows} x {columns}")
    return rows, columns


READERS.update({Quantized.kind: Quantized.read, BlockScales.kind: BlockScales.read})
