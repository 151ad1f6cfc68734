"""What the kernels of csrc/cuda take: one structure each, field by field as C++ declares it."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Structure, c_bool, c_double, c_float, c_int, c_uint32, c_uint64
from typing import Any, ClassVar

from ..stream.key import Key

__all__ = [
    "BLOCK_THREADS",
    "GRAM_ROWS",
    "LINE_AXES",
    "PATTERN_AXES",
    "REFLECTORS",
    "RUN_AXES",
    "SPAN_ROWS",
    "SQUARE_ROWS",
    "STRIP_ROWS",
    "VALUES",
    "AlongTask",
    "ChanceZerosTask",
    "ColumnZerosTask",
    "ConstantTask",
    "DiskNumbers",
    "DiskTask",
    "DrawTask",
    "FlattenedTask",
    "KeyWords",
    "LinesOnDevice",
    "LinesTask",
    "NormalTask",
    "PatternTask",
    "PlaceTask",
    "ReflectorTask",
    "Runs",
    "Task",
    "TransformedFloatTask",
    "TransformedFloats",
    "TransformedNumbers",
    "TransformedTask",
    "TruncatedFloatTask",
    "TruncatedFloats",
    "TruncatedNumbers",
    "TruncatedTask",
    "UniformTask",
]

BLOCK_THREADS = 256
"""Threads of a block."""

RUN_AXES, LINE_AXES, PATTERN_AXES = 4, 6, 8
"""The most axes that a window's runs, the lines of a matrix, and a pattern may have."""

STRIP_ROWS = 64
"""Rows that share the setting up of a column's permutation."""

VALUES = 64
"""Values along an axis that go with a launch."""

REFLECTORS, GRAM_ROWS, SQUARE_ROWS, SPAN_ROWS = 96, 48, 192, 192 * 32
"""The sizes of csrc/dense/frozen.hpp."""

Fields = Sequence[tuple[str, Any]]


class Task(Structure):
    """What a kernel takes."""


class KeyWords(Structure):
    """`rng::Key`."""

    _fields_: ClassVar[Fields] = [("seed", c_uint64), ("offset", c_uint64)]

    @classmethod
    def of(cls, key: Key) -> KeyWords:
        """Return a key's words."""
        return cls(key.seed, key.offset)


class Runs(Structure):
    """`cuda::Window`: runs of consecutive elements."""

    _fields_: ClassVar[Fields] = [
        ("base", c_uint64),
        ("length", c_uint64),
        ("runs", c_uint64),
        ("extent", c_uint64 * RUN_AXES),
        ("stride", c_uint64 * RUN_AXES),
    ]


class UniformNumbers(Structure):
    """`rng::UniformNumbers`."""

    _fields_: ClassVar[Fields] = [(name, c_double) for name in ("low", "high", "lowest", "highest")]


class NormalNumbers(Structure):
    """`rng::NormalNumbers`."""

    _fields_: ClassVar[Fields] = [("mean", c_double), ("std", c_double)]


class DiskNumbers(Structure):
    """`rng::DiskNumbers`."""

    _fields_: ClassVar[Fields] = [("scale", c_double), ("floor", c_double), ("normal", c_bool)]


class TruncatedNumbers(Structure):
    """`rng::TruncatedNumbers`."""

    _fields_: ClassVar[Fields] = [
        ("mean", c_double),
        ("std", c_double),
        ("lowest", c_double),
        ("highest", c_double),
        ("mirrored", c_bool),
        ("tail_exponent", c_int),
        ("pivot", c_uint64),
        *((f"tail_{name}", c_double) for name in ("step", "low", "high")),
        *((f"centre_{name}", c_double) for name in ("step", "low", "high")),
    ]


class TruncatedFloats(Structure):
    """`cuda::TruncatedFloats`."""

    _fields_: ClassVar[Fields] = [
        *((name, c_float) for name in ("mean", "std", "lowest", "highest")),
        *((f"tail_{name}", c_float) for name in ("step", "low", "high")),
        *((f"centre_{name}", c_float) for name in ("step", "low", "high")),
        ("tail_exponent", c_int),
        ("pivot", c_uint32),
        ("mirrored", c_uint32),
    ]


_TRANSFORMED = ("start", "start_rest", "width", "width_rest", "scale", "lowest", "highest")


class TransformedNumbers(Structure):
    """`rng::TransformedNumbers`."""

    _fields_: ClassVar[Fields] = [
        ("function", c_uint32),
        ("is_wide", c_bool),
        *((name, c_double) for name in _TRANSFORMED),
    ]


class TransformedFloats(Structure):
    """`cuda::TransformedFloats`."""

    _fields_: ClassVar[Fields] = [*((name, c_float) for name in _TRANSFORMED), ("is_wide", c_uint32)]


class DrawTask(Task):
    """`cuda::DrawTask`, without its numbers."""

    _fields_: ClassVar[Fields] = [("out", c_uint64), ("key", KeyWords), ("window", Runs)]


class UniformTask(DrawTask):
    """Uniform draws over a window."""

    _fields_: ClassVar[Fields] = [("numbers", UniformNumbers)]


class NormalTask(DrawTask):
    """Normal draws over a window."""

    _fields_: ClassVar[Fields] = [("numbers", NormalNumbers)]


class DiskTask(DrawTask):
    """Complex numbers on a disk over a window."""

    _fields_: ClassVar[Fields] = [("numbers", DiskNumbers)]


class TruncatedFloatTask(DrawTask):
    """Truncated normal draws in float32 over a window."""

    _fields_: ClassVar[Fields] = [("numbers", TruncatedFloats)]


class TruncatedTask(DrawTask):
    """Truncated normal draws in float64 over a window."""

    _fields_: ClassVar[Fields] = [("numbers", TruncatedNumbers)]


class TransformedFloatTask(DrawTask):
    """Functions of uniform draws in float32 over a window."""

    _fields_: ClassVar[Fields] = [("numbers", TransformedFloats)]


class TransformedTask(DrawTask):
    """Functions of uniform draws in float64 over a window."""

    _fields_: ClassVar[Fields] = [("numbers", TransformedNumbers)]


class ConstantTask(Task):
    """`cuda::ConstantTask`."""

    _fields_: ClassVar[Fields] = [
        ("out", c_uint64),
        ("bytes", c_uint64),
        ("pattern", c_uint64),
        ("element_bytes", c_uint64),
    ]


class ColumnZerosTask(Task):
    """`cuda::ColumnZerosTask`."""

    _fields_: ClassVar[Fields] = [
        ("out", c_uint64),
        ("mask", KeyWords),
        ("rows_in_all", c_uint32),
        ("zeros", c_uint32),
        *((name, c_uint64) for name in ("first_row", "first_column", "rows", "columns", "pitch")),
    ]


class ChanceZerosTask(Task):
    """`cuda::ChanceZerosTask`."""

    _fields_: ClassVar[Fields] = [
        ("out", c_uint64),
        ("mask", KeyWords),
        ("window", Runs),
        ("threshold", c_uint64),
    ]


class LinesOnDevice(Structure):
    """`cuda::Lines`."""

    _fields_: ClassVar[Fields] = [
        ("axes", c_uint64),
        *((name, c_uint64 * LINE_AXES) for name in ("extent", "start", "stride", "step")),
    ]


class FlattenedTask(Task):
    """`cuda::FlattenedTask`."""

    _fields_: ClassVar[Fields] = [
        ("out", c_uint64),
        ("key", KeyWords),
        *((name, LinesOnDevice) for name in ("rows", "columns", "members")),
        *((name, c_uint64) for name in ("rows_in_all", "columns_in_all", "mask_number", "zeros")),
        ("is_stacked", c_uint32),
        ("is_exact", c_uint32),
        ("numbers", NormalNumbers),
    ]


class PatternTask(Task):
    """`cuda::PatternTask`."""

    _fields_: ClassVar[Fields] = [
        ("out", c_uint64),
        ("size", c_uint64),
        ("element", c_uint64),
        ("axes", c_uint64),
        *((name, c_uint64 * PATTERN_AXES) for name in ("extent", "start", "has_centre", "centre")),
        *((name, c_uint64) for name in ("inner", "outer", "modulus")),
        *((name, c_double * PATTERN_AXES) for name in ("scale", "shift")),
    ]


class AlongTask(Task):
    """`cuda::AlongTask`."""

    _fields_: ClassVar[Fields] = [
        *((name, c_uint64) for name in ("out", "outer", "extent", "inner", "first", "count")),
        ("values", c_uint64 * VALUES),
    ]


class PlaceTask(Task):
    """`cuda::PlaceTask`."""

    _fields_: ClassVar[Fields] = [
        (name, c_uint64) for name in ("out", "start", "first", "count", "length", "pitch")
    ]


class LinesTask(Task):
    """`cuda::LinesTask`."""

    _fields_: ClassVar[Fields] = [("lines", LinesOnDevice), ("index", c_uint64), ("offset", c_uint64)]


class ReflectorTask(Task):
    """`cuda::ReflectorTask`."""

    _fields_: ClassVar[Fields] = [
        *((name, c_uint64) for name in ("v", "drawn", "tau", "signs", "squares", "parts", "gram", "spans")),
        *((name, c_uint64) for name in ("panel", "y", "column_index", "column_offset")),
        *((name, c_uint64) for name in ("row_index", "row_offset", "out", "rows", "width")),
        *((name, c_uint64) for name in ("first_group", "groups", "span", "span_count", "length", "columns")),
        *((name, c_uint64) for name in ("first_row", "from_column", "picked_rows", "is_first", "by_columns")),
        ("gain", c_double),
    ]
