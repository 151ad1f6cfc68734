"""The experiment of each page in the lab: its own, or a lesson of the tour where the lab has no such data."""

from __future__ import annotations

from pyinit.lab.experiment.experiment import Experiment
from pyinit.lab.experiment.link import to_query
from pyinit.lab.experiment.start import Start
from pyinit.lab.experiment.tour import TOUR

__all__ = ["EXPERIMENTS", "WITHOUT", "footer", "link"]

_TOUR = {one.name: one.experiment for one in TOUR}
_MNIST = {"data": "mnist", "optimizer": "sgd", "learning_rate": 0.1, "batch_size": 128, "seed": 0}
_ABALONE = {
    "data": "abalone",
    "depth": 8,
    "width": 16,
    "learning_rate": 0.005,
    "batch_size": 64,
    "steps": 735,
}
_XAVIER, _HE, _NORMAL, _ZEROS = (Start(one) for one in ("xavier_normal", "he_normal", "normal", "zeros"))
_SMALL = Start("normal", (("std", 0.01),))
_POSITIVE = Start("uniform", (("low", 0.0), ("high", 1.0)))

EXPERIMENTS: dict[str, tuple[Experiment, str]] = {
    "abalone_layers": (Experiment(**_ABALONE, runs=(_NORMAL, _XAVIER, _HE, _POSITIVE)), "layers"),
    "abalone_training": (
        Experiment(**_ABALONE, activation="relu", runs=(_ZEROS, _NORMAL, _XAVIER, _HE)),
        "compare",
    ),
    "mnist_training": (
        Experiment(**_MNIST, depth=5, width=64, steps=96, runs=(_ZEROS, _POSITIVE, _XAVIER, _NORMAL)),
        "layers",
    ),
    "zeros": (
        Experiment(
            **_MNIST,
            depth=5,
            width=64,
            steps=96,
            runs=(_ZEROS, Start("constant", (("value", 0.1),)), _XAVIER),
        ),
        "compare",
    ),
    "small_weights": (
        Experiment(**_MNIST, depth=6, width=100, activation="relu", steps=160, runs=(_SMALL, _HE)),
        "layers",
    ),
    "linear_chain": (
        Experiment(
            "circles",
            depth=10,
            width=8,
            activation="linear",
            optimizer="sgd",
            learning_rate=0.001,
            steps=100,
            runs=(Start("identity", scale=1.5), Start("identity", scale=0.5)),
        ),
        "layers",
    ),
    "saturation": (_TOUR["saturation"], "tour.saturation"),
    "orthogonal_depth": (_TOUR["orthogonal_depth"], "tour.orthogonal_depth"),
    "batch_norm": (
        Experiment(
            **_MNIST,
            depth=6,
            width=64,
            activation="relu",
            norm="batch",
            steps=128,
            runs=(_HE, _SMALL, _NORMAL),
        ),
        "compare",
    ),
    "patterns": (_TOUR["sparse"], "tour.sparse"),
    "fine_tuning": (_TOUR["fine_tuned"], "tour.fine_tuned"),
}
"""By the name of the page: what the lab begins with, and the view that it shows."""

WITHOUT = {
    "widths": "The lab trains networks of one width; `pi.coordinate_check` makes these figures.",
    "model_recipes": "The lab has no models of libraries; `tools/gallery/library_training.py` trains them.",
}
"""Pages whose experiment the lab does not have, with what to use."""


def link(name: str) -> str:
    """Return what follows the # in the lab's address."""
    experiment, view = EXPERIMENTS[name]
    return f"{to_query(experiment)}&view={view}"


def footer(name: str) -> str:
    """Return the end of a page: the command that opens its experiment in the lab, or why there is none."""
    if name in WITHOUT:
        return f"{WITHOUT[name]}\n"
    return f"In the lab, to play with:\n\n```bash\npyinit lab '{link(name)}'\n```\n"
