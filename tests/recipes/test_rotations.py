"""SO(n) beside O(n), and delta-orthogonal kernels that keep the mean square."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import pyinit as pi


@pytest.mark.parametrize("n", [1, 2, 3, 8, 100])
def test_a_rotation_is_the_matrix_of_o_n_but_for_a_sign(n: int) -> None:
    signs = set()
    for seed in range(12):
        plain, made = (pi.haar(n, key=seed, dtype="float64", special=special) for special in (False, True))
        assert np.linalg.det(made) == pytest.approx(1.0, abs=1e-9)
        np.testing.assert_array_equal(made[:, :-1], plain[:, :-1])
        signs.add(float(np.sign(np.linalg.det(plain))))
        np.testing.assert_array_equal(made[:, -1], plain[:, -1] * np.sign(np.linalg.det(plain)))
    # the mutant: O(n) itself has both
    assert signs == {-1.0, 1.0}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint16"])
def test_every_dtype_is_the_same_rotation(dtype: str) -> None:
    for seed in range(6):
        made = pi.haar(5, key=seed, dtype=dtype, special=True)
        exact = pi.haar(5, key=seed, special=True)
        values = made.view(ml_dtypes.bfloat16) if dtype == "uint16" else made
        np.testing.assert_array_equal(values, exact.astype(values.dtype))


def test_the_angles_of_the_plane_are_uniform() -> None:
    made = np.array([pi.haar(2, key=seed, dtype="float64", special=True) for seed in range(2000)])
    turns = np.sort(np.arctan2(made[:, 1, 0], made[:, 0, 0]) / (2 * np.pi) % 1)
    uniform = (np.arange(2000) + 0.5) / 2000
    # Kolmogorov and Smirnov: 1.95 / sqrt(2000) = 0.044 is exceeded once in 1,000 times
    assert np.abs(turns - uniform).max() < 0.044
    # the mutant: half of the circle
    assert np.abs(np.sort(turns / 2) - uniform).max() > 0.044


def test_the_trace_in_space_has_the_moments_of_the_measure() -> None:
    # on SO(3) E tr = 0 and E tr^2 = 1; of 4,000 draws both are known within 0.016 and 0.022 (one sigma)
    traces = np.array([np.trace(pi.haar(3, key=s, dtype="float64", special=True)) for s in range(4000)])
    assert traces.mean() == pytest.approx(0.0, abs=0.08)
    assert (traces**2).mean() == pytest.approx(1.0, abs=0.11)
    # the mutant: the Q of LAPACK's QR, without the signs of R
    drawn = np.linalg.qr(pi.normal()((4000, 3, 3), key=0, dtype="float64"))[0]
    drawn[:, :, -1] *= np.sign(np.linalg.det(drawn))[:, None]
    assert abs(np.trace(drawn, axis1=1, axis2=2).mean()) > 0.3


def test_empty_and_refused() -> None:
    assert pi.haar(0, key=0, special=True).shape == (0, 0)
    with pytest.raises(pi.RecipeError, match="haar's special is True or False; got 1"):
        pi.haar(2, key=0, special=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("outputs", [4, 9, 36])
def test_a_kernel_keeps_the_mean_square_of_a_pixel(outputs: int) -> None:
    w = pi.delta_orthogonal(keep="rms")((3, 3, 4, outputs), key=0, dtype="float64")
    x = pi.normal()((1000, 4), key=1, dtype="float64")
    np.testing.assert_allclose(((x @ w[1, 1]) ** 2).mean(1), (x**2).mean(1), rtol=1e-12)
    np.testing.assert_allclose(
        w, (outputs / 4) ** 0.5 * pi.delta_orthogonal()(w.shape, key=0, dtype="float64")
    )


def test_what_a_kernel_keeps_survives_json_and_windows() -> None:
    recipe: Any = pi.delta_orthogonal(2.0, keep="rms", layout="torch")
    assert pi.recipe_from_json(recipe.to_json()) == recipe == eval(repr(recipe), vars(pi))
    assert recipe.plan((16, 4, 3, 3)).gain == 4.0
    assert recipe.plan((0, 4, 3, 3)).shape == (0, 4, 3, 3)
    window = pi.Window((3, 1, 0, 1), (16, 4, 3, 3))
    part = recipe((5, 2, 3, 1), key=2, window=window)
    np.testing.assert_array_equal(part, recipe((16, 4, 3, 3), key=2)[3:8, 1:3, :, 1:2])
    with pytest.raises(pi.RecipeError, match="keep is 'norm' or 'rms'; got 'x'"):
        pi.delta_orthogonal(keep="x")
