"""The gallery's pages end with their experiment in the lab: a link that gives their figures."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from pyinit.cli.lab import add_arguments, experiment_of, link_of
from pyinit.lab.experiment.link import from_query
from pyinit.lab.experiment.tour import TOUR
from pyinit.lab.live.session import Session
from tests.gallery import ROOT, gallery, package

VIEWS = {"train", "layers", "compare", "phase", *(f"tour.{one.name}" for one in TOUR)}


LAB = gallery("lab")


def test_every_page_has_an_experiment_or_says_why_not() -> None:
    pages = package()
    assert sorted([*LAB.EXPERIMENTS, *LAB.WITHOUT]) == sorted((*pages.EXPERIMENTS, *pages.OF_LIBRARIES))


@pytest.mark.parametrize("name", LAB.EXPERIMENTS)
def test_a_page_s_command_opens_its_experiment(name: str) -> None:
    experiment, view = LAB.EXPERIMENTS[name]
    text = LAB.footer(name)
    page = ROOT / "docs" / "gallery" / f"{name}.md"
    # the source distribution has no docs
    if (ROOT / "docs").is_dir():
        assert page.read_text(encoding="utf-8").endswith(f"\n\n{text}")
    found = re.search(r"^pyinit lab (.*)$", text, re.MULTILINE)
    assert found is not None
    (query,) = shlex.split(found[1])
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args([query])
    assert from_query(query) == experiment_of(arguments) == experiment
    # the view is kept
    assert link_of(arguments, experiment) == query
    assert query.endswith(f"&view={view}")
    assert view in VIEWS
    if view.startswith("tour."):
        lesson = next(one for one in TOUR if f"tour.{one.name}" == view)
        assert lesson.experiment == experiment
    Session(experiment)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("mnist_training", ("zeros", "uniform", "xavier", "normal")),
        ("zeros", ("zero_accuracy", "constant_accuracy", "xavier_accuracy")),
    ],
)
def test_the_lab_comes_to_the_page_s_figures(name: str, figures: tuple[str, ...]) -> None:
    page = gallery(name).run(draw=False)
    session = Session(LAB.EXPERIMENTS[name][0])
    session.advance(session.experiment.steps)
    assert [row["final_score"] for row in session.table()] == [page.figures[one] for one in figures]
