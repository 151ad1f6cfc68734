"""The formulas of language models' recipes, role by role, where no package of their library is here."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pyinit as pi
from pyinit.recipes.matching import deciding
from pyinit.stream.plan import Plan

DEPTH, WIDTH, HIDDEN, WORDS = 4, 48, 128, 500

# roles by the names of OLMo-core; of others, only the stems differ
OLMO = {
    "embedding": "embeddings.weight",
    "head": "lm_head.w_out.weight",
    "attention": "blocks.{}.attention.w_q.weight",
    "attention_out": "blocks.{}.attention.w_out.weight",
    "gate": "blocks.{}.feed_forward.w1.weight",
    "up": "blocks.{}.feed_forward.w3.weight",
    "down": "blocks.{}.feed_forward.w2.weight",
}
SHAPES = {
    "embedding": (WORDS, WIDTH),
    "head": (WORDS, WIDTH),
    "attention": (WIDTH, WIDTH),
    "attention_out": (WIDTH, WIDTH),
    "gate": (HIDDEN, WIDTH),
    "up": (HIDDEN, WIDTH),
    "down": (WIDTH, HIDDEN),
}
NAMES = {
    "olmo-core": OLMO,
    "transformers": {
        "embedding": "model.embed_tokens.weight",
        "head": "lm_head.weight",
        "attention": "model.layers.{}.self_attn.q_proj.weight",
        "attention_out": "model.layers.{}.self_attn.o_proj.weight",
        "gate": "model.layers.{}.mlp.gate_proj.weight",
        "up": "model.layers.{}.mlp.up_proj.weight",
        "down": "model.layers.{}.mlp.down_proj.weight",
    },
    "torchtitan": {
        "embedding": "tok_embeddings.weight",
        "head": "output.weight",
        "attention": "layers.{}.attention.wq.weight",
        "attention_out": "layers.{}.attention.wo.weight",
        "gate": "layers.{}.feed_forward.w1.weight",
        "up": "layers.{}.feed_forward.w3.weight",
        "down": "layers.{}.feed_forward.w2.weight",
    },
    "megatron": {
        "embedding": "embedding.word_embeddings.weight",
        "head": "output_layer.weight",
        "attention": "decoder.layers.{}.self_attention.linear_qkv.weight",
        "attention_out": "decoder.layers.{}.self_attention.linear_proj.weight",
        "gate": "decoder.layers.{}.mlp.linear_fc1.weight",
        "down": "decoder.layers.{}.mlp.linear_fc2.weight",
    },
    "neox": {
        "embedding": "gpt_neox.embed_in.weight",
        "head": "embed_out.weight",
        "attention": "gpt_neox.layers.{}.attention.query_key_value.weight",
        "attention_out": "gpt_neox.layers.{}.attention.dense.weight",
        "gate": "gpt_neox.layers.{}.mlp.dense_h_to_4h.weight",
        "down": "gpt_neox.layers.{}.mlp.dense_4h_to_h.weight",
    },
    "ngpt": {
        "embedding": "transformer.wte.weight",
        "head": "lm_head.weight",
        "attention": "transformer.h.{}.query.weight",
        "attention_out": "transformer.h.{}.att_c_proj.weight",
        "gate": "transformer.h.{}.c_fc.weight",
        "down": "transformer.h.{}.mlp_c_proj.weight",
    },
}

D, H = WIDTH**-0.5, HIDDEN**-0.5
ALL = math.sqrt(2 * DEPTH)


def _each(layer: int) -> float:
    return math.sqrt(2 * (layer + 1))


#: name -> (options, names, role -> (kind, std before it is cut, where it is cut)), the std of a layer
FORMULAS: dict[str, tuple[dict[str, Any], str, Any]] = {
    "gpt2": (
        {"depth": DEPTH},
        "transformers",
        lambda i: {
            **dict.fromkeys(("embedding", "head", "attention", "gate", "up"), ("normal", 0.02)),
            **dict.fromkeys(("attention_out", "down"), ("normal", 0.02 / ALL)),
        },
    ),
    "megatron": (
        {"depth": DEPTH, "std": 0.01, "embedding_std": 1.0},
        "megatron",
        lambda i: {
            "embedding": ("normal", 1.0),
            **dict.fromkeys(("head", "attention", "gate"), ("normal", 0.01)),
            **dict.fromkeys(("attention_out", "down"), ("normal", 0.01 / ALL)),
        },
    ),
    "torchtitan": (
        {"depth": DEPTH, "width": WIDTH},
        "torchtitan",
        lambda i: {
            "embedding": ("normal", 1.0),
            "head": ("cut", D, 3),
            **dict.fromkeys(("attention", "gate"), ("cut", 0.02, 100)),
            **dict.fromkeys(("attention_out", "up", "down"), ("cut", 0.02 / _each(i), 100)),
        },
    ),
    "olmo": (
        {"depth": DEPTH},
        "olmo-core",
        lambda i: {
            **dict.fromkeys(("embedding", "head", "attention", "gate", "up"), ("cut", D, 3)),
            "attention_out": ("cut", D / _each(i), 3),
            "down": ("cut", H / _each(i), 3),
        },
    ),
    "olmo2": ({}, "olmo-core", lambda i: dict.fromkeys(SHAPES, ("cut", 0.02, 3))),
    "llama": (
        {"depth": DEPTH, "width": WIDTH},
        "olmo-core",
        lambda i: {
            "embedding": ("normal", 1.0),
            "head": ("cut", D, 3),
            **dict.fromkeys(("attention", "gate"), ("cut", 0.02, 3)),
            **dict.fromkeys(("attention_out", "up", "down"), ("cut", 0.02 / ALL, 3)),
        },
    ),
    "llama-depth": (
        {"depth": DEPTH, "width": WIDTH},
        "olmo-core",
        lambda i: {
            "embedding": ("normal", 1.0),
            "head": ("cut", D, 3),
            **dict.fromkeys(("attention", "gate"), ("cut", 0.02, 3)),
            **dict.fromkeys(("attention_out", "up", "down"), ("cut", 0.02 / _each(i), 3)),
        },
    ),
    "ngpt": (
        {"depth": DEPTH, "width": WIDTH},
        "ngpt",
        lambda i: {
            **dict.fromkeys(("embedding", "head", "attention", "gate"), ("normal", D)),
            **dict.fromkeys(("attention_out", "down"), ("normal", D / ALL)),
        },
    ),
    "gpt-neox": (
        {"depth": DEPTH, "width": WIDTH},
        "neox",
        lambda i: {
            **dict.fromkeys(("embedding", "head", "attention", "gate"), ("normal", math.sqrt(0.4) * D)),
            **dict.fromkeys(("attention_out", "down"), ("normal", 2 * D / DEPTH)),
        },
    ),
    "olmo-fan-in": (
        {},
        "olmo-core",
        lambda i: {
            **dict.fromkeys(SHAPES, ("cut", D, 3)),
            "embedding": ("normal", 1.0),
            "down": ("cut", H, 3),
        },
    ),
    "maxtext": (
        {},
        "transformers",
        lambda i: {
            **dict.fromkeys(SHAPES, ("corrected", D)),
            "embedding": ("normal", D),
            "down": ("corrected", H),
        },
    ),
    "nanochat": (
        {"mlp": 0.4},
        "transformers",
        lambda i: {
            "embedding": ("normal", 1.0),
            "head": ("normal", 0.001),
            "attention": ("uniform", D),
            **dict.fromkeys(("gate", "up"), ("uniform", 0.4 * D)),
            **dict.fromkeys(("attention_out", "down"), ("constant", 0.0)),
        },
    ),
    "spectral": (
        {},
        "transformers",
        lambda i: {
            "embedding": ("normal", 1.0),
            **dict.fromkeys(("head", "attention", "attention_out", "gate", "up"), ("normal", D)),
            "down": ("normal", H * math.sqrt(WIDTH / HIDDEN)),
        },
    ),
}


def _plan(rules: tuple[pi.Rule, ...], name: str, shape: tuple[int, int]) -> Plan:
    rule = deciding(rules)(name, True)
    assert rule is not None
    recipe = rule.recipe_for(name)
    if hasattr(recipe, "layout") and getattr(recipe, "in_axis", None) is None:
        recipe = pi.recipe_from_dict({**recipe.to_dict(), "layout": "torch"})
    return recipe.plan(shape)


@pytest.mark.parametrize("name", FORMULAS)
def test_each_role_of_each_layer_follows_the_formula(name: str) -> None:
    options, library, expected = FORMULAS[name]
    rules = pi.recipes(name, **options)
    for layer in range(DEPTH):
        roles = expected(layer)
        for role, pattern in NAMES[library].items():
            kind, std, *cut = roles[role]
            plan = _plan(rules, pattern.format(layer), SHAPES[role])
            told = (role, layer, str(plan))
            assert plan.distribution == {"cut": "truncated_normal", "corrected": "truncated_normal"}.get(
                kind, kind
            ), told
            if kind == "cut":
                assert plan.numbers[1] == pytest.approx(std, rel=1e-12), told
                assert plan.bounds is not None
                assert plan.bounds[1] == pytest.approx(cut[0] * std, rel=1e-6), told
            else:
                assert plan.std == pytest.approx(std, rel=1e-12), told


def test_the_table_of_formulas_is_whole() -> None:
    from pyinit.recipes.models.language import ENTRIES

    assert {entry.name for entry in ENTRIES} == set(FORMULAS)


def _of(names: dict[str, str], depth: int = DEPTH) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for role, pattern in names.items():
        for layer in range(depth):
            shapes[pattern.format(layer)] = SHAPES[role]
    return shapes


@pytest.mark.parametrize("library", NAMES)
@pytest.mark.parametrize("name", ["gpt2", "olmo", "nanochat"])
def test_the_names_of_every_library_are_known(name: str, library: str) -> None:
    options = {"depth": DEPTH} if name != "nanochat" else {}
    shapes = {**_of(NAMES[library]), "layers.0.attention_norm.weight": (WIDTH,), "layers.0.b.bias": (3,)}
    made = pi.init_params(shapes, pi.recipes(name, **options), key=0)
    assert (made["layers.0.attention_norm.weight"] == 1).all()
    assert not made["layers.0.b.bias"].any()


def test_ngpt_begins_its_scales_with_constants() -> None:
    shapes = {**_of(NAMES["ngpt"]), "transformer.h.0.attn_alpha": (WIDTH,), "sz": (WORDS,)}
    shapes |= {"transformer.h.0.suv": (8 * WIDTH,)}
    made = pi.init_params(shapes, pi.recipes("ngpt", depth=DEPTH, width=WIDTH), key=0, dtype="float64")
    assert set(made["sz"]) == set(made["transformer.h.0.attn_alpha"]) == {D}
    assert set(made["transformer.h.0.suv"]) == {1.0}


@pytest.mark.interop
def test_megatron_computes_the_same_std() -> None:
    utils = pytest.importorskip("megatron.core.utils")
    ours = {
        role: _plan(pi.recipes("megatron", depth=DEPTH), NAMES["megatron"][role].format(1), SHAPES[role]).std
        for role in ("attention", "down")
    }
    assert ours["attention"] == utils.init_method_normal(0.02).keywords["std"]
    assert ours["down"] == pytest.approx(
        utils.scaled_init_method_normal(0.02, DEPTH).keywords["std"], rel=1e-12
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": DEPTH - 1}, "the depth is 3, so that layers are 0 to 2"),
        ({}, "'gpt2' needs depth; got none"),
        ({"depth": None}, "'gpt2' needs depth; got none"),
        ({"depth": 2.5}, "needs depth as an integer"),
        ({"depth": 0}, "needs depth as an integer"),
        ({"depth": 4, "dept": 3}, "takes depth, std, padding; got dept=3. Did you mean depth?"),
        ({"depth": 4, "std": -1.0}, "std must be at least 0"),
    ],
)
def test_bad_options_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        pi.init_params(_of(NAMES["transformers"]), pi.recipes("gpt2", **given), key=0)


def test_a_recipe_of_another_model_is_refused() -> None:
    with pytest.raises(pi.RecipeError, match="no parameter matches"):
        pi.init_params(_of(NAMES["transformers"]), pi.recipes("t5", width=8, head_dim=4), key=0)
    shapes = {**_of(NAMES["transformers"]), "model.layers.0.adapter.weight": (4, 4)}
    with pytest.raises(pi.RecipeError, match="'gpt2' does not say what this tensor is"):
        pi.init_params(shapes, pi.recipes("gpt2", depth=DEPTH), key=0)
    rules = [("*.adapter.weight", "zeros"), *pi.recipes("gpt2", depth=DEPTH)]
    assert not pi.init_params(shapes, rules, key=0)["model.layers.0.adapter.weight"].any()


def test_learned_positions_are_not_taken_for_words() -> None:
    shapes = {**_of(NAMES["transformers"]), "model.position_embeddings.weight": (16, WIDTH)}
    made = pi.init_params(shapes, pi.recipes("gpt2", depth=DEPTH), key=0)
    assert made["model.position_embeddings.weight"].std() == pytest.approx(0.02, rel=0.15)
    with pytest.raises(pi.RecipeError, match="'llama' does not say how learned positions begin"):
        pi.init_params(shapes, pi.recipes("llama", depth=DEPTH, width=WIDTH), key=0)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(pi.RecipeError, match=r"unknown model recipe 'lama'\. Did you mean llama"):
        pi.recipes("lama")
    with pytest.raises(pi.RecipeError, match="unknown model recipe 3"):
        pi.recipes(3)  # type: ignore[arg-type]
