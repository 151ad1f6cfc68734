"""pi.linalg.matmul: NumPy's shapes and views, where the product goes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit import reference
from pyinit.linalg import matmul

from ..arrays import assert_same_bits, of_many_sizes

DTYPES = ["float32", "float64"]
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


@st.composite
def views(draw: st.DrawFn, shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Return an array of a shape, as one of many views of some memory."""
    steps = [draw(st.sampled_from([1, 1, 2, 3, -1, -2])) for _ in shape]
    offsets = [draw(st.integers(0, 2)) for _ in shape]
    order = draw(st.permutations(range(len(shape))))
    sizes = [offset + n * abs(step) for offset, n, step in zip(offsets, shape, steps, strict=True)]
    whole = of_many_sizes(tuple(sizes[axis] for axis in order), dtype, seed)
    whole = whole.transpose(np.argsort(order))
    chosen = [
        slice(offset, None, abs(step))
        if step > 0
        else slice(offset + n * -step - 1, offset - 1 if offset else None, step)
        for offset, n, step in zip(offsets, shape, steps, strict=True)
    ]
    view = whole[tuple(chosen)]
    assert view.shape == shape
    return view


@given(data=st.data(), dtype=st.sampled_from(DTYPES))
def test_any_shape_and_strides(data: st.DataObject, dtype: str) -> None:
    sizes = st.integers(0, 40)
    stack = data.draw(st.lists(st.integers(0, 3), max_size=2).map(tuple))
    rows, depth, columns = (data.draw(sizes) for _ in range(3))

    def leading() -> tuple[int, ...]:
        kept = stack[data.draw(st.integers(0, len(stack))) :]
        return tuple(1 if data.draw(st.booleans()) else n for n in kept)

    a = data.draw(views((*leading(), rows, depth), dtype, 0))
    b = data.draw(views((*leading(), depth, columns), dtype, 1))
    if a.ndim == 2 and data.draw(st.booleans()):
        a = a[0] if rows else np.zeros(depth, dtype)
    if b.ndim == 2 and data.draw(st.booleans()):
        b = b[:, 0] if columns else np.zeros(depth, dtype)
    made = matmul(a, b, threads=data.draw(st.integers(1, 3)))
    expected = np.matmul(a, b)
    assert made.shape == expected.shape
    assert type(made) is type(expected)
    # the bits are those of compact copies
    assert_same_bits(made, matmul(a.copy(order="C"), b.copy(order="C")))
    bound = 80 * UNIT[dtype] * np.matmul(np.abs(a), np.abs(b))
    assert (np.abs(made - expected) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_that_numpy_makes(dtype: str) -> None:
    a, b = of_many_sizes((30, 40), dtype), of_many_sizes((30, 40), dtype, 1)
    expected = matmul(a, b.T.copy())
    assert_same_bits(matmul(a, b.T), expected)
    assert_same_bits(matmul(np.asfortranarray(a), b.T), expected)
    # stride 0
    repeated = np.broadcast_to(a[:1], a.shape)
    assert_same_bits(matmul(repeated, b.T), matmul(repeated.copy(), b.T))
    # strides of parts of an element, and an address between elements: copied
    records = np.zeros((30, 40), np.dtype([("tag", np.uint8), ("value", dtype)]))
    records["value"] = a
    assert_same_bits(matmul(records["value"], b.T), expected)
    # read-only, another class, metadata, big strides of one row
    frozen = a.copy()
    frozen.flags.writeable = False
    assert_same_bits(matmul(frozen, b.T), expected)
    assert_same_bits(matmul(a.astype(np.dtype(dtype, metadata={"unit": "m"})), b.T), expected)
    assert_same_bits(matmul(a[:1], b.T), expected[:1])
    assert_same_bits(
        matmul(a.tolist(), b.T.astype(np.float64)), matmul(a.astype(np.float64), b.T.astype(np.float64))
    )


def test_stacks_are_products_one_by_one() -> None:
    a, b = of_many_sizes((3, 1, 5, 6), "float32"), of_many_sizes((4, 6, 7), "float32", 1)
    c = matmul(a, b)
    assert c.shape == (3, 4, 5, 7)
    for i in range(3):
        for j in range(4):
            assert_same_bits(c[i, j], reference.matmul(a[i, 0], b[j]))
    # a stack of rows by one matrix is one tall product, and has the same bits
    tall = of_many_sizes((4, 9, 6), "float32")
    assert_same_bits(matmul(tall, b[0]), np.stack([matmul(each, b[0]) for each in tall]))


@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((2, 3), (3, 0)),
        ((0,), (0,)),
        ((0,), (0, 5)),
        ((0, 2, 3), (3, 4)),
        ((2, 3, 0), (0, 4)),
        ((0, 1, 2, 3), (5, 3, 4)),
    ],
)
def test_zero_sizes(a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> None:
    a, b = np.ones(a_shape, np.float32), np.ones(b_shape, np.float32)
    expected = np.matmul(a, b)
    assert matmul(a, b).shape == expected.shape
    out = np.full(expected.shape, 7, np.float32)
    assert matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_out_is_filled_and_returned() -> None:
    a, b = of_many_sizes((3, 4, 5), "float32"), of_many_sizes((5, 6), "float32", 1)
    around = np.full(3 * 4 * 6 + 32, 3, np.float32)
    out = around[16:-16].reshape(3, 4, 6)
    assert matmul(a, b, out=out) is out
    assert_same_bits(out, matmul(a, b))
    assert (around[:16] == 3).all()
    assert (around[-16:] == 3).all()
    number = np.zeros((), np.float64)
    assert matmul(np.ones(3), np.ones(3), out=number) is number
    assert number == 3
    vector = np.zeros(6, np.float32)
    assert_same_bits(matmul(a[0, 0], b, out=vector), matmul(a, b)[0, 0])
    # an operand twice is no overlap, and neither are two halves of one array
    both = of_many_sizes((2, 7, 7), "float32")
    assert_same_bits(matmul(both[0], both[0], out=both[1]), matmul(both[0].copy(), both[0].copy()))
    # columns between those of out: bounds overlap, no element does
    memory = np.zeros(20, np.float32)
    apart = np.lib.stride_tricks.as_strided(memory[4:], (2, 2), (40, 8))
    assert matmul(apart, np.ones((2, 1), np.float32), out=memory[7:9].reshape(2, 1)).shape == (2, 1)


A, B = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)


def frozen() -> np.ndarray:
    out = np.zeros((2, 4), np.float32)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("error", "a", "b", "arguments", "message"),
    [
        (
            pi.ShapeError,
            A,
            A,
            {},
            r"as many columns of a as rows of b; got 3 and 2 in shapes \(2, 3\) and \(2, 3\)\. Tr",
        ),
        (pi.ShapeError, A, B[0], {}, r"got 3 and 4 in shapes \(2, 3\) and \(4,\)"),
        (
            pi.ShapeError,
            np.float32(2),
            B,
            {},
            r"at least 1-D factors; got a of shape \(\)\. Use \* for a number",
        ),
        (pi.ShapeError, A, np.float32(2), {}, r"got b of shape \(\)"),
        (
            pi.ShapeError,
            np.ones((2, 5, 3), np.float32),
            np.ones((3, 3, 4), np.float32),
            {},
            r"leading axes that broadcast; got \(2,\) and \(3,\) in shapes .* Make them equal, or 1\.",
        ),
        (
            pi.DTypeError,
            A,
            B.astype(float),
            {},
            r"both factors in one dtype; got float32 and float64\. Convert one",
        ),
        (pi.DTypeError, A.astype(np.float16), B, {}, r"got a of float16\. Convert it with \.astype"),
        (pi.DTypeError, A, B.astype(int), {}, r"got b of int64\. Convert it with \.astype"),
        (pi.DTypeError, A.astype(complex), B, {}, r"got a of complex128\."),
        (pi.DTypeError, A.astype(">f4"), B, {}, r"native byte order; got a of >f4\."),
        (pi.DTypeError, A, "b", {}, r"got b of <U1\."),
        (
            pi.DTypeError,
            A,
            [[1.0], [1.0, 2.0], [1.0]],
            {},
            r"got b, which NumPy cannot read: setting an array element",
        ),
        (
            pi.LayoutError,
            A,
            B,
            {"out": [[0.0]]},
            r"an ndarray as out; got list\. Use numpy\.empty\(\(2, 4\), 'float32'\)",
        ),
        (pi.DTypeError, A, B, {"out": np.zeros((2, 4))}, r"out in the factors' dtype float32; got float64\."),
        (
            pi.ShapeError,
            A,
            B,
            {"out": np.zeros((4, 2), np.float32)},
            r"out of shape \(2, 4\); got \(4, 2\)\.",
        ),
        (
            pi.ShapeError,
            A,
            B,
            {"out": np.zeros((1, 2, 4), np.float32)},
            r"out of shape \(2, 4\); got \(1, 2, 4\)",
        ),
        (pi.LayoutError, A, B, {"out": frozen()}, r"a writable out; got a read-only array\. Copy it\."),
        (
            pi.LayoutError,
            A,
            B,
            {"out": np.zeros((4, 2), np.float32).T},
            r"C-contiguous out; got strides \(4, 8\) for shape \(2, 4\)\. Leave it out",
        ),
        (
            pi.LayoutError,
            A,
            B,
            {"out": np.zeros(33, np.uint8)[1:].view(np.float32).reshape(2, 4)},
            r"an aligned, C-contiguous out",
        ),
        (pi.ArgumentError, A, B, {"threads": 0}, r"threads must be a positive integer; got 0"),
        (pi.ArgumentError, A, B, {"threads": 1.5}, r"threads must be a positive integer; got 1\.5"),
    ],
)
def test_refusals(error: type[Exception], a, b, arguments: dict, message: str) -> None:
    before = None if "out" not in arguments else np.array(arguments["out"])
    with pytest.raises(error, match=message) as raised:
        matmul(a, b, **arguments)
    assert "\n" not in str(raised.value)
    if before is not None:
        np.testing.assert_array_equal(arguments["out"], before)


def test_overlap_is_refused() -> None:
    square = of_many_sizes((6, 6), "float32")
    kept = square.copy()
    for a, b, name in (
        (square, np.eye(6, dtype=np.float32), "a"),
        (np.eye(6, dtype=np.float32), square.T, "b"),
        (np.eye(6, dtype=np.float32), square[::-1], "b"),
    ):
        with pytest.raises(pi.LayoutError, match=f"shares memory with {name}. Leave it out, or copy {name}"):
            matmul(a, b, out=square)
    np.testing.assert_array_equal(square, kept)
    with pytest.raises(pi.LayoutError, match="shares memory with a"):
        matmul(square[:3, :3], square[3:, 3:], out=square.reshape(-1)[2:11].reshape(3, 3))
