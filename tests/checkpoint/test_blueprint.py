"""What is decided before writing: rules meet tensors, and every number can be read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import pyinit as pi
from pyinit.checkpoint.blueprint import draw_up
from pyinit.checkpoint.families.lookup import find_spec
from pyinit.checkpoint.spec import Spec, TensorSpec
from pyinit.checkpoint.spec_json import spec_from_json
from pyinit.errors import DTypeError, RecipeError, SeedError, ShapeError
from pyinit.recipes.rules import CONVENTIONS, Rule

SPEC = spec_from_json(
    {
        "tensors": {
            "emb": [7, 4],
            "conv": {"shape": [8, 2, 3, 3], "groups": 4},
            "dense": {"shape": [4, 6], "layout": "jax"},
            "bias": [6],
            "steps": {"shape": [], "dtype": "int64"},
        }
    }
)
RULES = [("steps", pi.zeros()), ("bias", pi.constant(0.5)), ("*", pi.he_normal())]


def test_every_tensor_has_its_recipe_axes_and_key() -> None:
    drafts = {draft.name: draft for draft in draw_up(SPEC, RULES, 3).drafts}
    assert drafts["emb"].fans == (4, 7)
    assert drafts["conv"].fans == (18, 18)
    assert drafts["dense"].fans == (4, 6)
    assert drafts["bias"].fans is None
    plans = {name: draft.plan for name, draft in drafts.items() if draft.plan is not None}
    assert plans["conv"].std == math.sqrt(2 / 18)
    assert plans["dense"].std == math.sqrt(2 / 4)
    assert plans["bias"].bounds == (0.5, 0.5)
    assert drafts["steps"].plan is None
    assert drafts["emb"].key == pi.key(3).fold_in("emb")
    assert drafts["conv"].nbytes == 4 * 144


def test_gpt2_scales_its_residual_projections() -> None:
    stds = {draft.name: draft.plan.std for draft in draw_up(find_spec("gpt2"), None, 0).drafts if draft.plan}
    assert stds["transformer.h.5.mlp.c_proj.weight"] == pytest.approx(0.02 / math.sqrt(24))
    assert stds["transformer.h.5.attn.c_proj.weight"] == pytest.approx(0.02 / math.sqrt(24))
    assert stds["transformer.h.5.mlp.c_fc.weight"] == 0.02
    assert stds["transformer.wte.weight"] == 0.02
    assert stds["transformer.h.5.ln_1.weight"] == 0


def test_the_table_shows_every_number() -> None:
    lines = list(draw_up(SPEC, RULES, 3, "bfloat16").table())
    heads = ["tensor", "shape", "dtype", "distribution", "fan_in", "fan_out", "std", "bounds", "key", "bytes"]
    assert lines[0].split() == heads
    key = pi.key(3).fold_in("conv")
    conv = next(line for line in lines if line.startswith("conv"))
    assert conv.split() == [
        *("conv", "8x2x3x3", "bfloat16", "normal", "18", "18", "0.333333", "-"),
        *(f"{key.seed:016x}:{key.offset:016x}", "288"),
    ]
    assert "[0.5, 0.5]" in next(line for line in lines if line.startswith("bias"))
    assert next(line for line in lines if line.startswith("steps")).split()[1:4] == [
        "scalar",
        "int64",
        "constant",
    ]
    assert (
        list(draw_up(find_spec("gpt2"), None, 0).table())[-1]
        == "lm_head.weight shares transformer.wte.weight"
    )


def test_a_tensor_that_no_rule_matches_is_named() -> None:
    with pytest.raises(RecipeError, match=r"no rule matches tensor 'emb' of shape \(7, 4\); add one"):
        draw_up(SPEC, [("bias", pi.zeros())], 0)
    with pytest.raises(RecipeError, match="spec has no recipe of its own"):
        draw_up(SPEC, None, 0)


def test_a_recipe_that_cannot_make_a_tensor_names_it() -> None:
    with pytest.raises(ShapeError, match=r"tensor 'bias': he_normal needs at least 2 dimensions"):
        draw_up(SPEC, [("steps", pi.zeros()), ("*", pi.he_normal())], 0)


def test_integers_take_constants_or_are_copied() -> None:
    with pytest.raises(RecipeError, match="tensor 'steps' is int64, which only a constant can fill"):
        draw_up(SPEC, [("*", pi.normal())], 0)
    with pytest.raises(RecipeError, match=r"tensor 'steps' is int64, which cannot hold 0\.5"):
        draw_up(SPEC, [("*", pi.constant(0.5))], 0)
    with pytest.raises(RecipeError, match=r"tensor 'small' is uint8, which cannot hold -1\.0"):
        draw_up(Spec("here", (TensorSpec("small", (2,), "uint8"),)), pi.constant(-1), 0)
    copied = Spec("here", (TensorSpec("ids", (2,), "int64", copied_from=(Path("x"), None)),))  # type: ignore[arg-type]
    assert draw_up(copied, pi.normal(), 0).drafts[0].recipe is None
    assert draw_up(copied, {"ids": "ones"}, 0).drafts[0].recipe == pi.ones()
    # one recipe is for what is drawn at random
    assert draw_up(copied, pi.ones(), 0).drafts[0].recipe is None


def test_zero_rows_must_exist() -> None:
    with pytest.raises(RecipeError, match=r"tensor 'emb': shape \(7, 4\) has no row 7 to keep zero"):
        draw_up(SPEC, [Rule("emb", pi.normal(), zero_rows=(7,)), *RULES], 0)
    # it would be ignored in silence
    with pytest.raises(RecipeError, match=r"has no row -1 to keep zero. Count from 0"):
        draw_up(SPEC, [Rule("emb", pi.normal(), zero_rows=(0, -1)), *RULES], 0)


def test_groups_that_do_not_fit_name_the_tensor() -> None:
    spec = spec_from_json({"tensors": {"conv": {"shape": [4, 2, 3], "groups": 3}}})
    with pytest.raises(ShapeError, match=r"^tensor 'conv': groups=3 must divide the 4 output channels"):
        draw_up(spec, pi.normal(), 0)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True])
def test_seeds_have_64_bits(seed: object) -> None:
    with pytest.raises(SeedError, match=r"\[0, 2\*\*64\)|an int seed or a Key"):
        draw_up(SPEC, RULES, seed)  # type: ignore[arg-type]


def test_dtype_is_checked() -> None:
    with pytest.raises(DTypeError, match="dtype must be one of float32"):
        draw_up(SPEC, RULES, 0, "float8")


def test_the_largest_model_is_decided_without_memory() -> None:
    blueprint = draw_up(find_spec("llama-70b"), None, 0)
    assert blueprint.nbytes == 275_906_592_768
    assert len(blueprint.drafts) == 723


def test_what_matches_no_tensor_is_refused() -> None:
    gpt2 = find_spec("gpt2")
    with pytest.raises(RecipeError, match=r"no parameter matches 'transformer.wte.wieght'. Did you"):
        draw_up(gpt2, {"transformer.wte.wieght": "normal", "*": "zeros"}, 0)
    with pytest.raises(RecipeError, match=r"'lm_head.weight': lm_head.weight shares transformer.wte.weight."):
        draw_up(gpt2, {"lm_head.weight": "normal", "*": "zeros"}, 0)
    # a model's own rules may speak of what it does not have
    bare = spec_from_json({"tensors": {"a.weight": [2, 3]}})
    assert draw_up(bare, [("a.weight", "ones"), *CONVENTIONS], 0).drafts[0].recipe == pi.ones()
    assert gpt2.rules is not None
    drafts = draw_up(gpt2, [("*.wte.weight", pi.normal(std=0.5)), *gpt2.rules], 0).drafts
    assert drafts[0].recipe == pi.normal(std=0.5)
    with pytest.raises(RecipeError, match=r"^spec: rules: no parameter matches 'b.weight'"):
        spec_from_json({"tensors": {"a.weight": [2]}, "rules": [{"match": "b.weight", "recipe": "ones"}]})


def test_one_recipe_keeps_what_the_model_makes_of_the_rest() -> None:
    drafts = {draft.name: draft for draft in draw_up(find_spec("gpt2"), "he_normal", 0).drafts}
    assert drafts["transformer.h.0.ln_1.weight"].recipe == pi.ones()
    assert drafts["transformer.h.0.attn.c_attn.bias"].recipe == pi.zeros()
    # Conv1D stores (in, out), an embedding (rows, features)
    assert drafts["transformer.h.0.mlp.c_proj.weight"].fans == (3072, 768)
    assert drafts["transformer.wte.weight"].fans == (768, 50257)
    receipt = drafts["transformer.h.0.mlp.c_fc.weight"].to_dict()
    assert receipt["recipe"] == {"recipe": "he_normal", "layout": "jax"}
