"""An experiment is read strictly, written in one way, and refuses in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit.errors import ArgumentError
from pyinit.lab.experiment.experiment import NORMS, OPTIMIZERS, Experiment
from pyinit.lab.experiment.limits import LIMITS
from pyinit.lab.experiment.link import from_query, to_query
from pyinit.lab.experiment.options import options, presets
from pyinit.lab.experiment.sets import SETS
from pyinit.lab.experiment.start import RECIPES, STARTS, Start, parameters_of, scaled
from pyinit.recipes.scaling import VarianceScaling
from pyinit.theory.activation import NAMES

SCALED = [
    pi.normal(mean=0.5, std=0.3),
    pi.uniform(-1.0, 2.0),
    pi.truncated_normal(std=0.5),
    pi.truncated_normal(low=-0.3, high=0.4, unit="absolute"),
    pi.he_normal(),
    pi.glorot_uniform(),
    pi.orthogonal(1.5),
    pi.identity(),
    pi.constant(0.7),
    pi.sparse(0.5, std=0.2),
]


def starts() -> st.SearchStrategy[Start]:
    """Return starts of recipes, with numbers for some of their parameters."""
    real = st.floats(0.01, 10.0)
    named = st.sampled_from(["normal", "he_normal", "orthogonal", "zeros", "critical_normal", "sparse"])
    own = {"normal": "std", "he_normal": "a", "orthogonal": "gain"}

    def made(recipe: str, value: float, scale: float, sigma_b: float) -> Start:
        given_ = ((own[recipe], value),) if recipe in own else ()
        return Start(recipe, given_, scale, sigma_b)

    return st.builds(made, named, real, st.floats(0.0, 1000.0), st.floats(0.0, 10.0))


def experiments() -> st.SearchStrategy[Experiment]:
    """Return experiments of all kinds; tanh has an edge of chaos for every spread of the biases."""
    return st.builds(
        Experiment,
        data=st.sampled_from(SETS) | st.just("my file, 2 & more = 鲍.csv"),
        depth=st.integers(1, 100),
        width=st.integers(1, 512),
        activation=st.just("tanh"),
        norm=st.sampled_from(NORMS),
        optimizer=st.sampled_from(sorted(OPTIMIZERS)),
        learning_rate=st.floats(1e-6, 100.0),
        batch_size=st.integers(1, 1024),
        steps=st.integers(1, 1_000_000),
        seed=st.integers(0, 2**32 - 1),
        runs=st.lists(starts(), min_size=1, max_size=4).map(tuple),
    )


@given(experiments())
@settings(max_examples=40, deadline=None)
def test_json_and_link_give_the_same_experiment_again(experiment: Experiment) -> None:
    assert Experiment.from_json(experiment.to_json()) == experiment
    query = to_query(experiment)
    assert from_query(query) == experiment
    assert from_query("#" + query + "&view=tour&lang=zh&theme=dark") == experiment
    assert to_query(from_query(query)) == query
    assert set(query.split("data=")[1].split("&")[0]).isdisjoint(" &=")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01, "0.01"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (100.0, "100"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (-2.5, "-2.5"),
    ],
)
def test_numbers_in_links_are_written_as_javascript_writes_them(value: float, text: str) -> None:
    query = to_query(Experiment(runs=(Start("normal", (("mean", value),)),)))
    assert query.split("run=")[1] == f"normal,mean:{text}"


def test_what_is_left_out_has_its_default_and_what_is_default_is_left_out() -> None:
    assert from_query("") == Experiment()
    assert Start("normal", (("std", 1),)) == Start("normal")
    assert to_query(from_query("run=sparse,sparsity:0.9")).endswith("run=sparse")
    assert from_query("run=he_normal,truncated:true").runs[0].parameters == (("truncated", True),)
    assert from_query("run=he_normal,mode:fan_out").runs[0].parameters == (("mode", "fan_out"),)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"depth": 0}, "depth must be an integer from 1 to 100; got 0"),
    ({"depth": 101}, "depth must be"),
    ({"depth": True}, "depth must be"),
    ({"depth": 3.0}, "depth must be"),
    ({"width": 513}, "width must be"),
    ({"learning_rate": 0}, "learning_rate must be a number from 1e-06 to 100"),
    ({"learning_rate": "0.1"}, "learning_rate must be"),
    ({"learning_rate": float("nan")}, "learning_rate must be"),
    ({"batch_size": 2000}, "batch_size must be"),
    ({"steps": 10**7}, "steps must be"),
    ({"seed": -1}, "seed must be"),
    ({"seed": 2**32}, "seed must be"),
    ({"activation": "tan"}, "there is no activation 'tan'. Did you mean tanh?"),
    ({"activation": ["leaky_relu", 0.2]}, "there is no activation"),
    ({"norm": None}, "there is no norm None"),
    ({"optimizer": "lion"}, "there is no optimizer"),
    ({"data": ""}, "data is the name"),
    ({"data": "a\nb"}, "data is the name"),
    ({"data": 3}, "data is the name"),
    ({"runs": []}, "an experiment has 1 to 4 runs"),
    ({"runs": ["zeros"] * 5}, "an experiment has 1 to 4 runs"),
    ({"runs": "zeros"}, "an experiment has 1 to 4 runs"),
    ({"runs": ["he_norml"]}, "there is no recipe 'he_norml' here. Did you mean he_normal"),
    ({"runs": ["dirac"]}, "there is no recipe 'dirac' here"),
    ({"runs": [{"recipe": "pretrained", "parameters": {"source": "/etc/passwd"}}]}, "there is no recipe"),
    ({"runs": [{"recipe": "normal", "std": 1}]}, "a run has recipe, parameters, scale and sigma_b"),
    ({"runs": [{"recipe": "normal", "parameters": []}]}, "parameters are a JSON object"),
    ({"runs": [{"recipe": "normal", "parameters": {"stddev": 1}}]}, "normal takes mean, std; got 'stddev'"),
    ({"runs": [{"recipe": "he_normal", "parameters": {"layout": "torch"}}]}, "he_normal takes a, mode"),
    ({"runs": [{"recipe": "normal", "parameters": {"std": [1]}}]}, "normal's std is a number"),
    ({"runs": [{"recipe": "normal", "parameters": {"std": None}}]}, "normal's std is a number"),
    ({"runs": [{"recipe": "normal", "parameters": {"std": "1 or 2"}}]}, "normal's std is a number"),
    ({"runs": [{"recipe": "normal", "parameters": {"std": -1}}]}, "std"),
    ({"runs": [{"recipe": "sparse", "parameters": {"sparsity": 2}}]}, "sparsity"),
    ({"runs": [{"recipe": "normal", "scale": -1}]}, "scale must be a number from 0 to 1000"),
    ({"runs": [{"recipe": "normal", "sigma_b": 11}]}, "sigma_b must be"),
    ({"runs": [{"recipe": "critical_normal", "sigma_b": 1}], "activation": "relu"}, "no edge of chaos"),
    ({"runs": [{"recipe": "fine_tuned", "scale": 2}]}, "fine_tuned takes neither scale nor sigma_b"),
    ({"runs": [{"recipe": "fine_tuned", "parameters": {"steps": 10**6}}]}, "steps of the first training"),
    ({"runs": [{"recipe": "fine_tuned"}], "norm": "batch"}, "fine_tuned is for networks without norm"),
    ({"runs": [3]}, 'a run needs a name under "recipe"'),
    ({"deepth": 3}, "an experiment has no 'deepth'. Did you mean depth?"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_what_is_not_valid_is_refused_in_one_line(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Experiment.from_dict(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("depth=3&depth=3", "a link names depth twice"),
        ("depth=+3", "depth must be an integer; got '+3'"),
        ("depth=3.0", "depth must be an integer"),
        ("depth=", "depth must be an integer"),
        ("learning_rate=nan", "learning_rate must be a number"),
        ("learning_rate=1_0", "learning_rate must be a number"),
        ("learning_rate=0x1", "learning_rate must be a number"),
        ("depth", "a link has no setting 'depth'"),
        ("__class__=1", "a link has no setting"),
        ("data=%FF", "a link is UTF-8"),
        ("run=normal,std", "a run is a recipe"),
        ("run=normal,std:1,std:2", "a run is a recipe"),
        ("run=normal,std:1e999", "std"),
        ("run=", "there is no recipe ''"),
        ("x" * 3000, "a link has at most 2000 characters"),
    ],
)
def test_a_wrong_link_is_refused(query: str, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        from_query(query)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def read_or_refused(read: Callable[[Any], Experiment], content: Any) -> Experiment | None:
    """Return the experiment, or None where it was refused in one line; any other error is a fault."""
    try:
        return read(content)
    except ArgumentError as error:
        lines = str(error).splitlines()
    assert len(lines) == 1
    return None


@given(st.text(max_size=60) | st.text("adenphrtu=&,:.0123456789%", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_experiment_or_refused(text: str) -> None:
    for found in filter(None, (read_or_refused(read, text) for read in (from_query, Experiment.from_json))):
        assert from_query(to_query(found)) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["data", "depth", "width", "activation", "norm", "optimizer", "learning_rate", "seed", "runs"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_json_is_an_experiment_or_refused(content: dict[str, Any]) -> None:
    found = read_or_refused(Experiment.from_dict, content)
    assert found is None or Experiment.from_json(found.to_json()) == found


@pytest.mark.parametrize("recipe", SCALED, ids=repr)
def test_a_scaled_recipe_draws_the_same_numbers_times_the_factor(recipe: pi.Recipe) -> None:
    ours, theirs = scaled(recipe, 3.0)((40, 30), key=1), recipe((40, 30), key=1) * 3.0
    assert abs(ours - theirs).max() <= 1e-5 * abs(theirs).max()
    assert not scaled(recipe, 0.0)((4, 3), key=1).any()
    assert scaled(recipe, 1.0) is recipe


def test_a_critical_scale_has_the_same_bits_on_machines_whose_exp_differs() -> None:
    for sigma_b in (0.0, 0.1, 0.3, 0.7, 1.3, 2.0):
        exact = pi.critical_normal("tanh", sigma_b=sigma_b)
        ours = Start("critical_normal", sigma_b=sigma_b).weight("tanh")
        assert isinstance(exact, VarianceScaling)
        assert isinstance(ours, VarianceScaling)
        # quadrature and roots are within 1e-12; the ninth digit is the last that is kept
        for error in (-1e-12, 1e-12):
            assert ours.scale == float(f"{exact.scale * (1 + error):.9g}")
        assert ours.scale == pytest.approx(exact.scale, rel=1e-8)
        assert len(repr(ours.scale)) <= 11
    assert repr(Start("critical_normal").weight("tanh")) == "variance_scaling()"


def test_a_mutant_of_scaled_recipes_is_seen() -> None:
    # the scale of variance_scaling is a variance: multiplied by the factor itself, weights are too small
    recipe = pi.he_normal()
    wrong = pi.variance_scaling(2.0 * 3.0)((40, 30), key=1)
    theirs = recipe((40, 30), key=1) * 3.0
    assert abs(wrong - theirs).max() > 1e-2 * abs(theirs).max()


def test_the_page_is_offered_what_experiments_take() -> None:
    offered = json.loads(json.dumps(options(), allow_nan=False))
    assert [one["name"] for one in offered["data"]] == list(SETS)
    assert offered["activations"] == list(NAMES)
    assert set(offered["limits"]) == {*LIMITS, "upload"}
    for one in offered["recipes"]:
        given_ = {p["name"]: p["default"] for p in one["parameters"]}
        runs = [{"recipe": one["name"], "parameters": given_}]
        assert Experiment.from_dict({"runs": runs}).runs == (Start(one["name"]),)
    for name, rate in OPTIMIZERS.items():
        network, data = pi.mlp([2, 1]), pi.data.moons(10)
        history = pi.train(network, data, optimizer=name, steps=1)
        assert history.optimizer.learning_rate == rate
    assert [one["experiment"]["runs"][0]["scale"] for one in presets()] == [0.0, 0.2, 1.0, 5.0]
    for one in presets():
        assert Experiment.from_dict(one["experiment"]).to_dict() == one["experiment"]


def test_every_recipe_of_matrices_is_offered() -> None:
    from pyinit.recipes.recipe import _MAKERS

    left = set(_MAKERS) - set(STARTS)
    # of other layers than dense ones, or copies
    convolutions = {"bilinear", "delta_orthogonal", "dirac", "icnr"}
    # vectors of models with a state
    states = {"chrono", "inverse_softplus", "log_decay", "log_of_uniform", "log_uniform"}
    assert left == convolutions | states | {
        "along",
        "blocks",
        "fourier_features",
        "hippo",
        "pretrained",
        "siren_uniform",
    }
    assert set(RECIPES) <= set(_MAKERS)
    assert parameters_of("normal") == {"mean": 0.0, "std": 1.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"depth": 100, "width": 512, "runs": ["zeros"]}, "weights; the lab takes 4,194,304"),
        ({"data": "mnist", "depth": 50, "width": 280, "batch_size": 1024}, "rows in a batch"),
        ({"data": "mnist", "depth": 100, "width": 200, "batch_size": 8}, "rows of data"),
        ({"data": "nowhere.csv"}, "there is no data set 'nowhere.csv'"),
        ({"depth": 60, "width": 128, "runs": [{"recipe": "fine_tuned"}]}, "300 steps take"),
        ({"data": "mnist", "runs": [{"recipe": "fine_tuned"}]}, "begins on another sample of the data"),
    ],
)
def test_too_large_a_network_is_refused_before_it_is_drawn(content: dict[str, Any], message: str) -> None:
    experiment = Experiment.from_dict(content)
    with pytest.raises(ArgumentError, match=message):
        experiment.networks(experiment.source())
