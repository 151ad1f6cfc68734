"""The distributions of torch.nn.init's functions, as torch tests them; and that each check can fail.

The checks are Kolmogorov and Smirnov's: the greatest distance D between the distribution function of a sample
and the stated one. On 2**17 draws D < 0.0055 holds with probability 0.9993 of a right sample; it fails on a
std that is off by 4 % (D = 0.0094), bounds off by 2 % (0.0098), or a mean off by 0.03 std (0.012). Seeds are
fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")
init = pytest.importorskip("pyinit.torch.init")

D = 0.0055
DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
SHAPES = [(2**17,), (512, 256), (32, 64, 8, 8)]


def distance(tensor: Any, distribution: Any) -> float:
    """Return D of a tensor's elements."""
    values = np.sort(tensor.detach().double().numpy().ravel())
    n = len(values)
    expected = distribution.cdf(values)
    above, below = np.arange(1, n + 1) / n - expected, expected - np.arange(n) / n
    return float(max(above.max(), below.max()))


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def normal(mean: float, std: float) -> Any:
    return stats.norm(mean, std)


def uniform(low: float, high: float) -> Any:
    return stats.uniform(low, high - low)


class Truncated:
    """SciPy's truncated normal, its distribution function by the normal's: 20 times faster."""

    def __init__(self, mean: float, std: float, a: float, b: float) -> None:
        whole = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
        self._parent, self._low, self._high = stats.norm(mean, std), a, b
        self.mean, self.std = whole.mean, whole.std
        probe = np.linspace(a, b, 9)
        np.testing.assert_allclose(self.cdf(probe), whole.cdf(probe), atol=1e-12)

    def cdf(self, x: Any) -> Any:
        below, above = self._parent.cdf([self._low, self._high])
        return ((self._parent.cdf(x) - below) / (above - below)).clip(0.0, 1.0)


# what is drawn and what it should be
FILLS: dict[str, tuple[Callable[[Any], Any], Callable[[tuple[int, ...]], Any]]] = {
    "uniform_": (lambda w: init.uniform_(w, -1.3, 2.1), lambda shape: uniform(-1.3, 2.1)),
    "normal_": (lambda w: init.normal_(w, 1.7, 2.5), lambda shape: normal(1.7, 2.5)),
    "trunc_normal_": (
        lambda w: init.trunc_normal_(w, 0.4, 0.8, -0.6, 1.1),
        lambda shape: Truncated(0.4, 0.8, -0.6, 1.1),
    ),
    "trunc_normal_, bounds are values": (
        lambda w: init.trunc_normal_(w, std=0.3),
        lambda shape: Truncated(0.0, 0.3, -2.0, 2.0),
    ),
    "trunc_normal_, far tail": (
        lambda w: init.trunc_normal_(w, 0.0, 1.0, 2.0, 3.0),
        lambda shape: Truncated(0.0, 1.0, 2.0, 3.0),
    ),
}
SCALED: dict[str, tuple[Callable[[Any], Any], Callable[[tuple[int, ...]], Any]]] = {
    "xavier_uniform_": (
        lambda w: init.xavier_uniform_(w, gain=1.4),
        lambda shape: uniform(*np.array([-1, 1]) * 1.4 * math.sqrt(6 / sum(fans(shape)))),
    ),
    "xavier_normal_": (
        lambda w: init.xavier_normal_(w, gain=1.4),
        lambda shape: normal(0.0, 1.4 * math.sqrt(2 / sum(fans(shape)))),
    ),
    "kaiming_uniform_ fan_in": (
        lambda w: init.kaiming_uniform_(w, a=0.3),
        lambda shape: uniform(*np.array([-1, 1]) * math.sqrt(6 / 1.09 / fans(shape)[0])),
    ),
    "kaiming_uniform_ fan_out": (
        lambda w: init.kaiming_uniform_(w, mode="fan_out"),
        lambda shape: uniform(*np.array([-1, 1]) * math.sqrt(6 / fans(shape)[1])),
    ),
    "kaiming_normal_ fan_in": (
        lambda w: init.kaiming_normal_(w, a=0.3),
        lambda shape: normal(0.0, math.sqrt(2 / 1.09 / fans(shape)[0])),
    ),
    "kaiming_normal_ fan_out": (
        lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"),
        lambda shape: normal(0.0, 5 / 3 / math.sqrt(fans(shape)[1])),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FILLS)
def test_draws_with_given_numbers(name: str, shape: tuple[int, ...]) -> None:
    fill, distribution = FILLS[name]
    torch.manual_seed(1)
    assert distance(fill(torch.zeros(shape)), distribution(shape)) < D


@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize("name", SCALED)
def test_draws_scaled_by_fans(name: str, shape: tuple[int, ...]) -> None:
    fill, distribution = SCALED[name]
    torch.manual_seed(2)
    assert distance(fill(torch.zeros(shape)), distribution(shape)) < D


# half a step of the dtype, times the greatest density, may be added by rounding
ROUNDING = {"float64": 0.0, "float16": 0.0005, "bfloat16": 0.004}
FAR_TAIL_ROUNDING = {"float64": 0.0, "float16": 0.0025, "bfloat16": 0.02}


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("name", FILLS)
def test_draws_in_other_dtypes(name: str, dtype: str) -> None:
    fill, distribution = FILLS[name]
    rounding = (FAR_TAIL_ROUNDING if "far tail" in name else ROUNDING)[dtype]
    torch.manual_seed(3)
    assert distance(fill(torch.zeros(2**17, dtype=DTYPES[dtype])), distribution((2**17,))) < D + rounding


@pytest.mark.parametrize("name", [*FILLS, *SCALED])
def test_a_slightly_wrong_sample_fails(name: str) -> None:
    """A std or bounds 4 % too large; a mean 0.03 std too high."""
    shape = SHAPES[1]
    fill, distribution = {**FILLS, **SCALED}[name]
    torch.manual_seed(1)
    right = fill(torch.zeros(shape))
    expected = distribution(shape)
    centre = float(expected.mean())
    assert distance(right, expected) < D
    assert distance((right - centre) * 1.04 + centre, expected) > D
    assert distance(right + 0.03 * float(expected.std()), expected) > D


def test_truncation_counted_in_standard_deviations_fails() -> None:
    torch.manual_seed(1)
    right = init.trunc_normal_(torch.zeros(SHAPES[0]), std=0.3)
    wrong = pi.truncated_normal(std=0.3)(SHAPES[0], key=0)
    expected = Truncated(0.0, 0.3, -2.0, 2.0)
    assert distance(right, expected) < D < distance(torch.from_numpy(wrong), expected)


@pytest.mark.parametrize(
    ("dtype", "least"), [("float32", 9000), ("float64", 9000), ("float16", 3000), ("bfloat16", 1000)]
)
def test_truncated_draws_keep_their_bounds_and_use_the_dtypes_values(dtype: str, least: int) -> None:
    torch.manual_seed(4)
    drawn = init.trunc_normal_(torch.empty(10_000, dtype=DTYPES[dtype]))
    assert -2.0 <= drawn.min() <= drawn.max() <= 2.0
    assert len(drawn.unique()) > least
    assert bool(drawn.isfinite().all())
    # nothing is moved to a bound that no draw reaches
    narrow = init.trunc_normal_(torch.empty(10_000, dtype=DTYPES[dtype]), std=0.1)
    assert float(narrow.abs().max()) < 1.0
    odd = init.trunc_normal_(torch.empty(10_000, dtype=DTYPES[dtype]), 0.3, 1.0, 0.1003, 0.7007).double()
    assert 0.1003 <= odd.min() <= odd.max() <= 0.7007


def test_sparse_columns() -> None:
    """The requested zeros in each column, everywhere alike; normal draws elsewhere.

    Of 400 columns each row has 160 +- 9.8 zeros: chi-square of 50 rows detects a row that is zero in 40 %
    more columns than it should be.
    """
    torch.manual_seed(5)
    w = init.sparse_(torch.zeros(50, 400), 0.4, std=0.2)
    zeros = w == 0
    assert zeros.sum(0).tolist() == [20] * 400
    assert stats.kstest(w[~zeros].numpy(), normal(0.0, 0.2).cdf).pvalue > 1e-4
    assert stats.kstest(w[~zeros].numpy() * 1.1, normal(0.0, 0.2).cdf).pvalue < 1e-4, "a std 10 % off"

    def chance(counts: Any) -> float:
        spread = ((counts - 160.0) ** 2).sum() / (400 * 0.4 * 0.6)
        return float(stats.chi2.sf(spread * 49 / 50, 49))

    counts = zeros.sum(1).numpy().astype(float)
    assert chance(counts) > 1e-4
    counts[0] += 64
    assert chance(counts) < 1e-4, "one row too often"
    for sparsity in (0.1, 0.11, 0.8999, 0.0, 1.0):
        made = init.sparse_(torch.zeros(50, 7), sparsity)
        assert (made == 0).sum(0).tolist() == [math.ceil(sparsity * 50)] * 7


def test_orthogonal_matrices_are_haar() -> None:
    """Of 4000 matrices of 6 x 6: q^2 of a corner is Beta(1/2, 5/2), its sign a coin, det a coin.

    A coin's mean within 4 standard errors of 0; QR without Mezzadri's signs gives one sign only.
    """
    torch.manual_seed(6)
    q = torch.stack([init.orthogonal_(torch.empty(6, 6)) for _ in range(4000)]).double()
    lapack = torch.linalg.qr(torch.randn(4000, 6, 6).double())[0]
    for row, column in ((0, 0), (5, 5), (2, 4)):
        corner = q[:, row, column].numpy()
        assert stats.kstest(corner**2, stats.beta(0.5, 2.5).cdf).pvalue > 1e-4
        assert abs(np.sign(corner).mean()) < 4 / math.sqrt(4000)
    assert abs(float(torch.linalg.det(q).mean())) < 4 / math.sqrt(4000)
    assert abs(np.sign(lapack[:, 0, 0].numpy()).mean()) > 0.9, "the check can fail"
    corner = q[:, 0, 0].numpy()
    assert stats.kstest((corner * 1.1) ** 2, stats.beta(0.5, 2.5).cdf).pvalue < 1e-4, "entries 10 % too large"


def test_tensors_drawn_one_after_the_other_are_independent() -> None:
    """Correlations of 60 tensors of 2**12, 1770 pairs: the largest stays below 4.7 standard errors."""
    torch.manual_seed(7)
    rows = torch.stack([init.normal_(torch.empty(2**12)) for _ in range(60)]).double()

    def largest(values: Any) -> float:
        correlation = torch.corrcoef(values)
        return float((correlation - torch.eye(len(values))).abs().max()) * math.sqrt(2**12)

    assert largest(rows) < 4.7
    mixed = rows.clone()
    mixed[1] = 0.9 * rows[1] + 0.2 * rows[0]
    assert largest(mixed) > 4.7, "a correlation of 0.2 is seen"
