"""Schemes: rules, learning rates and multipliers of each parameter, against the tables of their papers."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pyinit as pi
from pyinit.recipes.matching import deciding


def _shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Return a model in torch's layout: table, input, hidden layers of two shapes, output, vectors."""
    return {
        "embed.weight": (100, width),
        "first.weight": (width, 12),
        "first.bias": (width,),
        "up.weight": (4 * width, width),
        "down.weight": (width, 4 * width),
        "norm.weight": (width,),
        "head.weight": (10, width),
        "head.bias": (10,),
        "fixed.weight": (5, 7),
    }


RULES: Any = [("*norm.weight", "ones"), ("*.bias", "zeros"), ("*", pi.normal(std=0.02))]


def _mup(wide: int, narrow: int, recipe: Any = RULES, **options: Any) -> pi.Scheme:
    return pi.mup(_shapes(wide), _shapes(narrow), recipe, outputs="head.weight", layout="torch", **options)


def _std(scheme: Any, name: str, shape: tuple[int, ...]) -> float:
    rule = deciding(scheme)(name, len(shape) >= 2)
    assert rule is not None
    std = rule.recipe_for(name).plan(shape).std
    assert std is not None
    return std


@pytest.mark.parametrize("m", [1, 4, 16])
def test_mup_is_table_8(m: int) -> None:
    shapes = _shapes(32 * m)
    expected = {
        # std of the base, Adam, SGD, multiplier
        "embed.weight": (0.02, 1, m, 1),
        "first.weight": (0.02, 1, m, 1),
        "first.bias": (0.0, 1, m, 1),
        "up.weight": (0.02 / math.sqrt(m), 1 / m, 1, 1),
        "down.weight": (0.02 / math.sqrt(m), 1 / m, 1, 1),
        "norm.weight": (0.0, 1, m, 1),
        "head.weight": (0.02, 1, m, 1 / m),
        "head.bias": (0.0, 1, 1, 1),
        "fixed.weight": (0.02, 1, 1, 1),
    }
    adam, sgd = _mup(32 * m, 32), _mup(32 * m, 32, optimizer="sgd")
    for name, (std, of_adam, of_sgd, multiplier) in expected.items():
        assert _std(adam, name, shapes[name]) == pytest.approx(std), name
        assert adam.share(name).learning_rate == pytest.approx(of_adam), name
        assert sgd.share(name).learning_rate == pytest.approx(of_sgd), name
        assert adam.share(name).multiplier == sgd.share(name).multiplier == pytest.approx(multiplier), name


def test_mup_of_a_recipe_that_counts_fans_begins_hidden_layers_as_it_is() -> None:
    scheme = _mup(512, 32, {"*norm.weight": "ones", "*.bias": "zeros", "*": "lecun_normal"})
    assert _std(scheme, "up.weight", (2048, 512)) == pytest.approx(512**-0.5)
    # an output begins as in the base model, and is multiplied
    assert _std(scheme, "head.weight", (10, 512)) == pytest.approx(32**-0.5)


def test_mup_fills_the_model_and_groups_its_parameters() -> None:
    shapes = _shapes(128)
    scheme = _mup(128, 32)
    made = pi.init_params(shapes, scheme, key=0)
    # of 65,536 draws the std is known within 0.3 %: 1.4 % is an error of 5 times that
    assert made["up.weight"].std() == pytest.approx(0.01, rel=0.014)
    groups = scheme.groups({name: name for name in shapes}, lr=0.4)
    assert [group["lr"] for group in groups] == [0.4, 0.1]
    assert groups[1]["params"] == ["up.weight", "down.weight"]
    assert sum(len(group["params"]) for group in groups) == len(shapes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": {**_shapes(32), "more.weight": (3, 3)}}, "the model has no 'more.weight'"),
        (
            {"base": {k: v for k, v in _shapes(32).items() if k != "up.weight"}},
            "the base shapes have no 'up.weight'",
        ),
        (
            {"base": {**_shapes(32), "up.weight": (3,)}},
            r"'up.weight' has shape \(512, 128\), and \(3,\) in the base",
        ),
        ({"outputs": "*haed*"}, "no parameter matches outputs='.haed.'"),
        ({"outputs": None}, "head.weight: only its inputs are wider"),
        ({"recipe": {"*.bias": "zeros"}}, "no rule matches 'embed.weight'"),
        ({"optimizer": "lion"}, "mup's optimizer is 'adam' or 'sgd'"),
        ({"shapes": [("w", (3, 3))]}, "mup needs a mapping of names to shapes"),
    ],
)
def test_what_is_no_base_model_is_refused(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "shapes": _shapes(128),
        "base": _shapes(32),
        "recipe": RULES,
        "outputs": "head.weight",
        "layout": "torch",
    }
    with pytest.raises(pi.RecipeError, match=message):
        pi.mup(**{**given, **change})


def _decoder(layers: int, width: int) -> dict[str, tuple[int, ...]]:
    shapes = {"embed_tokens.weight": (64, width), "lm_head.weight": (64, width), "norm.weight": (width,)}
    for layer in range(layers):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes[f"layers.{layer}.self_attn.{name}.weight"] = (width, width)
        shapes[f"layers.{layer}.mlp.up_proj.weight"] = (4 * width, width)
        shapes[f"layers.{layer}.mlp.down_proj.weight"] = (width, 4 * width)
    return shapes


def test_mup_by_names_is_mup_by_shapes() -> None:
    wide, narrow = _decoder(2, 256), _decoder(2, 64)
    by_names = pi.scheme("mup", width=256, base_width=64, depth=2)
    by_shapes = pi.mup(wide, narrow, pi.recipes("gpt2", depth=2), outputs="lm_head.weight", layout="torch")
    for name, shape in wide.items():
        assert _std(by_names, name, shape) == pytest.approx(_std(by_shapes, name, shape)), name
        one, other = by_names.share(name), by_shapes.share(name)
        assert (one.learning_rate, one.multiplier) == (other.learning_rate, other.multiplier), name
    pi.init_params(wide, by_names, key=0)


def test_the_spectral_condition_has_a_spectral_norm_near_its_target() -> None:
    shapes = {"a": (256, 64), "b": (64, 256), "b.bias": (64,)}
    scheme = pi.spectral(shapes, layout="torch")
    made = pi.init_params(
        shapes, [pi.Rule(r.match, r.recipe) for r in scheme if not r.optional] + [("*.bias", "zeros")], key=0
    )
    for name, shape in (("a", (256, 64)), ("b", (64, 256))):
        fan_out, fan_in = shape
        target = math.sqrt(fan_out / fan_in)
        import numpy as np

        # the largest singular value is std (sqrt(out) + sqrt(in)), between 1 and 2 times the target
        assert 0.9 * target < np.linalg.norm(made[name], 2) < 2.1 * target
        assert scheme.share(name).learning_rate == fan_out / fan_in
    pi.init_params(shapes, scheme, key=0)


def _encoder_decoder(layers: int, width: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"model.shared.weight": (64, width)}
    for stack, attentions in (("encoder", ["self_attn"]), ("decoder", ["self_attn", "encoder_attn"])):
        for layer in range(layers):
            at = f"model.{stack}.layers.{layer}"
            for attention in attentions:
                for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    shapes[f"{at}.{attention}.{name}.weight"] = (width, width)
            shapes[f"{at}.fc1.weight"] = (4 * width, width)
            shapes[f"{at}.fc2.weight"] = (width, 4 * width)
    return shapes


XAVIER, XAVIER_MLP = (2 / 128) ** 0.5, (2 / 320) ** 0.5


def test_deepnorm_is_the_papers_figure() -> None:
    scheme = pi.scheme("deepnorm", depth=8)
    assert scheme.settings == {"residual": pytest.approx(2.0)}
    beta, shapes = 64**-0.25, _decoder(8, 64)
    pi.init_params(shapes, scheme, key=0)
    at = "layers.7"
    assert _std(scheme, f"{at}.self_attn.q_proj.weight", (64, 64)) == pytest.approx(XAVIER)
    for name in ("v_proj", "o_proj"):
        assert _std(scheme, f"{at}.self_attn.{name}.weight", (64, 64)) == pytest.approx(beta * XAVIER)
    assert _std(scheme, f"{at}.mlp.up_proj.weight", (256, 64)) == pytest.approx(beta * XAVIER_MLP)
    both = pi.scheme("deepnorm", depth=6, decoder_depth=12)
    pi.init_params({**_encoder_decoder(6, 64)}, both, key=0)
    middle = (6**4 * 12) ** (1 / 16)
    assert both.settings["residual of the encoder"] == pytest.approx(0.81 * middle)
    assert both.settings["residual of the decoder"] == pytest.approx(36**0.25)
    for stack, factor in (("encoder", 0.87 / middle), ("decoder", 144**-0.25)):
        name = f"model.{stack}.layers.0.self_attn.v_proj.weight"
        assert _std(both, name, (64, 64)) == pytest.approx(factor * XAVIER)


def test_t_fixup_scales_encoder_decoder_and_embeddings() -> None:
    scheme, shapes = pi.scheme("t-fixup", depth=6), _encoder_decoder(6, 64)
    pi.init_params(shapes, scheme, key=0)
    small = {"encoder": 0.67 * 6**-0.25, "decoder": 54**-0.25}
    assert _std(scheme, "model.shared.weight", (64, 64)) == pytest.approx(small["decoder"] / 8)
    for stack, factor in small.items():
        at = f"model.{stack}.layers.5"
        assert _std(scheme, f"{at}.self_attn.k_proj.weight", (64, 64)) == pytest.approx(XAVIER)
        assert _std(scheme, f"{at}.self_attn.out_proj.weight", (64, 64)) == pytest.approx(factor * XAVIER)
        assert _std(scheme, f"{at}.fc2.weight", (64, 256)) == pytest.approx(factor * XAVIER_MLP)
    with pytest.raises(pi.RecipeError, match="'t-fixup' does not say what this tensor is"):
        pi.init_params({**shapes, "model.encoder.layer_norm.weight": (64,)}, scheme, key=0)


def test_ds_init_divides_by_the_root_of_the_layer() -> None:
    scheme = pi.scheme("ds-init", depth=4, alpha=0.5)
    pi.init_params(_decoder(4, 64), scheme, key=0)
    # the authors' code: l^-1/2 is the factor of a variance
    code = pi.scheme("ds-init", depth=4, power=0.25)
    for layer in range(4):
        name = f"layers.{layer}.self_attn.q_proj.weight"
        assert _std(scheme, name, (64, 64)) == pytest.approx(0.5 * XAVIER / math.sqrt(layer + 1))
        assert _std(code, name, (64, 64)) ** 2 == pytest.approx(XAVIER**2 * (layer + 1) ** -0.5)


@pytest.mark.parametrize(("block", "layers"), [("basic", 2), ("bottleneck", 3)])
def test_fixup_makes_each_branch_zero(block: str, layers: int) -> None:
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (16, 3, 3, 3), "fc.weight": (10, 16)}
    for conv in range(1, layers + 1):
        shapes[f"layer1.0.conv{conv}.weight"] = (16, 16, 3, 3)
    shapes |= {"layer1.0.bias1a": (1,), "layer1.0.scale": (1,), "bias1": (1,)}
    scheme = pi.scheme("fixup", depth=16, block=block)
    from pyinit.checkpoint.blueprint import draw_up

    drafts = {draft.name: draft for draft in draw_up(shapes, scheme, 0).drafts}
    stds = {name: draft.plan.std for name, draft in drafts.items() if draft.plan is not None}
    he = (2 / 144) ** 0.5
    assert stds["conv1.weight"] == pytest.approx(he)
    assert stds["layer1.0.conv1.weight"] == pytest.approx(he * 16 ** (-1 / (2 * layers - 2)))
    assert stds[f"layer1.0.conv{layers}.weight"] == stds["fc.weight"] == 0
    assert drafts["layer1.0.scale"].plan is not None
    assert drafts["layer1.0.scale"].plan.mean == 1
    assert scheme.share("layer1.0.scale").learning_rate == scheme.share("bias1").learning_rate == 0.1
    assert scheme.share("conv1.weight").learning_rate == 1.0


@pytest.mark.parametrize(("name", "gate"), [("rezero", "resweight"), ("skipinit", "skipinit_gain")])
def test_gated_branches_begin_with_zero(name: str, gate: str) -> None:
    shapes = {f"layers.0.{gate}": (1,), "layers.0.fc.weight": (64, 64), "layers.0.fc.bias": (64,)}
    made = pi.init_params(shapes, pi.scheme(name, recipe="orthogonal"), key=0)
    assert made[f"layers.0.{gate}"] == 0
    assert made["layers.0.fc.weight"].std() > 0.1
    with pytest.raises(pi.RecipeError, match="no parameter matches"):
        pi.init_params({"fc.weight": (4, 4)}, pi.scheme(name), key=0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("deepnrom", {}, r"unknown scheme 'deepnrom'\. Did you mean deepnorm"),
        ("deepnorm", {}, "the scheme 'deepnorm' needs depth"),
        ("mup", {"width": 8, "depth": 2}, "the scheme 'mup' needs base_width"),
        ("fixup", {"depth": 4, "block": "wide"}, "'basic' or 'bottleneck'"),
        ("sub-ln", {"depth": 0}, "needs depth as an integer of at least 1"),
        ("ds-init", {"depth": 4, "layers": 3}, "takes depth, alpha, power; got layers=3"),
        ("mup", {"width": 8, "base_width": 4, "depth": 2, "std": "a"}, "mup's std must be a number"),
    ],
)
def test_bad_options_of_a_scheme_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        pi.scheme(name, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mup", {"width": 64, "base_width": 32}),
        ("completep", {"width": 64, "base_width": 32, "base_depth": 1}),
        ("u-mup", {"width": 64, "hidden": 256}),
        ("deepnorm", {}),
        ("sub-ln", {}),
        ("ds-init", {}),
    ],
)
def test_a_layer_beyond_the_depth_is_of_another_model(name: str, options: dict[str, Any]) -> None:
    pi.init_params(_decoder(2, 64), pi.scheme(name, depth=2, **options), key=0)
    with pytest.raises(pi.RecipeError, match=r"the depth is 2, so that layers are 0 to 1; 'layers\.2"):
        pi.init_params(_decoder(3, 64), pi.scheme(name, depth=2, **options), key=0)


def test_encoder_and_decoder_have_depths_of_their_own() -> None:
    shapes = _encoder_decoder(3, 64)
    pi.init_params(shapes, pi.scheme("t-fixup", depth=3), key=0)
    for scheme in (pi.scheme("t-fixup", depth=2), pi.scheme("deepnorm", depth=2, decoder_depth=3)):
        with pytest.raises(pi.RecipeError, match=r"the depth is 2, .*encoder\.layers\.2"):
            pi.init_params(shapes, scheme, key=0)
    with pytest.raises(pi.RecipeError, match=r"the depth is 2, .*decoder\.layers\.2"):
        pi.init_params(shapes, pi.scheme("sub-ln", depth=3, decoder_depth=2), key=0)


@pytest.mark.parametrize("name", ["deepnorm", "sub-ln", "t-fixup"])
def test_a_decoders_attention_to_the_encoder_is_the_decoders(name: str) -> None:
    both = {} if name == "t-fixup" else {"decoder_depth": 12}
    scheme, at = pi.scheme(name, depth=6, **both), "model.decoder.layers.0"
    for part in ("v_proj", "out_proj", "k_proj"):
        own, of_encoder = (f"{at}.{kind}.{part}.weight" for kind in ("self_attn", "encoder_attn"))
        assert _std(scheme, own, (64, 64)) == _std(scheme, of_encoder, (64, 64)), part
    encoder = "model.encoder.layers.0.self_attn.v_proj.weight"
    assert _std(scheme, encoder, (64, 64)) != _std(scheme, f"{at}.encoder_attn.v_proj.weight", (64, 64))


def test_groups_of_another_model_are_refused() -> None:
    with pytest.raises(pi.RecipeError, match="none of the 1 parameters has such a name"):
        pi.scheme("mup", width=8, base_width=4, depth=2).groups({"layers.0.norm.weight": 1}, lr=0.1)


def test_a_router_under_mup_is_an_output() -> None:
    scheme = pi.scheme("mup", width=1024, base_width=256, depth=2)
    for name in ("layers.1.mlp.gate.weight", "layers.1.router.weight"):
        assert (scheme.share(name).learning_rate, scheme.share(name).multiplier) == (1.0, 0.25)

    def shapes(width: int) -> dict[str, tuple[int, ...]]:
        return {"layers.1.router.weight": (8, width)}

    by_shapes = pi.mup(shapes(1024), shapes(256), "normal", outputs="*.router.weight", layout="torch")
    assert by_shapes.share("layers.1.router.weight").multiplier == 0.25


def test_a_table_under_the_spectral_condition_has_one_input() -> None:
    shapes = {"embed.weight": (5000, 64), "patch_embed.proj.weight": (64, 12), "embed_out.weight": (50, 64)}
    scheme = pi.spectral(shapes, layout="torch")
    assert scheme.share("embed.weight").learning_rate == 64
    assert _std(scheme, "embed.weight", shapes["embed.weight"]) == 1.0
    assert scheme.share("patch_embed.proj.weight").learning_rate == 64 / 12
    assert scheme.share("embed_out.weight").learning_rate == 50 / 64
    named = pi.spectral({"words": (5000, 64), "embed": (64, 32)}, layout="torch", embeddings="words")
    assert [named.share(name).learning_rate for name in ("words", "embed")] == [64, 2]


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0,)])
def test_parameters_without_numbers_have_no_width(shape: tuple[int, ...]) -> None:
    with pytest.raises(pi.ShapeError, match=r"'w' of shape .* has no numbers"):
        pi.mup({"w": shape}, {"w": shape}, "normal", outputs=None)
    with pytest.raises(pi.ShapeError, match=r"'w' of shape .* has no numbers"):
        pi.spectral({"w": shape})


def test_a_parameter_of_another_name_gets_no_learning_rate() -> None:
    scheme = pi.mup({"a": (8, 8), "b": (8, 8)}, {"a": (4, 4), "b": (4, 4)}, "normal", outputs=None)
    assert scheme.groups({"a": 1, "b": 2}, lr=1.0) == [{"params": [1, 2], "lr": 0.5}]
    # such as the name under a wrapper, whose learning rate would be that of a vector
    with pytest.raises(pi.RecipeError, match=r"mup has no rule for the parameter 'module\.b'"):
        scheme.groups({"a": 1, "module.b": 2}, lr=1.0)


@pytest.mark.parametrize("name", ["layers.0.adapter.weight", "layers.0.mlp.experts.down_proj"])
def test_what_a_schemes_rules_refuse_gets_no_learning_rate(name: str) -> None:
    scheme = pi.scheme("u-mup", width=64, hidden=256, depth=2)
    parameters = {"layers.0.mlp.up_proj.weight": 1, name: 2}
    with pytest.raises(pi.RecipeError, match=f"u-mup has no rule for the parameter '{name}'.* group of your"):
        scheme.groups(parameters, lr=1.0)
