"""A rule's depth: the factor of all layers and of each one, and what is refused."""

from __future__ import annotations

import math

import pytest

import pyinit as pi
from pyinit.errors import RecipeError
from pyinit.recipes.depth import layer_of
from pyinit.recipes.rules_json import rules_from_json

SHAPES = {f"layers.{i}.{part}.weight": (256, 256) for i in range(3) for part in ("up", "down")}


def _std(recipe: object, name: str) -> float:
    made = pi.init_params(SHAPES, recipe, key=0)  # type: ignore[arg-type]
    return float(made[name].std())


def test_the_depth_divides_the_std_by_the_root_of_two_layers() -> None:
    # 65,536 draws: the std of one tensor is known within 0.3 %, so that 1.4 % is an error of 5 sigma
    rules = [pi.Rule("*.down.weight", pi.normal(std=0.02), depth=pi.Depth(3)), ("*", pi.normal(std=0.02))]
    for layer in range(3):
        assert _std(rules, f"layers.{layer}.down.weight") == pytest.approx(0.02 / math.sqrt(6), rel=0.014)
        assert _std(rules, f"layers.{layer}.up.weight") == pytest.approx(0.02, rel=0.014)


def test_per_layer_counts_from_one() -> None:
    rules = [pi.Rule("*", pi.normal(std=0.02), depth=pi.Depth(3, per_layer=True))]
    for layer in range(3):
        expected = 0.02 / math.sqrt(2 * (layer + 1))
        assert _std(rules, f"layers.{layer}.up.weight") == pytest.approx(expected, rel=0.014)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (pi.normal(mean=1.0, std=0.5), pi.normal(mean=0.5, std=0.25)),
        (pi.uniform(-1, 3), pi.uniform(-0.5, 1.5)),
        (pi.uniform(-1, 3).scaled(0.5), pi.uniform(-0.25, 0.75)),
        (pi.truncated_normal(std=2.0, low=-3, high=3), pi.truncated_normal(std=1.0, low=-3, high=3)),
        (
            pi.truncated_normal(std=2.0, low=-3, high=3, unit="absolute"),
            pi.truncated_normal(std=1.0, low=-1.5, high=1.5, unit="absolute"),
        ),
        (pi.he_normal(), pi.variance_scaling(0.5)),
        (pi.orthogonal(2.0), pi.orthogonal()),
        (pi.delta_orthogonal(2.0), pi.delta_orthogonal()),
        (pi.identity(2.0), pi.identity()),
        (pi.along([1, 2]), pi.along([0.5, 1])),
        (pi.sparse(0.5, std=1.0), pi.sparse(0.5, std=0.5)),
        (pi.ones(), pi.constant(0.5)),
    ],
)
def test_scaled_recipes(recipe: pi.Recipe, expected: pi.Recipe) -> None:
    assert recipe.scaled(0.5) == expected
    assert recipe.scaled(1.0) == recipe


@pytest.mark.parametrize("recipe", [pi.uniform(-1, 1), pi.truncated_normal(), pi.normal(), pi.he_normal()])
def test_a_factor_of_zero_makes_zeros(recipe: pi.Recipe) -> None:
    assert not recipe.scaled(0.0)((4, 4), key=0).any()


@pytest.mark.parametrize("factor", [-1.0, math.nan, math.inf, "2", True])
def test_a_factor_that_is_not_valid_is_refused(factor: object) -> None:
    with pytest.raises(RecipeError, match="the factor of a recipe"):
        pi.normal().scaled(factor)  # type: ignore[arg-type]


def test_what_has_no_scale_is_refused_by_name() -> None:
    with pytest.raises(
        RecipeError, match=r"dirac has no number that scales what it makes; got a factor of 0.5"
    ):
        pi.dirac().scaled(0.5)


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (pi.Depth(2), "layers are 0 to 1; 'layers.2.up.weight' is of layer 2. Give the model's depth"),
        (pi.Depth(2, per_layer=True), "layers are 0 to 1; 'layers.2.up.weight' is of layer 2"),
    ],
)
def test_a_depth_smaller_than_the_model_is_refused(depth: pi.Depth, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        pi.init_params(SHAPES, [pi.Rule("*", "he_normal", depth=depth)], key=0)


def test_a_name_without_a_layer_has_no_factor_of_its_own() -> None:
    rule = pi.Rule("*", "he_normal", depth=pi.Depth(2, per_layer=True))
    with pytest.raises(RecipeError, match=r"'down.weight' has none"):
        pi.init_params({"down.weight": (4, 4)}, [rule], key=0)


@pytest.mark.parametrize("layers", [0, -1, 1.5, None, "3"])
def test_layers_that_are_no_count_are_refused(layers: object) -> None:
    with pytest.raises(RecipeError, match="depth"):
        pi.Depth(layers)  # type: ignore[arg-type]


def test_an_optional_rule_may_match_nothing() -> None:
    pi.init_params({"w": (4, 4)}, [pi.Rule("*.bias", "zeros", optional=True), ("*", "he_normal")], key=0)
    with pytest.raises(RecipeError, match="no parameter matches"):
        pi.init_params({"w": (4, 4)}, [pi.Rule("*.bias", "zeros"), ("*", "he_normal")], key=0)


def test_a_rule_with_a_depth_survives_json() -> None:
    rule = pi.Rule("*", pi.normal(std=0.5), depth=pi.Depth(4, per_layer=True, power=1.0), optional=True)
    assert rules_from_json([rule.to_dict()]) == (rule,)
    assert eval(repr(rule), {**vars(pi), "Rule": pi.Rule}) == rule
    with pytest.raises(RecipeError, match="'depth' needs 'layers'"):
        rules_from_json([{"match": "*", "recipe": "zeros", "depth": {"per_layer": True}}])


def test_a_cut_without_correction_makes_the_weights_smaller() -> None:
    plan = pi.variance_scaling(1.0, "fan_in", "truncated_normal", cut=3.0, correct=False).plan((100, 7))
    same = pi.truncated_normal(std=0.1, low=-3, high=3).plan((100, 7))
    assert (plan.std, plan.bounds, plan.numbers) == (same.std, same.bounds, same.numbers)
    corrected = pi.variance_scaling(1.0, "fan_in", "truncated_normal").plan((100, 7))
    assert corrected.std == 0.1
    with pytest.raises(RecipeError, match="cut and correct are for a truncated normal"):
        pi.variance_scaling(cut=3.0)


@pytest.mark.parametrize(("shape", "expected"), [((100, 25), 0.05), ((25, 100), 0.2), ((64, 64), 0.125)])
def test_the_spectral_condition(shape: tuple[int, int], expected: float) -> None:
    fan_in, fan_out = shape
    assert pi.variance_scaling(1.0, "spectral").plan(shape).std == pytest.approx(expected)
    assert expected == pytest.approx(math.sqrt(1 / fan_in) * min(1, math.sqrt(fan_out / fan_in)))


def test_values_along_an_axis() -> None:
    recipe = pi.along([1.0, 2.0, 0.1], axis=0)
    whole = recipe((3, 4), key=0, dtype="float64")
    assert whole.tolist() == [[1.0] * 4, [2.0] * 4, [0.1] * 4]
    part = recipe((2, 2), key=1, window=pi.Window((1, 1), (3, 4)), dtype="float64")
    assert (part == whole[1:, 1:3]).all()
    assert pi.recipe_from_json(recipe.to_json()) == recipe
    assert pi.Plan.from_json(recipe.plan((3, 4)).to_json()) == recipe.plan((3, 4))
    with pytest.raises(pi.ShapeError, match="along has 3 values"):
        recipe((4, 4), key=0)
    with pytest.raises(pi.ShapeError, match="needs an axis 0; got shape"):
        recipe((), key=0)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("towers.0.layers.5.mlp.w2.weight", 5),
        ("1.transformer.h.7.mlp.c_proj.weight", 7),
        ("encoder.block.3.layer.1.DenseReluDense.wo.weight", 3),
        ("layers.4.mlp.experts.9.w2.weight", 4),
        ("params.gpt2_layer_3.experts_1.w2.kernel", 3),
        ("params.TransformerBlock_2.Dense_1.kernel", 2),
        ("net.6.weight", 6),
        ("model.layer1.2.conv1.weight", 2),
        ("layers.attn.kernel", None),
    ],
)
def test_the_number_of_a_layer_is_not_that_of_what_holds_the_layers(name: str, layer: int | None) -> None:
    assert layer_of(name) == layer
