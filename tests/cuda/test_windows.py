"""Any window, shape, place in memory and number of blocks: a device writes what the CPU writes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit import _core
from pyinit.cuda import kernels as table
from pyinit.cuda.device import blocks_for
from pyinit.cuda.runs import runs_of
from tests.cuda.emulation import STORED, EmulatedDevice, filled, same_bits

DTYPES = ["float32", "float64", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"]


def on_cpu(
    recipe: Any, shape: tuple[int, ...], key: pi.Key, dtype: str, window: pi.Window | None
) -> np.ndarray:
    return recipe(shape, key=key, dtype="uint16" if dtype == "bfloat16" else dtype, window=window)


def agree(
    device: EmulatedDevice,
    recipe: Any,
    shape: tuple[int, ...],
    key: pi.Key,
    dtype: str,
    window: pi.Window | None = None,
    offset: int = 0,
) -> bool:
    made = filled(device, recipe, shape, key=key, dtype=dtype, window=window, offset=offset)
    expected = on_cpu(recipe, shape, key, dtype, window)
    return same_bits(made, expected.view(STORED[dtype]))


DRAWS: list[Any] = [
    pi.normal(std=0.02),
    pi.normal(mean=1.0, std=0.02),
    pi.uniform(-0.3, 0.7),
    pi.truncated_normal(std=0.02),
    pi.truncated_normal(low=6.0, high=7.0),
    pi.inverse_softplus(0.001, 0.1),
    # its largest step is 1 and a last place
    pi.inverse_softplus(0.001, 1.0 + 2.0**-23),
    pi.log_of_uniform(1.0, 16.0, scale=-0.3),
    pi.sparse(0.5, std=0.1, exact=False),
    pi.sparse(0.9, std=1.0),
    pi.constant(0.3),
]


def random_window(random: random.Random) -> tuple[tuple[int, ...], pi.Window]:
    """Return the shape of a rectangle and its place in a tensor, often far behind element 2**32 or 2**40."""
    rank = random.randint(1, 4)
    shape = tuple(random.choice([1, 2, 3, 5, 17, random.randint(1, 40)]) for _ in range(rank))
    most = [2**20, 2**32, 2**40, 2**44][random.randrange(4)]
    whole, start = [], []
    left = most
    for n in shape:
        size = n + random.choice(
            [0, 0, 1, random.randint(0, 7), max(left // 8, 1), random.randint(0, max(left // 8, 1))]
        )
        left = max(left // size, 1)
        whole.append(size)
        start.append(random.choice([0, size - n, random.randint(0, size - n)]))
    return shape, pi.Window(tuple(start), tuple(whole))


@pytest.mark.parametrize("recipe", DRAWS, ids=str)
def test_random_windows(device: EmulatedDevice, recipe: Any) -> None:
    # 8 times 125
    rand = random.Random(str(recipe))
    far = 0
    for _ in range(125):
        shape, window = random_window(rand)
        if recipe.verb == "sparse" and (len(shape) != 2 or window.global_shape[0] >= 2**32):
            shape, window = (7, 5), pi.Window((3, 2**33), (11, 2**34))
        key = pi.Key(rand.getrandbits(64), rand.choice([0, 2**32 - 3, 2**64 - 9, rand.getrandbits(64)]))
        device.processors = rand.choice([1, 3])
        dtype = rand.choice(DTYPES)
        assert agree(device, recipe, shape, key, dtype, window, rand.randint(0, 9)), (
            shape,
            window,
            key,
            dtype,
        )
        far += window.offset >= 2**32
    assert far > 10
    assert all(launch.stream == device.stream for launch in device.launches)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (pi.identity(), (5, 7)),
        (pi.identity(gain=0.3), (7, 5)),
        (pi.dirac(layout="torch"), (4, 6, 3, 5)),
        (pi.dirac(layout="torch", groups=2), (6, 3, 4)),
        (pi.dirac(layout="keras"), (3, 3, 4, 8)),
        (pi.bilinear(layout="torch"), (2, 3, 4, 5)),
        (pi.bilinear(layout="torch"), (2, 2, 3, 3, 6)),
        (pi.sparse(0.4, std=1.0, layout="torch"), (20, 30)),
        (pi.sparse(0.4, std=1.0, layout="torch"), (8, 5, 3, 3)),
        (pi.sparse(0.4, std=1.0, batch_axis=0), (3, 10, 12)),
        (pi.sparse(0.4, std=1.0, exact=False, batch_axis=1, out_axis=2), (9, 4, 8)),
        (pi.orthogonal(), (130, 70)),
        (pi.orthogonal(gain=2.0), (70, 230)),
        (pi.orthogonal(layout="torch"), (16, 5, 3, 3)),
        (pi.orthogonal(layout="torch", groups=2), (16, 5, 3, 3)),
        (pi.orthogonal(batch_axis=0), (3, 20, 31)),
        (pi.orthogonal(layout="keras"), (3, 3, 7, 40)),
        (pi.delta_orthogonal(), (3, 2, 4, 6)),
        (pi.delta_orthogonal(layout="torch"), (6, 4, 3)),
    ],
    ids=str,
)
def test_matrices_and_patterns(
    device: EmulatedDevice, recipe: Any, shape: tuple[int, ...], dtype: str
) -> None:
    key = pi.Key(5, 2**32 - 10)
    assert agree(device, recipe, shape, key, dtype)
    start = tuple(n // 3 for n in shape)
    extent = tuple(max(1, n // 2) for n in shape)
    assert agree(device, recipe, extent, key, dtype, pi.Window(start, shape))


@pytest.mark.parametrize("batch_axis", [(), (0,)], ids=["plain", "stacked"])
def test_a_draw_that_is_the_threshold_itself_stays(
    device: EmulatedDevice, batch_axis: tuple[int, ...]
) -> None:
    key = pi.Key(3, 4)
    mask = (key.fold_in(0) if batch_axis else key).fold_in(table.MASK)
    # the draw of the first element
    word = _core.block(mask.seed, mask.offset, 0)[0]
    shape = (2, 5, 8) if batch_axis else (5, 8)
    for threshold, is_zero in ((word, False), (word + 1, True)):
        recipe = pi.sparse(threshold / 2**32, std=1.0, exact=False, batch_axis=batch_axis)
        assert agree(device, recipe, shape, key, "float32")
        assert (on_cpu(recipe, shape, key, "float32", None).flat[0] == 0) == is_zero


VALUES = tuple(0.5 * i for i in range(150))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (pi.along(VALUES), (150,)),
        (pi.along(VALUES), (3, 150)),
        (pi.along(VALUES, axis=0), (150, 7)),
        (pi.along(VALUES[:5], axis=1), (4, 5, 3)),
        (pi.blocks(["normal", "ones", pi.along(VALUES[:4], axis=0)], sizes=(3, 5, 4)), (12, 10)),
        (pi.blocks(["he_normal", "zeros", "orthogonal"], axis=-1), (7, 30)),
        (pi.blocks(["orthogonal", pi.sparse(0.5)], axis=0), (60, 13)),
        (pi.blocks([pi.blocks(["uniform", "normal"], axis=2), "normal"], axis=1), (3, 10, 8)),
    ],
    ids=str,
)
def test_parts_and_values_along_an_axis(
    device: EmulatedDevice, monkeypatch: pytest.MonkeyPatch, recipe: Any, shape: tuple[int, ...], dtype: str
) -> None:
    key = pi.Key(5, 2**32 - 10)
    for most in (11, table._BLOCK):
        monkeypatch.setattr(table, "_BLOCK", most)
        assert agree(device, recipe, shape, key, dtype)
        for start in (tuple(n // 3 for n in shape), tuple(n // 2 for n in shape)):
            extent = tuple(max(1, n // 2) for n in shape)
            assert agree(device, recipe, extent, key, dtype, pi.Window(start, shape))


def test_columns_beyond_a_panel(device: EmulatedDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyinit.cuda.orthogonal._PANEL_NUMBERS", 1)
    assert agree(device, pi.orthogonal(), (300, 200), pi.Key(1), "float32")
    begun = [launch for launch in device.launches if launch.kernel == "begin_32"]
    assert len(begun) == 4


def test_sums_over_more_rows_than_fit_at_once(device: EmulatedDevice) -> None:
    assert agree(device, pi.orthogonal(), (6500, 97), pi.Key(1), "float32")
    counts = [launch.kernel for launch in device.launches].count("add_groups_32")
    assert counts == 4


def test_more_axes_of_runs_than_a_launch_takes(device: EmulatedDevice) -> None:
    whole, shape = (3,) * 8, (2,) * 8
    window = pi.Window((1,) * 8, whole)
    assert agree(device, pi.normal(), shape, pi.Key(3), "float32", window)
    assert len(device.launches) == 2**3


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 5)])
def test_an_empty_window_launches_nothing(device: EmulatedDevice, shape: tuple[int, ...]) -> None:
    for recipe in (pi.normal(), pi.zeros()):
        assert agree(device, recipe, shape, pi.Key(0), "float32")
    assert device.launches == []


def test_a_scalar(device: EmulatedDevice) -> None:
    assert agree(device, pi.normal(), (), pi.Key(0), "float32")


def test_a_band_of_rows_is_one_run() -> None:
    ((runs, passed),) = runs_of((10, 4, 8), (2, 0, 0), (3, 4, 8))
    assert (runs.base, runs.length, runs.runs, passed) == (64, 96, 1, 0)


def test_the_grid_grows_with_the_work_and_ends() -> None:
    assert [blocks_for(units, 132) for units in (1, 256, 257, 2**40)] == [1, 1, 2, 32 * 132]


def test_more_axes_than_a_kernel_takes_are_refused(device: EmulatedDevice) -> None:
    many = tuple(range(8))
    recipe = pi.orthogonal(in_axis=many[1:], out_axis=0)
    with pytest.raises(pi.LayoutError, match=r"may be flattened from 6 axes; got 7\. Fill on the CPU"):
        filled(device, recipe, (2,) * 8, key=pi.Key(0))
    stack = pi.dirac(in_axis=1, out_axis=0, batch_axis=(2, 3, 4, 5, 6, 7))
    with pytest.raises(pi.LayoutError, match=r"dirac on a CUDA device takes at most 8 axes; got shape"):
        filled(device, stack, (2,) * 9, key=pi.Key(0))
    assert device.launches == []


def test_what_no_kernel_makes_is_refused_before_anything_is_written(device: EmulatedDevice) -> None:
    inner = pi.icnr(pi.normal(), 2, axis=0, shuffle="pixel_shuffle")
    for recipe, shape in (
        (pi.hippo(), (3, 3)),
        (inner, (4, 1, 3, 3)),
        (pi.blocks(["ones", inner]), (8, 1, 3, 3)),
    ):
        with pytest.raises(pi.LayoutError, match="no kernel of a CUDA device makes the distribution"):
            filled(device, recipe, shape, key=pi.key(0), dtype="float32")


COMPLEX = {
    "normal": pi.normal(std=0.3),
    "uniform": pi.uniform(-1, 2),
    "disk": pi.glorot_uniform(),
    "cut": pi.variance_scaling(2.0, distribution="truncated_normal"),
    "zeros": pi.zeros(),
}


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_numbers(device: EmulatedDevice, name: str, dtype: str) -> None:
    window = pi.Window((3, 5), (40, 33))
    made = filled(device, COMPLEX[name], (20, 21), key=pi.Key(5, 3), dtype=dtype, window=window)
    expected = COMPLEX[name]((20, 21), key=pi.Key(5, 3), dtype=dtype, window=window)
    assert same_bits(made, expected)


def test_complex_numbers_that_no_kernel_makes(device: EmulatedDevice) -> None:
    # the parts of -0 are not alike
    constants = (pi.constant(0.5), pi.constant(-0.0))
    for recipe in (pi.orthogonal(), *constants, pi.identity(), pi.blocks(["zeros", "zeros"])):
        with pytest.raises(pi.LayoutError, match=r"no kernel of a CUDA device makes .* complex64"):
            filled(device, recipe, (4, 4), key=pi.key(0), dtype="complex64")
