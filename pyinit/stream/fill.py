"""Plans become bytes: borrow the caller's memory, check everything, hand both to the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from . import _core, patterns, source
from .dtypes import encode, resolve
from .errors import ArgumentError, DTypeError, LayoutError, RecipeError
from .flattening import Flattening, Lines
from .plan import Plan
from .stream import Key, as_key
from .window import Shape, Window, check_window

__all__ = ["Plannable", "check_threads", "execute", "fill", "planned"]

Array = npt.NDArray[Any]
Buffer = TypeVar("Buffer")


class Plannable(Protocol):
    """What `fill` needs of a recipe."""

    def plan_for(self, shape: Shape, dtype: str) -> Plan:
        """Return the plan of a checked shape and a format's name."""


def fill(
    out: Buffer,
    recipe: Plannable,
    *,
    key: int | Key,
    window: Window | None = None,
    threads: int | None = None,
) -> Buffer:
    """Fill a buffer in place, as `pyinit.fill` says, with what plans itself."""
    array, dtype = _borrow(out)
    plan, start = planned(recipe, array.shape, dtype, window)
    execute(plan, array, as_key(key), start, threads)
    return out


def planned(recipe: Plannable, extent: Shape, dtype: str, window: Window | None) -> tuple[Plan, Shape | None]:
    """Return the plan of the whole tensor, and where in it memory of shape `extent` starts."""
    try:
        plan_for = recipe.plan_for
    except AttributeError:
        raise RecipeError(
            f"fill needs a recipe; got {recipe!r}. Use pyinit.normal(), pyinit.he_normal() or another recipe."
        ) from None
    if window is None:
        return plan_for(extent, dtype), None
    check_window(window, extent)
    return plan_for(window.global_shape, dtype), window.start


def execute(plan: Plan, array: Array, key: Key, start: Shape | None, threads: int | None) -> None:
    """Run a plan's kernel on memory that was borrowed and a window that was checked."""
    count = check_threads(threads)
    if start is None:
        start = (0,) * array.ndim
    _KERNELS[plan.distribution](array, plan, key, start, count or 0)


# kMostThreads of csrc/parallel.hpp
_MOST_THREADS = 4096


def check_threads(threads: Any) -> int | None:
    """Return the most threads to use as an int, or None as it is."""
    if threads is None:
        return None
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or threads < 1:
        raise ArgumentError(
            f"threads must be a positive integer; got {threads!r}. Leave it out for all CPUs."
        )
    return min(int(threads), _MOST_THREADS)


_NAMES: dict[np.dtype[Any], str] = {np.dtype(name): name for name in ("float32", "float64", "float16")}
_NAMES[np.dtype(np.uint16)] = "bfloat16"


def _borrow(out: Any) -> tuple[Array, str]:
    """Return the memory of `out` as an array, and the name of its format."""
    if isinstance(out, np.ndarray):
        array = out
    elif hasattr(out, "__dlpack__"):
        return _borrow_dlpack(out)
    else:
        array = _borrow_bytes(out)
    if not array.flags.carray:
        raise LayoutError(_why_not(array))
    name = _NAMES.get(array.dtype)
    return array, name if name is not None else _name(array)


def _name(array: Array) -> str:
    if array.dtype.kind in "biuSVOU" and array.dtype.name != "bfloat16":
        raise DTypeError(
            f"fill needs an array of float32, float64, bfloat16 or float16; got {array.dtype}. "
            "Use .view(numpy.float32) on raw bytes, or make the array with another dtype."
        )
    return resolve(array.dtype).name


def _borrow_dlpack(out: Any) -> tuple[Array, str]:
    library = type(out).__module__.partition(".")[0]
    if library in _IMMUTABLE:
        raise LayoutError(
            f"fill needs memory that may change; a {library} array is immutable. "
            "Call the recipe and convert what it returns."
        )
    try:
        device = tuple(int(part) for part in out.__dlpack_device__())
    except ValueError as error:
        # torch's meta tensors have no memory at all
        raise LayoutError(
            f"fill needs memory of the CPU; got a buffer that says: {error}. Make it on the CPU first."
        ) from None
    if device[0] != source.DLPACK_CPU:
        raise LayoutError(
            f"fill needs memory of the CPU; got a buffer on DLPack device {device}. "
            "Fill a CPU buffer and copy it over."
        )
    if getattr(out, "requires_grad", False):
        _check_lasting(out)
        # a parameter exports its memory only outside autograd
        out = out.detach()
    try:
        array, name, tells, copied = source.dlpack_view(out)
    except BufferError as error:
        raise LayoutError(
            f"fill needs plain strided memory; got a buffer that says: {error}. Copy it."
        ) from None
    except ValueError:
        held = getattr(out, "dtype", "another dtype")
        raise DTypeError(
            f"fill needs a tensor of float32, float64, bfloat16 or float16; got {held}. Use another dtype."
        ) from None
    if copied:
        raise LayoutError(
            f"fill needs the memory itself; a {library} object gives a copy of its own. "
            "Call the recipe and convert what it returns."
        )
    if not (tells or any(base.__module__.partition(".")[0] in _MUTABLE for base in type(out).__mro__)):
        raise LayoutError(
            f"fill needs memory that may change; a {library} object exports it by DLPack 0.x, which does not "
            "say so. Call the recipe and convert what it returns."
        )
    if not array.flags.carray:
        raise LayoutError(_why_not(array))
    return array, resolve(name).name


# These never let an array change, whatever their export says.
_IMMUTABLE = frozenset({"jax", "jaxlib", "tensorflow"})
# DLPack 0.x cannot say that memory is read-only. Whose exports may be written all the same: theirs and their
# subclasses'.
_MUTABLE = frozenset({"cupy", "numpy", "torch"})


def _check_lasting(out: Any) -> None:
    """Refuse a torch tensor that autograd knows to be computed, and no view of one that lasts."""
    base = getattr(out, "_base", None)
    if getattr(out, "grad_fn", None) is not None and (base is None or base.grad_fn is not None):
        raise LayoutError(
            "fill needs memory that keeps what is written; got a tensor that is computed from others. "
            "Assign instead, as in layer.weight = filled for a parametrized weight, or fill what it is "
            "computed from."
        )


def _borrow_bytes(out: Any) -> Array:
    try:
        view = memoryview(out)
    except TypeError:
        raise LayoutError(
            f"fill needs a writable buffer: an array, a CPU tensor, a bytearray or a memoryview; got "
            f"{type(out).__name__}. Use numpy.empty(shape, dtype) for new memory."
        ) from None
    if view.format not in ("B", "b", "c") or not view.c_contiguous:
        return np.asarray(view)
    if view.nbytes % 4:
        raise LayoutError(
            f"raw bytes hold float32, so their length must be a multiple of 4; got {view.nbytes}. "
            "Use a NumPy view for another dtype."
        )
    return np.frombuffer(view, np.float32)


def _why_not(array: Array) -> str:
    if not array.flags.writeable:
        return "fill needs writable memory; got a read-only buffer. Copy it, or open the file with mode 'r+'."
    if not array.flags.c_contiguous:
        return (
            f"fill needs C-contiguous memory; got strides {array.strides} for shape {array.shape}. "
            "Fill a contiguous array and copy it, or give its rows one by one with a window."
        )
    return (
        f"fill needs memory aligned to {array.dtype.alignment} bytes; got address {array.ctypes.data:#x}. "
        "Begin the buffer at a multiple of the item size."
    )


def _constant(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    dtype = resolve(plan.dtype)
    element = encode(np.array(plan.numbers, dtype.compute), dtype)
    _core.fill_constant(out, element.tobytes(), threads)


def _uniform(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    low, high, lowest, highest = plan.numbers
    where = (plan.shape, start)
    _core.fill_uniform(out, plan.dtype, key.seed, key.offset, *where, low, high, lowest, highest, threads)


def _normal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    mean, std = plan.numbers
    where = (plan.shape, start)
    _core.fill_normal(out, plan.dtype, key.seed, key.offset, *where, mean, std, threads)


def _truncated_normal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    mean, std, lowest, highest, numbers = plan.numbers
    where = (plan.shape, start)
    _core.fill_truncated(
        out, plan.dtype, key.seed, key.offset, *where, mean, std, lowest, highest, numbers, threads
    )


MASK = "sparse.mask"
"""The part of a sparse tensor's key that decides which elements are zero."""


def _sparse(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    kernel = _core.fill_sparse if plan.distribution == "sparse" else _core.fill_bernoulli_sparse
    mask, (mean, std, zeros) = key.fold_in(MASK), plan.numbers
    where = (plan.shape, start, mean, std, mask.seed, mask.offset, zeros, threads)
    kernel(out, plan.dtype, key.seed, key.offset, *where)


# elements of a flattened sparse tensor that are drawn at once, beside the tensor itself
_SPARSE_BLOCK = 1 << 18


def _flattened_sparse(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    mean, std, zeros, exact, columns, stack = plan.numbers
    kernel = _core.fill_sparse if exact else _core.fill_bernoulli_sparse
    flattening = Flattening(_rest(out.ndim, columns, stack), columns, stack)
    rows, outputs, members = flattening.lines(plan.shape, start, out.shape)
    size, flat = flattening.size(plan.shape), out.reshape(-1)
    for number, base in zip(*members.lists(), strict=True):
        own = key.fold_in(number) if stack else key
        mask = own.fold_in(MASK)
        for first, row_offsets in _runs(rows, max(_SPARSE_BLOCK // max(outputs.index.size, 1), 1)):
            for column, column_offsets in _runs(outputs, _SPARSE_BLOCK):
                block = np.empty((row_offsets.size, column_offsets.size), out.dtype)
                where = (size, (first, column), mean, std, mask.seed, mask.offset, zeros, threads)
                kernel(block, plan.dtype, own.seed, own.offset, *where)
                flat[row_offsets[:, None] + column_offsets + np.uint64(base)] = block


def _rest(rank: int, *taken: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes that are in none of the groups."""
    return tuple(axis for axis in range(rank) if not any(axis in group for group in taken))


def _runs(lines: Lines, most: int) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
    """Yield the first index and all offsets of each run of at most `most` neighbouring lines."""
    ends = np.flatnonzero(np.diff(lines.index) != 1) + 1
    for begin, end in pairwise([0, *ends.tolist(), lines.index.size]):
        for at in range(begin, end, most):
            yield int(lines.index[at]), lines.offset[at : min(at + most, end)]


def _orthogonal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    gain, out_axis, stack = plan.numbers
    if out.size == 0:
        return
    others = tuple(axis for axis in range(out.ndim) if axis != out_axis and axis not in stack)
    flattening = Flattening(others, (out_axis,), stack)
    numbers, starts = flattening.lines(plan.shape, start, out.shape)[2].lists()
    keys = [key.fold_in(number) for number in numbers] if stack else [key]
    _draw_orthogonal(out, plan, keys, starts, gain, flattening, start, threads)


def _grouped_orthogonal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    gain, columns, stack, split, groups = plan.numbers
    if out.size == 0:
        return
    flattening = Flattening(_rest(out.ndim, columns, stack), columns, stack)
    part = plan.shape[split] // groups
    size = _with(plan.shape, split, part)
    steps = tuple(step // out.itemsize for step in out.strides)
    # groups of which the window holds the same lines are drawn together: all but the first and the last
    alike: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for group in range(start[split] // part, -(-(start[split] + out.shape[split]) // part)):
        low = max(start[split], group * part)
        high = min(start[split] + out.shape[split], (group + 1) * part)
        inside = (low - group * part, high - low)
        alike.setdefault(inside, []).append((group, (low - start[split]) * steps[split]))
    for (first, count), held in alike.items():
        begin, extent = _with(start, split, first), _with(out.shape, split, count)
        rows, outputs, members = flattening.lines(size, begin, extent, steps)
        words, starts = [], []
        for number, offset in zip(*members.lists(), strict=True):
            for group, base in held:
                own = key if groups == 1 and not stack else key.fold_in(number * groups + group)
                words.append((own.seed, own.offset))
                starts.append(offset + base)
        _draw_lines(out, plan, words, starts, flattening.size(size), rows, outputs, gain, threads)


def _with(shape: Shape, axis: int, n: int) -> Shape:
    return (*shape[:axis], n, *shape[axis + 1 :])


def _delta_orthogonal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    gain, in_axis, out_axis = plan.numbers
    if out.size == 0:
        return
    _core.fill_constant(out, bytes(out.itemsize), threads)
    offset = 0
    for axis, step in enumerate(out.strides):
        if axis not in (in_axis, out_axis):
            centre = (plan.shape[axis] - 1) // 2 - start[axis]
            if not 0 <= centre < out.shape[axis]:
                return
            offset += centre * (step // out.itemsize)
    flattening = Flattening((in_axis,), (out_axis,))
    _draw_orthogonal(out, plan, [key], [offset], gain, flattening, start, threads)


def _draw_orthogonal(
    out: Array,
    plan: Plan,
    keys: list[Key],
    starts: list[int],
    gain: float,
    flattening: Flattening,
    start: Shape,
    threads: int,
) -> None:
    rows, columns, _ = flattening.lines(plan.shape, start, out.shape)
    words = [(key.seed, key.offset) for key in keys]
    _draw_lines(out, plan, words, starts, flattening.size(plan.shape), rows, columns, gain, threads)


def _draw_lines(
    out: Array,
    plan: Plan,
    words: list[tuple[int, int]],
    starts: list[int],
    size: tuple[int, int],
    rows: Lines,
    columns: Lines,
    gain: float,
    threads: int,
) -> None:
    length, count = size
    if length < count:
        length, count, rows, columns = count, length, columns, rows
    _core.orthogonal(
        out, plan.dtype, words, starts, length, count, rows.lists(), columns.lists(), gain, threads
    )


def _pattern(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    patterns.WRITERS[plan.distribution](out, resolve(plan.dtype), plan.shape, start, *plan.numbers)


def _pretrained(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    source.copy(out, resolve(plan.dtype), plan.source, start)


_KERNELS: dict[str, Callable[[Array, Plan, Key, Shape, int], None]] = {
    "constant": _constant,
    "uniform": _uniform,
    "normal": _normal,
    "truncated_normal": _truncated_normal,
    "sparse": _sparse,
    "bernoulli_sparse": _sparse,
    "flattened_sparse": _flattened_sparse,
    "orthogonal": _orthogonal,
    "grouped_orthogonal": _grouped_orthogonal,
    "delta_orthogonal": _delta_orthogonal,
    "identity": _pattern,
    "dirac": _pattern,
    "bilinear": _pattern,
    "pretrained": _pretrained,
}
