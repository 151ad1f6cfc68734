"""Identity, dirac and bilinear: torch's and Caffe's values, in any window and dtype."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (0, 3), (1, 1)])
def test_identity(shape: tuple[int, int], dtype: str) -> None:
    expected = 0.5 * np.eye(*shape)
    np.testing.assert_array_equal(pi.identity(0.5)(shape, key=0, dtype=dtype).astype(np.float64), expected)


def test_bits_of_bfloat16_without_ml_dtypes() -> None:
    bits = pi.identity(0.1)((2, 2), key=0, dtype="uint16")
    np.testing.assert_array_equal(bits.view(ml_dtypes.bfloat16), (0.1 * np.eye(2)).astype(ml_dtypes.bfloat16))


@pytest.mark.interop
@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 4, 3), 1), ((6, 3, 3, 3), 2), ((4, 6, 5, 4), 1), ((6, 2, 3, 3, 3), 3)]
)
def test_dirac_is_torch(shape: tuple[int, ...], groups: int) -> None:
    torch = pytest.importorskip("torch")
    expected = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
    np.testing.assert_array_equal(pi.dirac(groups, layout="torch")(shape, key=0), expected)
    # the same weight with its channels last
    moved = np.moveaxis(expected, (1, 0), (-2, -1))
    for recipe in (
        pi.dirac(groups),
        pi.dirac(groups, layout="keras"),
        pi.dirac(groups, in_axis=-2, out_axis=-1),
    ):
        np.testing.assert_array_equal(recipe(moved.shape, key=0), moved)


def test_dirac_hands_an_image_on() -> None:
    image = np.arange(30.0).reshape(6, 5)
    kernel = pi.dirac(layout="torch")((1, 1, 3, 3), key=0)[0, 0]
    padded = np.pad(image, 1)
    moved = sum(kernel[i, j] * padded[i : i + 6, j : j + 5] for i in range(3) for j in range(3))
    np.testing.assert_array_equal(moved, image)


@pytest.mark.parametrize("k", range(1, 9))
def test_bilinear_is_the_caffe_formula(k: int) -> None:
    f = math.ceil(k / 2)
    c = (2 * f - 1 - f % 2) / (2 * f)
    expected = [[(1 - abs(x / f - c)) * (1 - abs(y / f - c)) for x in range(k)] for y in range(k)]
    weight = pi.bilinear(layout="torch")((3, 2, k, k), key=0, dtype="float64")
    np.testing.assert_allclose(weight, np.broadcast_to(expected, (3, 2, k, k)), rtol=1e-15)


def test_empty_kernels() -> None:
    for recipe in (pi.bilinear(layout="torch"), pi.dirac(layout="torch")):
        for shape in ((2, 2, 0), (0, 2, 3), (2, 0, 3, 0)):
            assert recipe(shape, key=0).shape == shape


def test_bilinear_upsamples_a_ramp_to_a_ramp() -> None:
    kernel = pi.bilinear(layout="torch")((1, 1, 4), key=0)[0, 0]
    ramp = np.arange(8.0)
    up = np.zeros(2 * len(ramp) + 2)
    for i, value in enumerate(ramp):
        up[2 * i : 2 * i + 4] += value * kernel
    np.testing.assert_allclose(np.diff(up[3:-4]), 0.5)


@given(data=st.data())
@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (pi.identity(2.0), (7, 5)),
        (pi.dirac(2, layout="torch"), (6, 4, 3, 2)),
        (pi.dirac(), (3, 2, 4, 4)),
        (pi.bilinear(layout="torch"), (2, 3, 4, 5)),
        (pi.bilinear(), (4, 5, 2, 3)),
        (pi.pretrained(np.random.default_rng(0).standard_normal((6, 5, 4))), (5, 5, 3)),
    ],
    ids=repr,
)
def test_a_window_is_a_slice_of_the_whole(recipe: pi.Recipe, shape: tuple[int, ...], data) -> None:
    start = tuple(data.draw(st.integers(0, n)) for n in shape)
    extent = tuple(data.draw(st.integers(0, n - i)) for n, i in zip(shape, start, strict=True))
    part = recipe(extent, key=0, window=pi.Window(start, shape))
    whole = recipe(shape, key=0)
    np.testing.assert_array_equal(
        part, whole[tuple(slice(i, i + e) for i, e in zip(start, extent, strict=True))]
    )


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (
            pi.ShapeError,
            lambda: pi.identity().plan((2, 2, 2)),
            r"identity needs 2 dimensions; got shape \(2, 2, 2\)",
        ),
        (pi.RecipeError, lambda: pi.identity(1e5).plan((2, 2), "float16"), r"float16 holds .*; got 100000.0"),
        (pi.RecipeError, lambda: pi.identity(math.nan), r"identity's gain must be a finite number; got nan"),
        (
            pi.ShapeError,
            lambda: pi.dirac().plan((2, 2)),
            r"dirac needs at least 3 dimensions, .* Use identity",
        ),
        (pi.ShapeError, lambda: pi.bilinear().plan((2,)), r"bilinear needs at least 3 dimensions"),
        (
            pi.ShapeError,
            lambda: pi.dirac(3, layout="torch").plan((4, 2, 3)),
            r"groups=3 must divide the 4 output channels of shape \(4, 2, 3\)",
        ),
        (pi.LayoutError, lambda: pi.dirac(0), r"groups must be a positive integer; got 0"),
        (pi.LayoutError, lambda: pi.dirac(layout="x"), r"layout must be one of"),
        (
            pi.LayoutError,
            lambda: pi.bilinear(in_axis=(0, 1)).plan((2, 2, 3)),
            r"bilinear needs one input and one output axis; got \(0, 1\) and \(2,\)",
        ),
    ],
)
def test_refusals(error: type[Exception], make, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
