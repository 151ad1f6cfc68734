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
    """Write out = phi(x), element by element; out may be x."""

def available_isas() -> list[str]:
    """Instruction sets this machine runs, widest first."""

def begin_construction(
    draws: typing.Any, places: tuple[typing.Any, ...], questions: tuple[typing.Any, ...]
) -> bool:
    """Let a constructor draw for a block, if nothing in the way has changed: whether it may."""

def block(seed: int, offset: int, n: int) -> tuple[int, int, int, int]:
    """The four words of block n of a key."""

def count_draw(draws: typing.Any) -> None:
    """Count a draw that was made elsewhere."""

def dlpack_view(exporter: typing.Any) -> tuple[typing.Any, ...]:
    """The exporter's memory, its dtype's name, if it tells what may be written, if it is a copy."""

def draw_constructed(
    torch: tuple[typing.Any, ...],
    kept: dict[str, typing.Any],
    call: typing.Any,
    args: tuple[typing.Any, ...],
    kwargs: dict[str, typing.Any],
) -> bool:
    """Draw into a weight that is being constructed: whether it was done."""

def draw_small(
    torch: tuple[typing.Any, ...],
    kept: dict[str, typing.Any],
    call: typing.Any,
    args: tuple[typing.Any, ...],
    kwargs: dict[str, typing.Any],
    key: typing.Any,
) -> typing.Any:
    """Draw into a small plain tensor: True; False for any other one; for a new call, its place in kept."""

def draws(seed: int, offset: int) -> typing.Any:
    """The account of a block's draws, under a key."""

def draws_made(draws: typing.Any) -> int:
    """How many draws a block has made."""

def end_construction() -> None:
    """Let no constructor of this thread draw."""

def environment_threads() -> int:
    """PYINIT_NUM_THREADS as a number, 0 where it is not set."""

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
def fill_disk(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    seed: int,
    offset: int,
    global_shape: collections.abc.Sequence[int],
    start: collections.abc.Sequence[int],
    scale: float,
    floor: float,
    normal: bool,
    threads: int,
) -> None: ...
def fill_kernels() -> typing.Any:
    """The active table of fills, for another module of this build, which then needs no kernels of its own."""

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
def fill_transformed(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    seed: int,
    offset: int,
    global_shape: collections.abc.Sequence[int],
    start: collections.abc.Sequence[int],
    function: str,
    numbers: collections.abc.Sequence[float],
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
def folded(seed: int, offset: int, n: int) -> tuple[int, int]:
    """The seed and the offset of a key's n-th part."""

def info() -> dict[str, typing.Any]:
    """The active instruction set and the default number of threads."""

def is_constructing() -> bool:
    """Whether a constructor of this thread may draw."""

def is_undisturbed(places: tuple[typing.Any, ...], questions: tuple[typing.Any, ...]) -> bool:
    """Whether each attribute of places, as owner, name, value, is what it was, and each answer is false."""

def layer_backward(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | tuple[str, int, int, tuple[typing.Any, ...]],
    activation: str,
    parameter: float,
    z: numpy.typing.NDArray[numpy.float32],
    dy: numpy.typing.NDArray[numpy.float32],
    dz: numpy.typing.NDArray[numpy.float32],
    dx: numpy.typing.NDArray[numpy.float32] | None,
    dw: numpy.typing.NDArray[numpy.float32] | None,
    db: numpy.typing.NDArray[numpy.float32] | None,
    ask_dz: tuple[str, float, float, int, float, float] | None,
    ask_dw: tuple[str, float, float, int, float, float] | None,
    threads: int,
) -> tuple[typing.Any, ...]:
    """The gradients of a layer; the statistics of dz and dW that were asked for."""

def layer_forward(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | tuple[str, int, int, tuple[typing.Any, ...]],
    bias: numpy.typing.NDArray[numpy.float32] | None,
    activation: str,
    parameter: float,
    z: numpy.typing.NDArray[numpy.float32] | None,
    y: numpy.typing.NDArray[numpy.float32],
    ask_z: tuple[str, float, float, int, float, float] | None,
    ask_y: tuple[str, float, float, int, float, float] | None,
    ask_weight: tuple[str, float, float, int, float, float] | None,
    threads: int,
) -> tuple[typing.Any, ...]:
    """Write y = phi(x W + b); return the statistics of z, y and W that were asked for."""

def matmul(
    a: numpy.typing.NDArray[typing.Any],
    b: numpy.typing.NDArray[typing.Any],
    out: numpy.typing.NDArray[typing.Any],
    threads: int,
) -> None:
    """The product out = a b, in the fixed order."""

def moments(
    x: numpy.typing.NDArray[numpy.float32], asked: tuple[str, float, float, int, float, float], threads: int
) -> dict[str, typing.Any]:
    """The statistics of a matrix."""

def multiply_in_turn(count: int) -> int:
    """Make `count` products of 64 bits, each of the last one; the time tells the clock rate."""

def orthogonal(
    out: numpy.typing.NDArray[typing.Any],
    dtype: str,
    keys: collections.abc.Sequence[collections.abc.Sequence[int]],
    starts: collections.abc.Sequence[int],
    length: int,
    count: int,
    rows: collections.abc.Sequence[numpy.typing.ArrayLike],
    columns: collections.abc.Sequence[numpy.typing.ArrayLike],
    gain: float,
    threads: int,
) -> None:
    """Parts of matrices with orthonormal columns; rows and columns are (index, offset) in elements."""

def philox4x32(
    counter: collections.abc.Sequence[int], key: collections.abc.Sequence[int]
) -> tuple[int, int, int, int]:
    """The four words of one Philox4x32-10 block."""

def ready_constant(elements: int, dtype: str, element: bytes) -> typing.Any: ...
def ready_normal(elements: int, dtype: str, mean: float, std: float) -> typing.Any: ...
def ready_truncated(
    elements: int,
    dtype: str,
    mean: float,
    std: float,
    lowest: float,
    highest: float,
    numbers: tuple[int, int, int, float, float, float, float, float, float],
) -> typing.Any: ...
def ready_uniform(
    elements: int, dtype: str, low: float, high: float, lowest: float, highest: float
) -> typing.Any: ...
def slope(
    name: str,
    parameter: float,
    x: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
) -> None:
    """Write out = phi'(x), element by element; out may be x."""

def use_isa(name: str) -> str:
    """Make an instruction set active; return the previous name. Not while another thread fills."""

def write_constructed(
    torch: tuple[typing.Any, ...],
    kept: dict[str, typing.Any],
    call: typing.Any,
    args: tuple[typing.Any, ...],
    kwargs: dict[str, typing.Any],
) -> bool:
    """Write a constant into a weight that is being constructed: whether it was done."""

def write_roofline(out: numpy.typing.NDArray[typing.Any], threads: int) -> None:
    """Write bytes past the cache: what memory alone allows, for benchmarks."""
