"""A contender whose numbers are wrong is not timed."""

from __future__ import annotations

import numpy as np
import pytest

from pyinit.cli.bench.answer import EXPECTED, SAMPLE, AnswerError, check_digest, check_moments, digest, sample

N = SAMPLE


def draws(distribution: str) -> np.ndarray:
    generator = np.random.Generator(np.random.SFC64(7))
    if distribution == "uniform":
        return generator.random(N, np.float32)
    if distribution == "normal":
        return generator.standard_normal(N, np.float32)
    values = generator.standard_normal(2 * N)
    return values[np.abs(values) <= 2][:N].astype(np.float32)


@pytest.mark.parametrize("distribution", EXPECTED)
def test_right_moments_pass(distribution: str) -> None:
    check_moments(draws(distribution), distribution, "float32", "peer")


@pytest.mark.parametrize("distribution", EXPECTED)
@pytest.mark.parametrize("mutant", ["std off by 1 %", "mean off by 0.01", "constant", "nan"])
def test_mutants_fail(distribution: str, mutant: str) -> None:
    values = draws(distribution)
    mean = np.float32(EXPECTED[distribution].mean)
    if mutant == "std off by 1 %":
        values = (values - mean) * np.float32(1.01) + mean
    elif mutant == "mean off by 0.01":
        values = values + np.float32(0.01)
    elif mutant == "constant":
        values = np.full(N, mean)
    else:
        values[N // 3] = np.nan
    with pytest.raises(AnswerError, match=rf"peer: {distribution} float32 needs (mean|variance)"):
        check_moments(values, distribution, "float32", "peer")


def test_bfloat16_is_read_as_bits() -> None:
    bits = ((draws("normal").view(np.uint32) + 0x8000) >> 16).astype(np.uint16)
    check_moments(bits, "normal", "bfloat16", "peer")
    with pytest.raises(AnswerError, match="needs mean 0 within"):
        check_moments(bits & 0x7FFF, "normal", "bfloat16", "a missing sign")


def test_truncated_moments_are_the_known_ones() -> None:
    # The constant of Keras and JAX: at two sigma the std is 0.87962566103423978.
    assert EXPECTED["truncated_normal"].variance == pytest.approx(0.87962566103423978**2, rel=1e-14)


def test_sample_takes_both_ends() -> None:
    values = np.arange(3 * SAMPLE, dtype=np.float32)
    taken = sample(values)
    assert taken.size == SAMPLE
    assert taken[0] == 0
    assert taken[-1] == values[-1]


def test_digest_sees_one_bit() -> None:
    values = draws("normal")
    want = digest(values)
    check_digest(values, want, "pyinit")
    values.view(np.uint32)[4095] ^= 1
    with pytest.raises(AnswerError, match=f"pyinit: the first elements need digest {want}; got"):
        check_digest(values, want, "pyinit")
