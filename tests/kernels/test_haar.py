"""Matrices of the orthogonal group follow the Haar measure; each check with mutants it catches.

Why these: the measure is the only one that a fixed rotation leaves alone. Its traces, entries and joint
moments are known exactly for every n (Diaconis and Shahshahani 1994; Collins and Sniady 2006).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

import pyinit as pi

from .checks import LIMIT, distance_excess, worst

N = 8
COUNT = 40_000
Mutant = Callable[[np.ndarray, np.ndarray], np.ndarray]
Check = Callable[[np.ndarray], float]


def mean_score(sample: np.ndarray, expected: float) -> float:
    """Return how far a sample's mean is from what it should be, in its own standard errors."""
    error = sample.std() / math.sqrt(sample.size)
    return float(abs(sample.mean() - expected) / max(error, 1e-12))


def traces(q: np.ndarray) -> float:
    """E tr Q^k is 1 for even k and 0 for odd k <= n: the Fourier coefficients of the eigenvalues' angles.

    It detects a mean trace of 0.035, and a mean tr Q^6 off by 0.09.
    """
    power, scores = np.broadcast_to(np.eye(q.shape[-1]), q.shape), []
    for k in range(1, 7):
        power = power @ q
        scores.append(mean_score(np.trace(power, axis1=1, axis2=2), float(k % 2 == 0)))
    return worst(np.array(scores))


def trace_moments(q: np.ndarray) -> float:
    """E tr^2 = 1, E tr^3 = 0, E tr^4 = 3: the trace is a standard normal in its first n moments.

    It detects a second moment off by 0.05 and a fourth off by 0.35.
    """
    trace = np.trace(q, axis1=1, axis2=2)
    return worst(np.array([mean_score(trace**k, m) for k, m in ((2, 1.0), (3, 0.0), (4, 3.0))]))


def entries(q: np.ndarray) -> float:
    """Every entry is one coordinate of a point on the sphere: its square is Beta(1/2, (n-1)/2).

    It detects, in any of the entries, a probability off by 0.018 somewhere.
    """
    n = q.shape[-1]
    half = special.betainc(0.5, (n - 1) / 2, np.minimum(q**2, 1.0)) / 2
    p = np.where(q < 0, 0.5 - half, 0.5 + half)
    return worst(np.array([distance_excess(p[:, i, j]) for i in range(n) for j in range(n)]))


def determinants(q: np.ndarray) -> float:
    """Both signs are equally likely. It detects a share of 0.518."""
    positive = np.linalg.det(q) > 0
    return float(abs(positive.sum() - q.shape[0] / 2) / math.sqrt(q.shape[0] / 4))


def joint_moments(q: np.ndarray) -> float:
    """E q11^2 q12^2 = 1 / (n (n + 2)) in a line, E q11^2 q22^2 = (n + 1) / ((n - 1) n (n + 2)) across.

    It detects each, for any two neighbours on a line or a diagonal, when it is off by 7 %.
    """
    n = q.shape[-1]
    square = q**2
    in_line, across = 1 / (n * (n + 2)), (n + 1) / ((n - 1) * n * (n + 2))
    scores = []
    for i in range(n - 1):
        scores.append(mean_score(square[:, 0, i] * square[:, 0, i + 1], in_line))
        scores.append(mean_score(square[:, i, 0] * square[:, i + 1, 0], in_line))
        scores.append(mean_score(square[:, i, i] * square[:, i + 1, i + 1], across))
        scores.append(
            mean_score(
                q[:, i, i] * q[:, i + 1, i + 1] * q[:, i, i + 1] * q[:, i + 1, i], -1 / n / (n - 1) / (n + 2)
            )
        )
    return worst(np.array(scores))


def hadamard(n: int) -> np.ndarray:
    """Return a fixed rotation that mixes every line with every other."""
    return np.array([[(-1) ** (i & j).bit_count() for j in range(n)] for i in range(n)]) / math.sqrt(n)


def turned_left(q: np.ndarray) -> float:
    """A fixed rotation from the left changes nothing."""
    turned = hadamard(q.shape[-1]) @ q
    return max(entries(turned), traces(turned), trace_moments(turned))


def turned_right(q: np.ndarray) -> float:
    """A fixed rotation from the right changes nothing."""
    turned = q @ hadamard(q.shape[-1])
    return max(entries(turned), traces(turned), trace_moments(turned))


CHECKS: list[Check] = [traces, trace_moments, entries, determinants, joint_moments, turned_left, turned_right]


def draws(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return the normal draws that the reflectors of a stack were made of."""
    return np.stack([pi.normal()(shape[1:], key=pi.key(seed).fold_in(b)) for b in range(shape[0])])


@pytest.fixture(scope="module")
def q() -> np.ndarray:
    return pi.orthogonal(batch_axis=0)((COUNT, N, N), key=7).astype(np.float64)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return draws((COUNT, N, N), 7)


@pytest.mark.parametrize("check", CHECKS)
def test_haar(check: Check, q: np.ndarray) -> None:
    assert check(q) < LIMIT


@pytest.fixture(scope="module")
def q64() -> np.ndarray:
    return pi.orthogonal(batch_axis=0)((COUNT, N, N), key=8, dtype="float64")


@pytest.mark.parametrize("check", [traces, trace_moments, entries, determinants])
def test_haar_in_float64(check: Check, q64: np.ndarray) -> None:
    assert check(q64) < LIMIT


def signs(x: np.ndarray) -> np.ndarray:
    """Return D of the reflectors' draws, as a row for each matrix."""
    d = -np.sign(np.einsum("bii->bi", x))
    d[:, -1] *= -1
    return d[:, None, :]


def without_signs(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The product of the reflectors alone, as LAPACK's dlarge makes it."""
    return q * signs(x)


def raw_qr(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """LAPACK's Q of a Gaussian matrix, whose R has a diagonal of any sign."""
    return np.linalg.qr(x.astype(np.float64))[0]


def rotations_only(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Determinant 1 by turning a column."""
    out = q.copy()
    out[:, :, 0] *= np.sign(np.linalg.det(q))[:, None]
    return out


def without_a_reflector(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """H_1 left out: the first column is a unit vector."""
    v = x[:, :, 0].astype(np.float64)
    v[:, 0] += np.copysign(np.linalg.norm(v, axis=1), v[:, 0])
    return q - (2 / (v**2).sum(1))[:, None, None] * v[:, :, None] * (v[:, None, :] @ q)


def of_uniforms(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The QR of uniform numbers in place of normal ones, with the right signs."""
    u = special.ndtr(x.astype(np.float64)) - 0.5
    made, r = np.linalg.qr(u)
    return made * np.sign(np.einsum("bii->bi", r))[:, None, :]


def one_matrix(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The same matrix everywhere."""
    return np.broadcast_to(q[0], q.shape)


def of_permuted_columns(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Columns in the order of their first entries."""
    order = np.argsort(q[:, :1, :], axis=2)
    return np.take_along_axis(q, order, axis=2)


MUTANTS: dict[Mutant, list[Check]] = {
    without_signs: [traces, entries, determinants, turned_left, turned_right],
    raw_qr: [traces, entries, turned_left, turned_right],
    rotations_only: [determinants],
    without_a_reflector: [trace_moments, entries, joint_moments, turned_left],
    of_uniforms: [joint_moments],
    one_matrix: [traces, trace_moments, entries, determinants, joint_moments, turned_left, turned_right],
    of_permuted_columns: [traces, entries, turned_left, turned_right],
}


@pytest.mark.parametrize(
    ("mutant", "check"), [(mutant, check) for mutant, checks in MUTANTS.items() for check in checks]
)
def test_mutant_fails(mutant: Mutant, check: Check, q: np.ndarray, x: np.ndarray) -> None:
    # a quarter of the matrices is enough to catch each
    assert check(mutant(q[::4], x[::4])) > LIMIT


def test_every_check_has_a_mutant() -> None:
    assert {check for checks in MUTANTS.values() for check in checks} == set(CHECKS)


@pytest.mark.parametrize("shape", [(1000, 110, 110), (1000, 150, 100)])
def test_entries_of_several_blocks(shape: tuple[int, int, int]) -> None:
    """Entries on both sides of the border between two blocks of reflectors: the sphere's in every place.

    It detects, in any of 25 entries, a probability off by 0.12 somewhere: a whole matrix in every eighth.
    """
    made = pi.orthogonal(batch_axis=0)(shape, key=11).astype(np.float64)
    length = shape[1]
    rows = [0, 50, 95, 96, length - 1]
    columns = [0, 1, 95, 96, shape[2] - 1]
    picked = made[:, rows][:, :, columns]
    half = special.betainc(0.5, (length - 1) / 2, picked**2) / 2
    p = np.where(picked < 0, 0.5 - half, 0.5 + half)
    scores = [distance_excess(p[:, i, j]) for i in range(5) for j in range(5)]
    assert worst(np.array(scores)) < LIMIT
    # turned by the sum of all rows: every column of Q' 1 is a coordinate on the sphere too
    total = made.sum(1) / math.sqrt(length)
    assert mean_score(total**2, 1 / length) < LIMIT
