"""Networks: what they are made of, their names, their JSON, and what they refuse."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.lab.network.dense import default_recipe
from pyinit.lab.network.network import as_network


def test_names_are_folded_into_the_key() -> None:
    network = pi.mlp([8, 16, 1], "relu", pi.normal(std=0.1), bias=pi.uniform())
    drawn = network.init(key=7)
    assert list(drawn) == ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
    alone = pi.normal(std=0.1)((16, 1), key=pi.key(7).fold_in("layers.1.weight"))
    assert (drawn["layers.1.weight"] == alone).all()
    deeper = pi.mlp([8, 16, 1, 5], "relu", pi.normal(std=0.1))
    assert (deeper.init(key=7)["layers.1.weight"] == alone).all()


def test_mlp_puts_norms_and_skips_where_they_belong() -> None:
    network = pi.mlp([8, 16, 16, 16, 1], "gelu", norm="layer", residual="scaled", output_activation="sigmoid")
    assert [layer.norm for layer in network.layers] == ["layer", "layer", "layer", None]
    assert [layer.branch for layer in network.layers] == [None, 1 / math.sqrt(2), 1 / math.sqrt(2), None]
    assert [layer.activation.name for layer in network.layers] == ["gelu", "gelu", "gelu", "sigmoid"]
    assert network.widths == (8, 16, 16, 16, 1)
    plain = pi.mlp([8, 16, 16, 1], residual=True)
    assert [layer.branch for layer in plain.layers] == [None, 1.0, None]


@pytest.mark.parametrize(
    ("activation", "scale", "mode"),
    [
        ("relu", 2.0, "fan_in"),
        (("leaky_relu", 1.0), 1.0, "fan_in"),
        ("gelu", 2.0, "fan_in"),
        ("selu", 1.0, "fan_in"),
        ("tanh", 1.0, "fan_avg"),
        ("linear", 1.0, "fan_avg"),
        (np.square, 1.0, "fan_avg"),
    ],
)
def test_default_recipes(activation: object, scale: float, mode: str) -> None:
    recipe = default_recipe(activation)
    assert recipe == pi.variance_scaling(scale, mode, "normal")
    assert pi.Dense(4, 4, activation).recipe == recipe  # type: ignore[arg-type]


def test_norms_begin_as_the_identity() -> None:
    drawn = pi.Network((pi.Dense(3, 2, norm="batch"),)).init(key=0)
    assert drawn["layers.0.norm.weight"].tolist() == [1.0, 1.0]
    assert drawn["layers.0.norm.bias"].tolist() == [0.0, 0.0]


def test_arrays_are_given_weights() -> None:
    weight = np.arange(6.0).reshape(3, 2)
    network = as_network([pi.Dense(3, 2, "linear", recipe=weight, bias=np.array([1.0, -1.0]))])
    drawn = network.init(key=0)
    assert (drawn["layers.0.weight"] == weight).all()
    assert (drawn["layers.0.bias"] == [1, -1]).all()
    with pytest.raises(pi.RecipeError, match=r"JSON can name a file only; this recipe copies an array"):
        network.to_json()


@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=6),
    activation=st.sampled_from(["tanh", "relu", ("leaky_relu", 0.25), "gelu_tanh"]),
    recipe=st.sampled_from([None, pi.normal(std=0.1), pi.he_uniform()]),
    bias=st.sampled_from([None, "zeros", pi.uniform(-1, 1)]),
    norm=st.sampled_from([None, "batch", "layer"]),
)
def test_json_says_all(
    widths: list[int], activation: object, recipe: object, bias: object, norm: object
) -> None:
    network = pi.mlp(widths, activation, recipe, bias, norm)  # type: ignore[arg-type]
    assert pi.Network.from_json(network.to_json()) == network
    names = {"Dense": pi.Dense, "Network": pi.Network, "normal": pi.normal, "uniform": pi.uniform}
    assert eval(repr(network), {}, {**vars(pi), **names}) == network


def test_json_of_skips() -> None:
    network = pi.mlp([4, 5, 5, 5, 2], residual="scaled")
    content = json.loads(network.to_json())
    assert content["layers"][1]["branch"] == 1 / math.sqrt(2)
    assert "branch" not in content["layers"][0]
    assert pi.Network.from_dict(content) == network


def test_str_has_a_line_a_layer() -> None:
    lines = str(pi.mlp([8, 16, 16, 1], norm="batch", residual=True)).splitlines()
    assert lines[1] == (
        "layers.1: Dense(16, 16, activation='tanh', recipe=glorot_normal(), norm='batch', branch=1.0)"
    )
    assert len(lines) == 3


def cube(x: np.ndarray) -> np.ndarray:
    return x**3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pi.mlp([8]), pi.ShapeError, r"needs the width of its input and of each layer; got \[8\]"),
        (lambda: pi.mlp(8), pi.ShapeError, r"widths are a sequence of integers; got 8"),
        (lambda: pi.mlp([8, 0, 1]), pi.ShapeError, r"a width must be a positive integer; got 0"),
        (lambda: pi.mlp([8, 2.5]), pi.ShapeError, r"a width must be a positive integer; got 2\.5"),
        (lambda: pi.mlp([8, True]), pi.ShapeError, r"a width must be a positive integer; got True"),
        (lambda: pi.mlp([8, 1], "tanhh", output_activation="relu"), pi.RecipeError, r"unknown activation"),
        (lambda: pi.mlp([8, 4, 1], norm="group"), pi.RecipeError, r"norm is 'batch', 'layer' or None; got"),
        (lambda: pi.mlp([8, 4, 1], residual=2), pi.RecipeError, r"residual is True, False or 'scaled'; got"),
        (lambda: pi.mlp([8, 4, 1], residual=True), pi.ShapeError, r"two or more hidden layers, all of one"),
        (lambda: pi.mlp([8, 4, 5, 1], residual=True), pi.ShapeError, r"all of one width; got widths"),
        (lambda: pi.mlp([8, 1], recipe="he"), pi.RecipeError, r"unknown recipe 'he'"),
        (
            lambda: pi.mlp([8, 1], recipe=0.1),
            pi.RecipeError,
            r"recipe: a recipe or an array is needed",
        ),
        (
            lambda: pi.mlp([8, 1], bias=pi.he_normal()),
            pi.ShapeError,
            r"layers\.0\.bias: .* at least 2 dimensions",
        ),
        (
            lambda: pi.mlp([8, 1], recipe=pi.he_normal(layout="torch")),
            pi.ShapeError,
            r"layers\.0\.weight has shape \(inputs, units\) = \(8, 1\), .* takes 1 for the inputs",
        ),
        (
            lambda: pi.Dense(3, 3, recipe=np.ones((3, 2))),
            pi.ShapeError,
            r"recipe needs shape \(3, 3\) here",
        ),
        (lambda: pi.Dense(3, 2, branch=1.0), pi.ShapeError, r"as many units as inputs; got 3 inputs and 2"),
        (lambda: pi.Dense(3, 3, branch=math.nan), pi.RecipeError, r"branch must be a finite number; got nan"),
        (lambda: pi.Dense(0, 3, "linear"), pi.ShapeError, r"inputs must be a positive integer; got 0"),
        (lambda: pi.Network([]), pi.ShapeError, r"a network needs a layer; got none"),
        (lambda: pi.Network([3]), pi.RecipeError, r"a network is made of layers; got 3"),
        (
            lambda: pi.Network([pi.Dense(3, 4, "linear"), pi.Dense(5, 1, "linear")]),
            pi.ShapeError,
            r"layers\.1 needs 4 inputs, as many as layers\.0 has units; got 5",
        ),
        (lambda: pi.Network([pi.Dense(3, 3, branch=1.0)]), pi.ShapeError, r"no layer before it to skip from"),
        (lambda: as_network(3), pi.RecipeError, r"a network or a list of layers is needed; got int"),
        (lambda: pi.mlp([2, 1], output_activation=cube).to_json(), pi.RecipeError, r"cube is a function"),
        (lambda: pi.Network.from_json("{}"), pi.RecipeError, r'needs a list under "layers"; got \{\}'),
        (lambda: pi.Network.from_json("["), pi.RecipeError, r"a network is not valid JSON"),
        (
            lambda: pi.Network.from_dict({"layers": [{"inputs": 2, "units": 1, "activation": "tanh"}]}),
            pi.RecipeError,
            r"layers\.0 is not a layer that to_dict wrote: 'recipe'",
        ),
        (
            lambda: pi.Network.from_dict(
                {"layers": [{"inputs": 2, "units": 0, "activation": "relu", "recipe": "zeros"}]}
            ),
            pi.ShapeError,
            r"layers\.0: units must be a positive integer; got 0",
        ),
    ],
)
def test_refusals(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_a_layer_that_no_memory_holds_is_refused() -> None:
    for width in (10**20, 10**400):
        with pytest.raises(pi.ShapeError, match=r"^a tensor must have less than 2\*\*63 bytes; shape \(10"):
            pi.mlp([width, 2])
