"""Small models learn alike from pyinit's recipes and from their libraries' own starts.

The losses of a few seeds are compared in windows of 10 steps, by the distance of their means in standard
errors. Of 4 and 5 seeds it is more than 7 and 6 in less than one of 2,000 windows if both starts are the same
distribution. A start whose matrices are too large by the factor of the mutant is told apart; the short runs
need a larger factor than those of 200 steps, of which docs/gallery has the picture.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.gallery import gallery

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("torchvision_loads")]

# steps, seeds, the distance that is allowed, and the factor that is seen
SHORT = (40, 4, 7.0, 4.0)
LONG = (200, 5, 6.0, 2.0)


@pytest.fixture(scope="module")
def training(torchvision_loads: None) -> Any:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    pytest.importorskip("timm")
    return gallery("library_training")


@pytest.mark.parametrize(
    "length", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", ["llama", "vit", "mamba"])
def test_a_recipe_trains_as_the_librarys_own_start(
    name: str, length: tuple[int, int, float, float], training: Any
) -> None:
    steps, seeds, allowed, factor = length
    if name == "mamba" and length == SHORT:
        # its steps are slow, and its first ones tell most
        steps //= 2
    case = training.CASES[name]
    own = training.curves(case, range(seeds), steps, own=True)
    distance = training.apart(training.curves(case, range(seeds), steps), own)
    assert distance.max() < allowed, distance
    wrong = training.apart(training.curves(case, range(seeds), steps, factor=factor), own)
    assert wrong.max() > allowed, wrong
