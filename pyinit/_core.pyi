"""The kernels of pyinit. Private: pyinit checks every argument before it calls here."""

import collections.abc
import typing

import numpy.typing

def activate(
    name: str,
    parameter: float,
    x: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
) -> None:
    """out = phi(x), element by element; out may be x."""

def available_isas() -> list[str]:
    """Instruction sets this machine runs, widest first."""

def block(seed: int, offset: int, n: int) -> tuple[int, int, int, int]:
    """The four words of block n of a key."""

def dlpack_view(exporter: typing.Any) -> tuple[typing.Any, ...]:
    """The exporter's memory as an array (bfloat16 as uint16), and the name of its dtype."""

def fill_bernoulli_sparse(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    seed: int,
    offset: int,
    global_shape: collections.abc.Sequence[int],
    start: collections.abc.Sequence[int],
    mean: float,
    std: float,
    mask_seed: int,
    mask_offset: int,
    sparsity: float,
    threads: int,
) -> None: ...
def fill_constant(out: numpy.typing.NDArray[typing.Any], element: bytes, threads: int) -> None: ...
def fill_normal(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    seed: int,
    offset: int,
    global_shape: collections.abc.Sequence[int],
    start: collections.abc.Sequence[int],
    mean: float,
    std: float,
    threads: int,
) -> None: ...
def fill_sparse(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    seed: int,
    offset: int,
    global_shape: collections.abc.Sequence[int],
    start: collections.abc.Sequence[int],
    mean: float,
    std: float,
    mask_seed: int,
    mask_offset: int,
    zeros: int,
    threads: int,
) -> None: ...
def fill_truncated(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    seed: int,
    offset: int,
    global_shape: collections.abc.Sequence[int],
    start: collections.abc.Sequence[int],
    mean: float,
    std: float,
    lowest: float,
    highest: float,
    numbers: tuple[int, int, int, float, float, float, float, float, float],
    threads: int,
) -> None: ...
def fill_uniform(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    seed: int,
    offset: int,
    global_shape: collections.abc.Sequence[int],
    start: collections.abc.Sequence[int],
    low: float,
    high: float,
    lowest: float,
    highest: float,
    threads: int,
) -> None: ...
def info() -> dict[str, typing.Any]:
    """The active instruction set and the default number of threads."""

def matmul(
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """out = a b, in the fixed order."""

def matmul(
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None: ...
def philox4x32(
    counter: collections.abc.Sequence[int], key: collections.abc.Sequence[int]
) -> tuple[int, int, int, int]:
    """The four words of one Philox4x32-10 block."""

def slope(
    name: str,
    parameter: float,
    x: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
) -> None:
    """out = phi'(x), element by element."""

def use_isa(name: str) -> str:
    """Make an instruction set active; return the previous name. Not while another thread fills."""

def write_roofline(out: numpy.typing.NDArray[typing.Any], threads: int) -> None:
    """Write bytes past the cache: what memory alone allows, for benchmarks."""
