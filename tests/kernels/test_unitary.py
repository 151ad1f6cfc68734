"""Unitary matrices: orthonormal, the specification's, the same for every window, and of the Haar measure."""

from __future__ import annotations

import math
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit import reference

from .checks import LIMIT, distance_excess, worst

DTYPES = ["complex64", "complex128"]
SHAPES = [(1, 1), (2, 2), (5, 1), (1, 5), (64, 64), (65, 65), (200, 130), (130, 200), (300, 20)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_lines_are_orthonormal_and_the_specification_s(isa: str, shape: tuple[int, int], dtype: str) -> None:
    made = pi.orthogonal()(shape, key=pi.Key(9, 4), dtype=dtype)
    lines = made if shape[0] >= shape[1] else made.T
    unit = 1e-7 if dtype == "complex64" else 2e-16
    exact = lines.astype(np.complex128)
    assert np.abs(exact.conj().T @ exact - np.eye(min(shape))).max() < 12 * unit
    expected = reference.unitary(pi.Key(9, 4), *shape, dtype=dtype)
    assert np.abs(made - expected).max() < 12 * unit


@pytest.mark.parametrize(
    ("dtype", "digest"),
    [
        ("complex64", "e5a292f544628a65"),
        ("complex128", "f115956b8ebb6334"),
    ],
)
def test_golden_digests(isa: str, dtype: str, digest: str) -> None:
    made = pi.orthogonal(gain=-1.5)((150, 97), key=pi.Key(0xDEADBEEFCAFEF00D, 1), dtype=dtype)
    assert sha256(made.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=15)
@given(
    start=st.tuples(st.integers(0, 2), st.integers(0, 90), st.integers(0, 70)),
    extent=st.tuples(st.integers(0, 2), st.integers(0, 31), st.integers(0, 31)),
    threads=st.integers(1, 3),
)
def test_windows(dtype: str, start: tuple[int, int, int], extent: tuple[int, int, int], threads: int) -> None:
    whole = (4, 121, 101)
    recipe = pi.orthogonal(gain=0.5, batch_axis=0)
    part = recipe(extent, key=3, dtype=dtype, window=pi.Window(start, whole), threads=threads)
    place = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    made = WHOLES.setdefault(dtype, recipe(whole, key=3, dtype=dtype))
    np.testing.assert_array_equal(part, made[place])


WHOLES: dict[str, np.ndarray] = {}


@pytest.mark.parametrize("dtype", DTYPES)
def test_stacks_groups_and_convolutions(dtype: str) -> None:
    key = pi.key(5)
    stacked = pi.orthogonal(batch_axis=0)((3, 8, 6), key=key, dtype=dtype)
    np.testing.assert_array_equal(stacked[2], pi.orthogonal()((8, 6), key=key.fold_in(2), dtype=dtype))
    grouped = pi.orthogonal(layout="torch", groups=2)((8, 3), key=key, dtype=dtype)
    one = pi.orthogonal(layout="torch")((4, 3), key=key.fold_in(1), dtype=dtype)
    np.testing.assert_array_equal(grouped[4:], one)
    delta = pi.delta_orthogonal()((3, 3, 4, 6), key=key, dtype=dtype)
    assert np.count_nonzero(delta) == 24
    centre = delta[1, 1].astype(np.complex128)
    np.testing.assert_allclose(centre @ centre.conj().T, np.eye(4), atol=1e-6)


def test_a_vector_of_zeros_still_gives_a_unitary_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyinit.stream import unitary

    def zeros(out: np.ndarray, *rest: object) -> None:
        out[...] = 0

    monkeypatch.setattr(unitary._core, "fill_normal", zeros)
    made = pi.orthogonal()((3, 3), key=0, dtype="complex128")
    np.testing.assert_allclose(made @ made.conj().T, np.eye(3), atol=1e-15)


N, COUNT = 5, 8_000


def score(sample: np.ndarray, expected: float) -> float:
    return float(abs(sample.mean() - expected) / max(sample.std() / math.sqrt(sample.size), 1e-12))


def haar_excess(q: np.ndarray) -> float:
    """Return the worst score of what is known of the Haar measure on U(n).

    E |tr Q^k|^2 = k for k <= n and E tr Q^k = 0 (Diaconis and Shahshahani 1994); the phase of an entry and of
    the determinant is uniform, and |q|^2 is Beta(1, n - 1). It detects, at 8,000 matrices, an E|tr Q|^2 off
    by 0.08, a mean trace of 0.06, and a probability off by 0.028.
    """
    scores, power = [], np.broadcast_to(np.eye(N), q.shape)
    for k in range(1, 4):
        power = power @ q
        trace = np.trace(power, axis1=1, axis2=2)
        scores += [score(trace.real, 0.0), score(trace.imag, 0.0), score(np.abs(trace) ** 2, k)]
    scores.append(distance_excess(np.angle(np.linalg.det(q)) / (2 * np.pi) + 0.5))
    for entry in (q[:, 0, 0], q[:, N - 1, N - 1], q[:, 1, 3], q[:, 4, 0]):
        scores.append(distance_excess(np.angle(entry) / (2 * np.pi) + 0.5))
        scores.append(distance_excess(1 - (1 - np.minimum(np.abs(entry) ** 2, 1)) ** (N - 1)))
    return worst(np.array(scores))


@pytest.fixture(scope="module")
def q() -> np.ndarray:
    return pi.orthogonal(batch_axis=0)((COUNT, N, N), key=7, dtype="complex64").astype(np.complex128)


def test_haar(q: np.ndarray) -> None:
    assert haar_excess(q) < LIMIT


def test_haar_mutants(q: np.ndarray) -> None:
    fixed = np.linalg.qr(np.vander(np.exp(2j * np.pi * np.arange(N) / N)) + np.eye(N))[0]
    assert haar_excess(fixed @ q) < LIMIT
    x = pi.normal()((COUNT, N, N), key=3, dtype="complex128")
    mutants = {
        "the Q of LAPACK's QR, whose R has a real diagonal": np.linalg.qr(x)[0],
        "a real matrix": pi.orthogonal(batch_axis=0)((COUNT, N, N), key=7).astype(np.complex128),
        "determinant 1": q / np.linalg.det(q)[:, None, None] ** (1 / N),
        "phases of the diagonal left out": q * np.exp(-1j * np.angle(np.einsum("bii->bi", q)))[:, None, :],
    }
    for name, mutant in mutants.items():
        assert haar_excess(mutant) > LIMIT, name


def test_haar_by_name() -> None:
    np.testing.assert_array_equal(
        pi.haar(6, key=2, dtype="complex64"), pi.orthogonal()((6, 6), key=2, dtype="complex64")
    )
    with pytest.raises(
        pi.RecipeError, match=r"draws from SO\(n\), which is real; got dtype complex64. Leave"
    ):
        pi.haar(3, key=0, dtype="complex64", special=True)
    assert pi.haar(0, key=0, dtype="complex64").shape == (0, 0)
