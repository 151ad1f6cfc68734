"""Statistics tell laws apart, and do not see differences where there are none.

The smallest errors that are detected with n numbers on each side: mean 7.1 std / sqrt(n), std a share of
5 / sqrt(n), kurtosis 35 / sqrt(n). With n = 20,000: 5 % of a std, 3.6 %, 0.25.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.verification.laws import by_statistics

N = 20_000
STD = 0.04
SHAPE = (100, 200)


def numbers(recipe: pi.Recipe, key: int) -> np.ndarray:
    return recipe((N,), key=key)


@pytest.mark.parametrize(
    "recipe",
    [pi.normal(std=STD), pi.uniform(-STD, STD), pi.truncated_normal(std=STD), pi.normal(mean=1.0, std=STD)],
)
def test_other_draws_of_a_law_are_of_that_law(recipe: pi.Recipe) -> None:
    for key in range(50):
        kind, facts = by_statistics(SHAPE, numbers(recipe, key), numbers(recipe, 1000 + key))
        assert (kind, facts["same_law"]) == ("values", True)


@pytest.mark.parametrize(
    "mutant",
    [
        pi.normal(std=STD * 1.06),
        pi.normal(std=STD * 0.94),
        pi.normal(mean=STD * 0.09, std=STD),
        # of the same mean and std
        pi.uniform(-STD * 3**0.5, STD * 3**0.5),
        pi.truncated_normal(std=STD, correct=True),
    ],
)
def test_mutants_are_of_another_law(mutant: pi.Recipe) -> None:
    for key in range(50):
        _, facts = by_statistics((N,), numbers(mutant, key), numbers(pi.normal(std=STD), 1000 + key))
        assert not facts["same_law"], key


@pytest.mark.parametrize(
    ("recipe", "by"),
    [
        (pi.uniform(-(200**-0.5), 200**-0.5), "torch.nn.Linear"),
        (pi.normal(std=0.02), "transformers (std 0.02)"),
        (pi.normal(), "torch.nn.Embedding"),
        # mutants: another bound, another std, a mean, another law of that std
        (pi.uniform(-1.05 * 200**-0.5, 1.05 * 200**-0.5), None),
        (pi.normal(std=0.0212), None),
        (pi.normal(mean=0.002, std=0.02), None),
        (pi.uniform(-0.02 * 3**0.5, 0.02 * 3**0.5), None),
    ],
)
def test_who_began_it(recipe: pi.Recipe, by: str | None) -> None:
    for key in range(20):
        kind, facts = by_statistics(SHAPE, numbers(recipe, key), numbers(pi.normal(std=0.5), 1000 + key))
        assert (kind, facts.get("by")) == (("values" if by is None else "reinitialized"), by)


def test_few_numbers_are_nobodys() -> None:
    kind, _ = by_statistics((10, 10), numbers(pi.normal(std=0.02), 1)[:100], numbers(pi.normal(), 2)[:100])
    assert kind == "values"


def test_numbers_that_overflow_are_told_without_a_warning() -> None:
    large = np.full(1000, 3e38, np.float32)
    large[::2] *= -1
    kind, facts = by_statistics((1000,), large, numbers(pi.normal(), 1)[:1000])
    assert (kind, facts["nonfinite"], facts["same_law"]) == ("values", 0, False)
    kind, facts = by_statistics((4,), np.full(4, np.nan, np.float32), numbers(pi.normal(), 1)[:4])
    assert (kind, facts["nonfinite"], facts["same_law"]) == ("values", 4, False)
