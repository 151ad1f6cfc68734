"""Statistics over a fixed tree: the twin's bits, stated errors on hostile data, bins, numbers not finite."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyinit import _core
from pyinit.errors import DTypeError, RecipeError, ShapeError
from pyinit.linalg.statistics import LinearAxis, LogAxis, Moments, Question, moments_from, statistics
from pyinit.reference import layer

from ..arrays import normals

AXES = [None, LinearAxis(-2.0, 2.5, 37), LogAxis(-12, 3, 2)]
FLAT = (-1.25, 1.0)
# a block is 64 rows of 64 columns, or fewer rows and more columns; lanes are 32
SHAPES = [(1, 1), (1, 5000), (2, 33), (5, 7), (33, 130), (63, 65), (64, 64), (65, 63), (200, 1), (130, 97)]
U = 2.0**-53
LARGEST = float(np.finfo(np.float32).max)


def with_strangers(x: np.ndarray) -> np.ndarray:
    """Put numbers that are not finite among them, one in front."""
    x = x.copy()
    places = x.reshape(-1)[:: max(1, x.size // 7)]
    places[:] = np.resize(np.float32([np.nan, np.inf, -np.inf]), places.shape)
    return x


def twin(x: np.ndarray, question: Question) -> Moments:
    axis, slots = question.axis, None
    if isinstance(axis, LinearAxis):
        slots = partial(layer.linear_slots, low=axis.low, high=axis.high, bins=axis.bins)
    elif isinstance(axis, LogAxis):
        slots = partial(layer.log_slots, lowest=axis.lowest, highest=axis.highest, cuts=axis.cuts)
    flat = question.flat or (-math.inf, math.inf)
    made = layer.moments(x, flat, slots, axis.bins if axis else 0)
    return moments_from(vars(made) | {"dead": 0}, question)


@pytest.mark.parametrize("axis", AXES)
def test_equals_the_twin(axis: LinearAxis | LogAxis | None, isa: str) -> None:
    question = Question(axis, FLAT)
    for shape in SHAPES:
        for x in (normals(shape), with_strangers(normals(shape)), np.full(shape, np.float32(1e30))):
            assert statistics(x, question) == twin(x, question), shape


@pytest.mark.parametrize("bins", [1, 64, 126, 127])
@pytest.mark.parametrize("end", [8.0, 1.5], ids=["all on bins", "some outside"])
def test_equals_the_twin_where_pairs_are_counted(bins: int, end: float, isa: str) -> None:
    # 126 bins have 128 slots, which is the most; fewer numbers than 2^14 are counted one by one
    question = Question(LinearAxis(-end, end + 0.1, bins), FLAT)
    for shape in ((257, 64), (257, 65), (2100, 9)):
        for x in (normals(shape), with_strangers(normals(shape)), np.full(shape, np.float32(0.5))):
            assert statistics(x, question, 1) == twin(x, question), shape


def test_a_table_of_pairs_is_added_up_in_between() -> None:
    # a thread adds it up after 2^24 numbers, and empties it
    numbers = np.resize(np.float32([-1.0, 0.5, -1.0, 3.0]), ((1 << 12) + 3) * 4096).reshape(-1, 64)
    quarter = numbers.size // 4
    found = statistics(numbers, Question(LinearAxis(-2.0, 2.0, 2)), 1).histogram
    assert (found.below, found.counts, found.above) == (0, (2 * quarter, quarter), quarter)


def test_a_position_that_rounds_up_to_the_end_is_in_the_last_bin(isa: str) -> None:
    rounded_up = 0
    for last in np.float32([0.1, 0.3, 0.7, 1.0, 1.7, 4.9, 49.0]):
        # the end is the next float64 above a float32
        axis = LinearAxis(-1.0, math.nextafter(float(last), math.inf), 49)
        rounded_up += (float(last) - axis.low) * (axis.bins / (axis.high - axis.low)) >= axis.bins
        x = np.resize(np.float32([last, np.nextafter(last, np.float32(0)), -1.0, 0.0]), (300, 64))
        assert statistics(x, Question(axis), 1) == twin(x, Question(axis)), last
    assert rounded_up > 0


def test_does_not_depend_on_threads_or_layout() -> None:
    x = normals((900, 301))
    question = Question(AXES[1], FLAT)
    whole = statistics(x, question, threads=1)
    assert whole == statistics(x, question, threads=2) == statistics(x, question, threads=7)
    assert whole == statistics(np.asfortranarray(x), question)
    assert whole == statistics(np.repeat(x, 2, axis=1)[:, ::2], question)
    assert whole == twin(x, question)


def exact(x: np.ndarray) -> tuple[float, float, float]:
    """Return mean, sum of squares about it and standard deviation, each rounded once."""
    numbers = [Fraction(float(v)) for v in x.reshape(-1)]
    mean = sum(numbers) / len(numbers)
    m2 = sum((v - mean) ** 2 for v in numbers)
    return float(mean), float(m2), math.sqrt(float(m2 / len(numbers)))


def errors(mean: float, m2: float, x: np.ndarray) -> tuple[float, float]:
    """Return the errors of mean and m2 as parts of those that are stated."""
    true_mean, true_m2, std = exact(x)
    of_mean = abs(mean - true_mean) / (1e4 * U * (abs(true_mean) + std))
    return of_mean, abs(m2 - true_m2) / true_m2 / (2e-10 + 40 * U * abs(true_mean) / std)


def hostile() -> dict[str, np.ndarray]:
    x = normals((70, 65))
    first_far = x.copy()
    first_far[0, 0] = 1e6
    ends = np.where(x > 0, np.float32(3e38), np.float32(-3e38))
    return {
        "plain": x,
        "far from zero": x + np.float32(1e6),
        "a step from a constant": np.where(x > 0, np.float32(1), np.nextafter(np.float32(1), np.float32(2))),
        "an outlier first": first_far,
        "sorted": np.sort(x.reshape(-1)).reshape(x.shape),
        "the largest": ends,
        "subnormal": x * np.float32(1e-40),
        "of many sizes": np.exp2(30 * x).astype(np.float32),
    }


@pytest.mark.parametrize("name", hostile())
def test_errors_are_as_stated(name: str) -> None:
    x = hostile()[name]
    got = statistics(x)
    of_mean, of_m2 = errors(got.mean, got.variance * got.count, x)
    assert of_mean <= 1
    assert of_m2 <= 1
    assert got.minimum == x.min()
    assert got.maximum == x.max()


def test_error_check_can_fail() -> None:
    # mutants: float32 sums, sums about zero, one number left out
    x = hostile()["far from zero"]
    wide = x.astype(np.float64)
    about_zero = (wide**2).sum() - wide.sum() ** 2 / x.size
    assert errors(wide.mean(), about_zero, x)[1] > 1
    assert errors(float(x.mean()), float(x.var()) * x.size, hostile()["far from zero"])[1] > 1
    plain = hostile()["plain"]
    assert min(errors(float(plain.reshape(-1)[1:].mean(dtype=float)), 1.0, plain)) > 1


def test_a_constant_has_no_variance() -> None:
    got = statistics(np.full((300, 70), np.float32(0.1)))
    assert got.mean == np.float32(0.1)
    assert got.variance == 0
    assert got.second_moment == got.mean**2
    assert got.std == 0


def test_a_number_on_an_edge_belongs_to_the_bin_above() -> None:
    axis = LinearAxis(-1.0, 1.0, 4)
    edges = np.float32([-1.0, -0.5, 0.0, 0.5, 1.0])
    assert statistics(edges, Question(axis)).histogram.counts == (1, 1, 1, 1)
    # the least float32 below 0 is 0 beside the axis' end
    before = np.float32([np.nextafter(edge, np.float32(-9)) if edge else -1e-16 for edge in edges])
    histogram = statistics(before, Question(axis)).histogram
    assert (histogram.below, histogram.counts, histogram.above) == (1, (1, 1, 1, 1), 0)
    assert statistics(edges, Question(axis)).histogram.above == 1
    assert statistics(-edges[2:3], Question(axis)).histogram.counts == (0, 0, 1, 0)


def test_logarithmic_edges_are_exact() -> None:
    axis = LogAxis(-3, 2, 1)
    assert len(axis.edges) == axis.bins + 1
    right = axis.edges[axis.bins // 2 + 1 :].astype(np.float32)
    for k, edge in enumerate(right):
        before = np.nextafter(edge, np.float32(0))
        for sign in (1, -1):
            got = statistics(sign * np.float32([before, edge]), Question(axis)).histogram
            slots = [got.below, *got.counts, got.above]
            middle = axis.bins // 2 + 1
            assert slots[middle + sign * k] == 1
            assert slots[middle + sign * (k + 1)] == 1
    tiny = statistics(np.float32([0.0, -0.0, 1e-45, 0.1]), Question(axis)).histogram
    assert tiny.counts[axis.bins // 2] == 4
    widest = LogAxis(-126, 128, 0)
    most = statistics(np.float32([3.4e38, -3.4e38]), Question(widest)).histogram
    assert most.counts[0] == most.counts[-1] == 1


@settings(max_examples=50)
@given(
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40),
    low=st.floats(-1e3, 1e3),
    width=st.floats(1e-3, 1e3),
    bins=st.integers(1, 300),
)
def test_bins_hold_what_lies_between_their_edges(
    values: list[float], low: float, width: float, bins: int
) -> None:
    axis = LinearAxis(low, low + width, bins)
    x = np.array(values, np.float32)
    histogram = statistics(x, Question(axis)).histogram
    assert histogram is not None
    wide = x.astype(np.float64)
    assert histogram.below == (wide < axis.low).sum()
    assert histogram.above == (wide >= axis.high).sum()
    assert histogram.below + sum(histogram.counts) + histogram.above == x.size
    assert statistics(x, Question(axis)) == twin(x[np.newaxis], Question(axis))
    # an edge is off by a few roundings of the axis' ends
    slack = 8 * U * (abs(axis.low) + abs(axis.high))
    for v in x[(wide >= axis.low) & (wide < axis.high)][:5]:
        k = np.flatnonzero(statistics(v[np.newaxis], Question(axis)).histogram.counts)[0]
        assert axis.edges[k] - slack <= v <= axis.edges[k + 1] + slack


def test_a_float_falls_where_its_double_does_on_any_axis(isa: str) -> None:
    ends = [0.0, 5e-324, 1e-300, 1e-46, 2.0**-149, 2.0**-126, 0.1, float(np.float32(0.1)), 1.0, 1 + 1e-9]
    ends += [16777217.0, LARGEST, LARGEST * (1 + 2.0**-51), LARGEST * (1 + 2.0**-25), 3.5e38, 1e300]
    ends = sorted({sign * end for end in ends for sign in (1, -1)})
    count = 0
    for low, high in combinations(ends, 2):
        for bins in (1, 7, 64):
            if math.isinf(bins / (high - low)):
                continue
            edges = np.concatenate((np.linspace(low, high, bins + 1), ends))
            with np.errstate(over="ignore"):
                near = edges.astype(np.float32)
                x = np.stack([near, *(np.nextafter(near, np.float32(to)) for to in (np.inf, -np.inf))])
                question = Question(LinearAxis(low, high, bins))
                expected = twin(x, question)
            assert statistics(x, question).histogram == expected.histogram, (low, high, bins)
            count += 1
    assert count > 1000


def test_matches_numpy_where_bins_are_exact() -> None:
    x = normals((500, 40))
    counts, edges = np.histogram(x, 64, (-4, 4))
    axis = LinearAxis(-4.0, 4.0, 64)
    np.testing.assert_array_equal(axis.edges, edges)
    assert statistics(x, Question(axis)).histogram.counts == tuple(counts)
    density = statistics(x, Question(axis)).histogram.density()
    assert density.sum() == pytest.approx(np.mean(np.abs(x) < 4))


def test_numbers_that_are_not_finite_are_counted_and_set_aside() -> None:
    x = with_strangers(normals((90, 70)))
    finite = x[np.isfinite(x)]
    got = statistics(x, Question(LinearAxis(-3.0, 3.0, 10), (-1.0, 1.0)))
    assert (got.count, got.nonfinite) == (finite.size, x.size - finite.size)
    assert got.mean == pytest.approx(finite.mean(dtype=float), rel=1e-12)
    assert got.variance == pytest.approx(finite.var(dtype=float), rel=1e-12)
    assert got.minimum == finite.min()
    assert got.maximum == finite.max()
    assert got.histogram.below + sum(got.histogram.counts) + got.histogram.above == finite.size
    assert got.saturated == pytest.approx(np.mean(np.abs(finite) >= 1))
    nothing = statistics(np.full(9, np.inf, np.float32), Question(LinearAxis(-3.0, 3.0, 10), (-1.0, 1.0)))
    assert (nothing.count, nothing.nonfinite, nothing.mean, nothing.variance) == (0, 9, 0, 0)
    assert (nothing.minimum, nothing.maximum, nothing.saturated) == (math.inf, -math.inf, 0)
    assert not any(nothing.histogram.counts)


def test_saturated_begins_at_the_thresholds() -> None:
    x = np.float32([-1, 1, np.nextafter(np.float32(1), np.float32(0)), 0])
    assert statistics(x, Question(flat=(-1.0, 1.0))).saturated == 0.5
    assert statistics(x).saturated is None
    assert statistics(x, Question(flat=(-math.inf, math.inf))).saturated == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: statistics(np.zeros(3)), DTypeError, "statistics need float32; got float64"),
        (lambda: statistics(np.zeros((0, 3), np.float32)), ShapeError, "at least one number; got shape"),
        (lambda: LinearAxis(1.0, 1.0, 4), RecipeError, "finite low < high; got 1.0 and 1.0"),
        (lambda: LinearAxis(-math.inf, 1.0, 4), RecipeError, "finite low < high"),
        (lambda: LinearAxis(0.0, math.nan, 4), RecipeError, "finite low < high"),
        (lambda: LinearAxis(0.0, 1.0, 0), RecipeError, "bins must be in"),
        (lambda: LinearAxis(0.0, 1e-310, 64), RecipeError, "1e-308 at least; got 64 from 0.0 to 1e-310"),
        (lambda: LogAxis(3, 3), RecipeError, "octaves -126 <= lowest < highest"),
        (lambda: LogAxis(-127, 3), RecipeError, "octaves -126 <= lowest < highest"),
        (lambda: LogAxis(-3, 3, 11), RecipeError, "0 <= cuts <= 10"),
    ],
)
def test_bad_questions(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]


def test_kernel_refuses_what_memory_safety_needs() -> None:
    x = np.zeros((2, 2), np.float32)
    wrong = [
        ("linear", 0.0, 0.0, 4),
        ("linear", 0.0, 1.0, 0),
        ("linear", 0.0, 1e-310, 64),
        ("signed_log", -127.0, 3.0, 0),
        ("pie", 0.0, 1.0, 1),
    ]
    for asked in wrong:
        with pytest.raises(ValueError, match=r"histogram needs|unknown scale"):
            _core.moments(x, (*asked, -1.0, 1.0), 1)
