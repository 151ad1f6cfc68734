"""One meaning at every door: a recipe's name, one recipe for all, and patterns that match nothing."""

from __future__ import annotations

import json
import tempfile

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.blueprint import draw_up
from pyinit.cli import main

from .doors import KEY, SEED, Case, by_command, filled, json_spec, mapping, params, written


@pytest.mark.parametrize("text", ["he_normal", "kaiming_normal", "xavier_uniform", "orthogonal", "zeros"])
def test_a_name_is_the_recipe_at_every_door(text: str) -> None:
    recipe: pi.Recipe = getattr(pi, text)()
    case = Case((6, 4), recipe, {})
    expected = recipe(case.shape, key=KEY)
    made = [filled(case, text), params(case, text), params(case, {"*.weight": text, "*": "zeros"})]
    for weights in made:
        np.testing.assert_array_equal(weights, expected)
    in_files = [written(case, mapping(case), text), by_command(case, text)]
    for weights in in_files:
        np.testing.assert_array_equal(weights, in_files[0])
    np.testing.assert_array_equal(
        in_files[0], draw_up(mapping(case), text, SEED).drafts[0].recipe((6, 4), key=KEY)
    )


@pytest.mark.parametrize("door", ["init_params", "write_checkpoint", "command line"])
def test_what_matches_nothing_is_refused_at_every_door(door: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = Case((6, 4), pi.he_normal(), {})
    rules = {"w.wieght": pi.he_normal(), "*": pi.zeros()}
    message = "no parameter matches 'w.wieght'. Did you mean w.weight"
    if door == "command line":
        text = json.dumps([{"match": match, "recipe": one.to_dict()} for match, one in rules.items()])
        with tempfile.TemporaryDirectory() as folder:
            assert main(["init", str(json_spec(case, folder)), "--dry-run", "--recipe", text]) == 2
        assert message in capsys.readouterr().err
        return
    with pytest.raises(pi.RecipeError, match=message):
        params(case, rules) if door == "init_params" else written(case, mapping(case), rules)


@pytest.mark.parametrize("recipe", [pi.he_normal(), pi.ones(), pi.uniform(-1, 1)], ids=repr)
def test_one_recipe_leaves_norms_biases_and_buffers(recipe: pi.Recipe) -> None:
    shapes: dict[str, tuple[int, ...]] = {
        "l.weight": (6, 4),
        "l.bias": (6,),
        "norm.weight": (6,),
        "bn1.running_var": (6,),
        "bn1.running_mean": (6,),
        "attn.in_proj_bias": (6,),
    }
    expected = {"norm.weight": 1.0, "bn1.running_var": 1.0}
    made = pi.init_params(shapes, recipe, key=0)
    drafts = {draft.name: draft.plan for draft in draw_up(shapes, recipe, 0).drafts}
    for name in list(shapes)[1:]:
        value = expected.get(name, 0.0)
        assert (made[name] == value).all()
        assert drafts[name] == pi.constant(value).plan(shapes[name])
    assert made["l.weight"].any()


@pytest.mark.parametrize("name", ["downsample.1.weight", "features.1.weight", "weight"])
def test_one_recipe_is_refused_for_a_vector_that_may_be_a_norms(name: str) -> None:
    for make in (pi.init_params, draw_up):
        with pytest.raises(pi.RecipeError, match=rf"{name}.*may be a norm's, which is not. Give a mapping"):
            make({"l.weight": (6, 4), name: (6,)}, pi.normal(std=0.02), key=0)
        make({"l.weight": (6, 4), name: (6,)}, {name: "ones", "*": pi.normal(std=0.02)}, key=0)


@pytest.mark.interop
def test_one_recipe_draws_embeddings_and_zeroes_biases_at_every_door() -> None:
    torch = pytest.importorskip("torch")
    linen = pytest.importorskip("flax.linen")
    import jax

    import pyinit.jax
    import pyinit.torch as pit

    recipe = pi.normal(std=7.0)
    shapes = {"embed.weight": (90, 40), "l.weight": (60, 40), "l.bias": (60,)}
    made = pi.init_params(shapes, recipe, key=0)
    plans = {draft.name: draft.plan for draft in draw_up(shapes, recipe, 0).drafts}
    with torch.device("meta"):
        module = torch.nn.ModuleDict({"embed": torch.nn.Embedding(90, 40), "l": torch.nn.Linear(40, 60)})
    state = pit.materialize(module, recipe, key=0).state_dict()
    flax = linen.Sequential([linen.Embed(90, 40), linen.Dense(60)])
    ids = np.zeros((1, 2), np.int32)
    tree = pyinit.jax.init(flax.init, jax.random.key(0), ids, key=0, recipe=recipe)["params"]
    for weights in (*(made[n] for n in list(shapes)[:2]), *(state[n].numpy() for n in list(shapes)[:2])):
        assert np.std(weights) == pytest.approx(7.0, rel=0.1)
    for weights in (tree["layers_0"]["embedding"], tree["layers_1"]["kernel"]):
        assert np.std(weights) == pytest.approx(7.0, rel=0.1)
    assert [plans[name].std for name in shapes] == [7.0, 7.0, 0.0]  # type: ignore[union-attr]
    for bias in (made["l.bias"], state["l.bias"].numpy(), tree["layers_1"]["bias"]):
        assert not np.any(bias)
