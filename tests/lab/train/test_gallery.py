"""What initializations are known to do comes out: the figures of every page of the gallery, within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from tests.gallery import ROOT, gallery, package


@lru_cache
def page(name: str) -> Any:
    """Run an experiment, once."""
    return gallery(name).run(draw=False)


def near(value: float, wanted: float, relative: float) -> bool:
    return abs(value / wanted - 1) <= relative


# Accuracies on 1,000 rows have a standard error of 0.016 at most.
BOUNDS: dict[str, Callable[[dict[str, Any]], dict[str, bool]]] = {
    "zeros": lambda f: {
        "begins at ln 10": near(f["zero_first"], math.log(10), 1e-12)
        and near(f["constant_first"], math.log(10), 1e-6),
        "hidden units stay identical": f["zero_apart"] == f["constant_apart"] == 0.0,
        "as those of a drawn start do not": f["xavier_apart"] > 0.1,
        "the loss of all digits stays at ln 10": f["zero_drift"] < 1e-4,
        "a batch's loss stays near": near(f["zero_last"], math.log(10), 0.01),
        "zeros are at chance": f["zero_accuracy"] == 0.1,
        "constants hardly learn": f["constant_accuracy"] < 0.3,
        "Xavier learns": f["xavier_accuracy"] > 0.85,
        "logistic regression begins at ln 2": near(f["logistic_first"], math.log(2), 1e-12),
        "and trains": f["logistic_accuracy"] > 0.94,
    },
    "mnist_training": lambda f: {
        "zeros send nothing back": f["zeros_gradient"] == 0.0,
        "U(0, 1) is flat": min(f["uniform_flat_first"], f["uniform_flat_last"]) > 0.98,
        "and sends nothing back": f["uniform_gradient"] < 1e-12,
        "N(0, 1) is mostly flat": min(f["normal_flat_first"], f["normal_flat_last"]) > 0.7,
        "Xavier is not": max(f["xavier_flat_first"], f["xavier_flat_last"]) < 0.02,
        "only Xavier learns": f["xavier"] > 0.85 and max(f["zeros"], f["uniform"], f["normal"]) < 0.4,
    },
    "abalone_training": lambda f: {
        "zeros predict the mean": near(f["tanh_zeros"], 3.066, 0.002) and near(f["relu_zeros"], 3.066, 0.002),
        "N(0, 1) has not learned": f["tanh_normal"] > 2.4 and f["relu_normal"] > 10,
        "the others beat least squares": max(
            f[f"{a}_{s}"] for a in ("tanh", "relu") for s in ("xavier", "he")
        )
        < 2.126,
    },
    "small_weights": lambda f: {
        "one hidden layer learns": f["shallow"] > 0.85,
        "five do not": f["deep"] < 0.15,
        "with He they do": f["he"] > 0.85,
        "sd of 100 * 0.01^2 / 2 a layer": near(f["shrinks"], 0.01 * math.sqrt(50), 0.15),
    },
    "orthogonal_depth": lambda f: {
        "learning time does not depend on depth": max(f["orthogonal"]) < 1.2 * min(f["orthogonal"]),
        "and there is one": max(f["orthogonal"]) < f["steps"],
        "Gaussian chains need longer the deeper": f["gaussian"][0] < f["gaussian"][1] < f["gaussian"][2],
        "the deepest is not there in time": f["gaussian"][2] == f["steps"],
    },
    "batch_norm": lambda f: {
        "plain needs He": f["plain_he"] > 0.8 and max(f["plain_small"], f["plain_large"]) < 0.15,
        "plain diverges from N(0, 1)": f["plain_said"].startswith("diverged at step"),
        "normalized trains": f["batch_he"] > 0.85 and f["batch_small"] > 0.8 and f["batch_large"] > 0.4,
        "gradients grow by pi / (pi - 1)": near(f["growth"], f["theory"], 0.03),
        "whatever the weights": f["agree"] < 1e-3,
    },
    "fine_tuning": lambda f: {
        "both begin at zero": f["random_first"] == f["tuned_first"],
        "pretrained is ahead early": f["tuned_early"] > f["random_early"] + 0.05,
        "and late": f["tuned_last"] > f["random_last"] + 0.02,
    },
    "widths": lambda f: {
        "standard grows": min(f["standard"], f["standard_adam"]) > 0.4,
        "muP stays": max(abs(f["mup"]), abs(f["mup_adam"])) < 0.2 and f["stable"],
        "one training at the base width": f["same"],
    },
    "abalone_layers": lambda f: {
        "N(0, 1) piles tanh up": f["tanh_normal_is"] == "saturated" and f["tanh_normal_end"] > 0.3,
        "U(0, 1) more so": f["tanh_uniform_is"] == "saturated" and f["tanh_uniform_end"] > 0.9,
        "Xavier holds": f["tanh_xavier_is"] == f["tanh_xavier_u_is"] == "healthy",
        "relu with Xavier decays": f["relu_xavier_rate"] < 0.85,
        "where He holds": f["relu_he_is"] == f["relu_he_u_is"] == "healthy",
        "by sqrt(1/2)": near(f["ratio"], math.sqrt(0.5), 1e-5),
        "relu explodes otherwise": f["relu_normal_is"] == f["relu_uniform_is"] == "exploding",
    },
    "linear_chain": lambda f: {
        "ten layers": (f["up"][9], f["down"][9]) == (57.6650390625, 0.0009765625),
        "nine layers": (f["up"][8], f["down"][8]) == (1.5**9, 0.5**9),
        "and back": (f["up_gradient"], f["down_gradient"]) == (1.5**9, 0.5**9),
    },
    "saturation": lambda f: {
        # 10,000 units know a std to 0.7 %
        "sqrt(250)": near(f["sd"], math.sqrt(250), 0.02),
        "flat": f["large_flat"] > 0.85 and f["fitting_flat"] < 0.05,
        # P(|z| < 2.178) with z of std 15.811
        "as many as normal numbers are": abs(f["large_flat"] - math.erfc(f["edge"] / math.sqrt(500))) < 0.01,
        "nothing comes back": f["large_slope"] < 0.06 and f["fitting_slope"] > 0.5,
    },
    "patterns": lambda f: {
        "15 inputs, whatever the width": near(f["sparse_100"], math.sqrt(15), 0.03)
        and near(f["sparse_1000"], math.sqrt(15), 0.03),
        "dense weights grow": near(f["dense_1000"], math.sqrt(1000), 0.03),
        "an identity is one": f["identity_linear"] and f["identity_relu"],
        "a ramp stays a ramp": f["ramp_error"] < 1e-6,
        "a mean stays": f["mean_change"] < 1e-6,
    },
}


@pytest.mark.parametrize("name", BOUNDS)
def test_figures(name: str) -> None:
    found = page(name)
    wrong = [claim for claim, holds in BOUNDS[name](dict(found.figures)).items() if not holds]
    assert wrong == [], found.figures


@pytest.mark.parametrize("name", BOUNDS)
def test_the_page_says_what_is_measured_now(name: str) -> None:
    # the source distribution has no docs
    written = ROOT / "docs" / "gallery" / f"{name}.md"
    if (ROOT / "docs").is_dir():
        assert written.read_text(encoding="utf-8") == page(name).markdown(), "run python -m tools.gallery"
        picture = (ROOT / "docs" / "gallery" / f"{name}.png").read_bytes()
        assert picture[:4] == b"\x89PNG"
        assert len(picture) < 100_000


def test_every_page_has_bounds() -> None:
    assert sorted(package().EXPERIMENTS) == sorted(BOUNDS)


@pytest.mark.parametrize(
    ("name", "mutant", "claim"),
    [
        # one bit of a weight
        ("zeros", {"constant_apart": 2.0**-27}, "hidden units stay identical"),
        # as if a batch had been drawn from nine digits
        ("zeros", {"zero_first": math.log(9)}, "begins at ln 10"),
        ("mnist_training", {"xavier": 0.6}, "only Xavier learns"),
        # the best line, which a network has to beat
        ("abalone_training", {"relu_he": 2.126}, "the others beat least squares"),
        # without the half that relu takes
        ("small_weights", {"shrinks": 0.1}, "sd of 100 * 0.01^2 / 2 a layer"),
        ("orthogonal_depth", {"orthogonal": [25, 38, 100]}, "learning time does not depend on depth"),
        # relu of normal numbers that are not centred again: 1 / (1 - 1/2)
        ("batch_norm", {"growth": 2.0}, "gradients grow by pi / (pi - 1)"),
        ("widths", {"standard": 0.3}, "standard grows"),
        ("widths", {"mup_adam": -0.25}, "muP stays"),
        ("fine_tuning", {"tuned_early": 0.74}, "pretrained is ahead early"),
        # weights 3 % too large
        ("saturation", {"sd": 1.03 * math.sqrt(250)}, "sqrt(250)"),
        ("abalone_layers", {"ratio": math.sqrt(0.5) * 1.0001}, "by sqrt(1/2)"),
        ("linear_chain", {"up_gradient": math.nextafter(1.5**9, 0.0)}, "and back"),
        # 16 inputs for 15
        ("patterns", {"sparse_1000": 4.0}, "15 inputs, whatever the width"),
        ("patterns", {"ramp_error": 1e-3}, "a ramp stays a ramp"),
    ],
)
def test_bounds_can_fail(name: str, mutant: dict[str, Any], claim: str) -> None:
    figures = dict(page(name).figures)
    assert BOUNDS[name](figures)[claim]
    assert not BOUNDS[name](figures | mutant)[claim]
