"""Statistics of tensors: chunks joined are the whole, whatever dtype and strides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyinit.linalg.statistics import Moments

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pytest.importorskip("pyinit.torch")
counting = pytest.importorskip("pyinit.torch.probing.counting")


@pytest.fixture
def axes() -> Any:
    from pyinit.lab.probe.measure.axes import axes_of

    return axes_of(32, None, False)


def values(broken: bool = False) -> Any:
    x = np.random.default_rng(1).standard_normal((70, 30)).astype(np.float32) * 3.0 + 1.0
    if broken:
        x[3, 4], x[50, :] = np.inf, np.nan
    return x


def assert_equal(found: Moments, wanted: Moments) -> None:
    for name in ("count", "nonfinite", "minimum", "maximum", "histogram"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert found.mean == pytest.approx(wanted.mean, rel=1e-12)
    assert found.variance == pytest.approx(wanted.variance, rel=1e-12)


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("chunk", [1, 37, 2100, 1 << 20])
def test_chunks_joined_are_the_whole(broken: bool, chunk: int, axes: Any, monkeypatch: Any) -> None:
    x = torch.from_numpy(values(broken))
    wanted = counting.counted([x], "gradient", axes, None)
    monkeypatch.setattr(counting, "_CHUNK", chunk)
    assert_equal(counting.counted([x.double()], "gradient", axes, None), wanted)
    assert_equal(counting.counted([x[:20], x[20:].double()], "gradient", axes, None), wanted)


def test_the_comparison_can_fail(axes: Any) -> None:
    x = torch.from_numpy(values())
    other = x.clone()
    other[5, 5] += 1e-4
    with pytest.raises(AssertionError):
        assert_equal(*(counting.counted([one], "gradient", axes, None) for one in (x, other)))


def test_strides_do_not_count(axes: Any) -> None:
    x = torch.from_numpy(values())
    wanted = counting.counted([x], "gradient", axes, None)
    wide = torch.zeros(70, 60)
    wide[:, ::2] = x
    for other in (
        x.T,
        wide[:, ::2],
        x.T.contiguous().T,
        x.reshape(7, 10, 30).permute(2, 0, 1),
        x.neg()._neg_view(),
    ):
        assert_equal(counting.counted([other], "gradient", axes, None), wanted)


def test_what_overflows_is_not_finite_and_nothing_finite_is_zero(axes: Any) -> None:
    found = counting.counted([torch.tensor([1.0, 1e300], dtype=torch.float64)], "gradient", axes, None)
    assert (found.count, found.nonfinite, found.mean) == (1, 1, 1.0)
    found = counting.counted([torch.full((2, 3), float("nan"))], "gradient", axes, None)
    assert (found.count, found.nonfinite, found.variance) == (0, 6, 0.0)


def test_units_are_zero_or_flat_in_every_row() -> None:
    from pyinit.theory.activation import activation

    z = torch.ones(500, 6, 2)
    z[:, 1] = 0.0
    z[:, 2] = 0.0
    z[499, 2, 1] = 1e-20
    z[:, 3] = -1.0
    assert counting.is_zero(z, 1).tolist() == [False, True, False, False, False, False]
    assert counting.is_flat(z, 1, activation("relu")).tolist() == [False, True, False, True, False, False]
    assert not counting.is_flat(z.bfloat16(), 1, activation("leaky_relu")).any()


def test_shares_are_of_finite_numbers() -> None:
    z = torch.tensor([-3.0, -1.0, 0.0, 2.0, float("nan")])
    assert counting.share_beyond(z, (-1.0, 2.0), None) == 0.75
