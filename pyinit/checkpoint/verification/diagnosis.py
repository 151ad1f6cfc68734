"""How a tensor differs from what was written: what can be known by making it again in other ways.

Every statement is checked on numbers: that the values are those of another key, name, recipe or tensor is
said only if a whole block of them is equal. What no such trial explains is told by its statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import PyinitError
from ...recipes.fans import Axes
from ...recipes.recipe import Recipe, from_dict
from ...recipes.rules import fitted
from ...stream.dtypes import FLOATS
from ...stream.key import Key
from ...stream.safetensors import ITEMSIZE
from ...stream.window import Shape
from ..blueprint import Draft
from ..contents import Content, Drawn
from ..found import as_float32
from .comparison import Block, Tally
from .expected import Expected
from .finding import Finding
from .laws import by_statistics
from .sampling import BLOCK_BYTES

__all__ = ["Diagnosis", "converted"]

Bytes = npt.NDArray[np.uint8]

# numbers of a block that a trial looks at before it looks at all
_FEW = 64
# tensors and keys that are tried, at most
_MOST_TRIALS = 2000
# a content that is drawn whole costs as much for a few numbers as for all
_MOST_WHOLE = 1 << 22
_SEEDS = (*range(33), 42, 123, 1234, 12345, 1337, 2023, 2024, 2025, 2026)
_RECIPES = (
    *("he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform"),
    *("normal", "uniform", "zeros", "ones"),
)


@dataclass(frozen=True)
class _Sight:
    """The first block that differs: the bytes that are there, and those that were written."""

    block: Block
    found: Bytes
    made: Bytes

    @property
    def draft(self) -> Draft:
        return self.block.held.draft

    @property
    def beginning(self) -> tuple[Bytes, Bytes]:
        """Both, as far as they are compared as numbers: of what is drawn whole, not all."""
        return self.found[:BLOCK_BYTES], self.made[:BLOCK_BYTES]


class Diagnosis:
    """Explains tensors one after the other; what explained the last one is tried first for the next.

    Parameters
    ----------
    expected : Expected
        What was written.
    """

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._seeds: dict[int, None] = dict.fromkeys(_SEEDS)
        root = expected.key.seed
        near = (root + step for step in (*range(-8, 9), 1 << 32))
        self._seeds = dict.fromkeys([*(seed % 2**64 for seed in near), *self._seeds])

    def finding(self, tally: Tally, file: str | None) -> Finding:
        """Return how a tensor differs of which a block does."""
        assert tally.block is not None, "a block differs"
        draft = tally.held.draft
        kind, facts = self._explained(tally)
        return Finding(kind, draft.name, file, facts)

    def _explained(self, tally: Tally) -> tuple[str, dict[str, Any]]:
        assert tally.block is not None, "a block differs"
        block, draft = tally.block, tally.held.draft
        elements = tally.nbytes // ITEMSIZE[draft.dtype]
        if tally.is_all_zero and tally.blocks_differ == tally.blocks:
            return "zeros", {}
        if tally.elements_differ * 100 < elements:
            return _corrupt(tally)
        found, made = np.empty((2, block.nbytes), np.uint8)
        tally.held.read(block.window, block.extent, found)
        draft.content.fill(block.window, block.extent, made, 1)
        sight = _Sight(block, found, made)
        trials: tuple[Callable[[_Sight], tuple[str, dict[str, Any]] | None], ...] = (
            _constant,
            _rounded,
            self._swapped,
            self._other_key,
            self._other_recipe,
        )
        for trial in trials:
            if (explained := trial(sight)) is not None:
                return explained
        if tally.elements_differ * 2 < elements or draft.dtype not in FLOATS:
            return _corrupt(tally)
        if (explained := _near(sight)) is not None:
            return explained
        return by_statistics(draft.shape, *(as_float32(part, draft.dtype) for part in sight.beginning))

    def _swapped(self, sight: _Sight) -> tuple[str, dict[str, Any]] | None:
        draft = sight.draft
        left = _MOST_TRIALS
        for other in self._expected.drafts:
            is_alike = (other.shape, other.dtype) == (draft.shape, draft.dtype)
            if other.name == draft.name or not is_alike or not _is_varied(sight):
                continue
            if left and _makes(other.content, sight):
                return "swapped", {"holds": other.name}
            left = max(left - 1, 0)
        return None

    def _other_key(self, sight: _Sight) -> tuple[str, dict[str, Any]] | None:
        draft = sight.draft
        if not isinstance(draft.content, Drawn) or not _is_varied(sight):
            return None
        content = draft.content
        for seed in self._seeds:
            root = Key(seed)
            for is_folded, key in ((True, root.fold_in(draft.name)), (False, root)):
                if key != content.key and _makes(replace(content, key=key), sight):
                    # the other tensors are probably of the same
                    self._seeds = {seed: None, **self._seeds}
                    return "key", {"seed": seed, "folded": is_folded}
        for name in _other_names(draft.name):
            if _makes(replace(content, key=self._expected.key.fold_in(name)), sight):
                return "key", {"name": name}
        return None

    def _other_recipe(self, sight: _Sight) -> tuple[str, dict[str, Any]] | None:
        draft = sight.draft
        if not isinstance(draft.content, Drawn) or not _is_varied(sight):
            return None
        for recipe in _other_recipes(draft):
            try:
                plan = recipe.plan(draft.shape, draft.dtype)
            except PyinitError:
                continue
            if plan != draft.content.plan and _makes(replace(draft.content, plan=plan), sight):
                return "recipe", {"recipe": str(recipe)}
        return None


def _corrupt(tally: Tally) -> tuple[str, dict[str, Any]]:
    return "corrupt", {
        "differ": tally.bytes_differ,
        "of": tally.nbytes,
        "bits": tally.bits_differ,
        "first": tally.first,
        "last": tally.last,
        "zero": tally.is_zero,
    }


def _is_varied(sight: _Sight) -> bool:
    """Tell whether the values found can tell one maker from another."""
    itemsize = ITEMSIZE[sight.draft.dtype]
    few = sight.found[: _FEW * itemsize].reshape(-1, itemsize)
    return len(np.unique(few, axis=0)) > min(8, len(few) // 2)


def _makes(content: Content, sight: _Sight) -> bool:
    """Tell whether a content makes the values found: a few of them, then all of the block."""
    if content.at_once(sight.draft.shape) > _MOST_WHOLE:
        return False
    block, itemsize = sight.block, ITEMSIZE[sight.draft.dtype]
    for extent in (_beginning(block.extent), block.extent):
        nbytes = math.prod(extent) * itemsize
        made = np.empty(nbytes, np.uint8)
        try:
            content.fill(block.window, extent, made, 1)
        except (PyinitError, OSError):
            return False
        if not np.array_equal(made, sight.found[:nbytes]):
            return False
    return True


def _beginning(extent: Shape) -> Shape:
    """Return the shape of a few numbers at the beginning of a block, contiguous in it."""
    shape, room = [1] * len(extent), _FEW
    for axis in reversed(range(len(extent))):
        shape[axis] = min(extent[axis], room)
        if shape[axis] < extent[axis]:
            break
        room = max(room // max(extent[axis], 1), 1)
    return tuple(shape)


def _other_names(name: str) -> Iterator[str]:
    """Yield names under which the same tensor is known elsewhere: with one part more in front, or fewer."""
    parts = name.split(".")
    yield from (".".join(parts[cut:]) for cut in range(1, len(parts)))
    yield from (f"{front}.{name}" for front in ("model", "module", "transformer", "_orig_mod", "base_model"))


def _other_recipes(draft: Draft) -> Iterator[Recipe]:
    layouts = [Axes(layout=layout) for layout in ("torch", "jax")]
    for name in _RECIPES:
        recipe = from_dict(name)
        for axes in layouts:
            with suppress(PyinitError):
                yield fitted(recipe, axes, draft.shape, is_convolution=len(draft.shape) > 2)
    yield from_dict({"recipe": "normal", "std": 0.02})


def _constant(sight: _Sight) -> tuple[str, dict[str, Any]] | None:
    itemsize = ITEMSIZE[sight.draft.dtype]
    elements = sight.found.reshape(-1, itemsize)
    if len(elements) < 2 or (elements != elements[0]).any():
        return None
    dtype = sight.draft.dtype
    if dtype in FLOATS:
        value = float(as_float32(sight.found[:itemsize].copy(), dtype)[0])
        return ("constant", {"value": value}) if math.isfinite(value) else None
    if dtype.startswith(("int", "uint")):
        return "constant", {"value": int(sight.found[:itemsize].view(dtype)[0])}
    return None


def converted(data: Bytes, dtype: str, to: str) -> Bytes:
    """Return the bytes of floating numbers converted to another dtype, rounded to nearest even."""
    wide = data.view(np.float64) if dtype == "float64" else as_float32(data, dtype)
    with np.errstate(over="ignore"):
        if to == "bfloat16":
            bits = wide.astype(np.float32).view(np.uint32)
            return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).view(np.uint8)
        return wide.astype(to).view(np.uint8)


def _rounded(sight: _Sight) -> tuple[str, dict[str, Any]] | None:
    dtype = sight.draft.dtype
    if dtype not in FLOATS:
        return None
    found, made = sight.beginning
    for to in ("bfloat16", "float16", "float32"):
        if ITEMSIZE[to] <= ITEMSIZE[dtype] and to != dtype:
            back = converted(converted(made, dtype, to), to, dtype)
            if np.array_equal(back, found):
                return "rounded", {"to": to}
    return None


def _near(sight: _Sight) -> tuple[str, dict[str, Any]] | None:
    """Compare values found with those written as vectors: a multiple of them, or near them."""
    dtype = sight.draft.dtype
    if dtype not in FLOATS:
        return None
    found, made = (as_float32(part, dtype).astype(np.float64) for part in sight.beginning)
    if not (np.isfinite(found).all() and np.isfinite(made).all()):
        return None
    square, is_varied = float(made @ made), made.std() > 0
    if not square or not is_varied:
        return None
    factor = float(found @ made) / square
    unit = 2.0 ** {"bfloat16": -8, "float16": -10}.get(dtype, -20)
    is_multiple = np.linalg.norm(found - factor * made) <= 4 * unit * np.linalg.norm(found)
    if factor and is_multiple and abs(factor - 1) > 8 * unit:
        return "scaled", {"factor": factor}
    distance = float(np.linalg.norm(found - made)) / math.sqrt(square)
    return ("changed", {"distance": distance}) if distance < 0.5 else None
