"""Tables of words: those that are the last layer, too, their padding, and tables that are not of words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.cli import main
from pyinit.recipes.models.language import ENTRIES
from pyinit.stream.safetensors import read_header

WORDS, WIDTH = 400, 64
LAYER = {
    "layers.0.self_attn.q_proj.weight": (WIDTH, WIDTH),
    "layers.0.self_attn.o_proj.weight": (WIDTH, WIDTH),
    "layers.0.mlp.up_proj.weight": (WIDTH, WIDTH),
    "layers.0.mlp.gate_proj.weight": (WIDTH, WIDTH),
    "layers.0.mlp.down_proj.weight": (WIDTH, WIDTH),
}
TIED = {"embed_tokens.weight": (WORDS, WIDTH), **LAYER}
OWN = {**TIED, "lm_head.weight": (WORDS, WIDTH)}
SHARED = ("torchtitan", "llama", "llama-depth", "olmo-fan-in", "nanochat", "spectral")


def _rules(name: str, **options: Any) -> tuple[pi.Rule, ...]:
    needed = {"depth": 1, "width": WIDTH}
    entry = next(entry for entry in ENTRIES if entry.name == name)
    given = {option.name: needed[option.name] for option in entry.options if option.name in needed}
    return pi.recipes(name, **given, **options)


@pytest.mark.parametrize("name", SHARED)
def test_a_model_without_a_last_layer_says_whether_it_shares_the_table(name: str) -> None:
    with pytest.raises(pi.RecipeError, match=r"Give tied=True if it is that table, or tied=False"):
        pi.init_params(TIED, _rules(name), key=0)
    pi.init_params(OWN, _rules(name), key=0)
    shared = pi.init_params(TIED, _rules(name, tied=True), key=0)["embed_tokens.weight"].std()
    # 25,600 draws: 4 % is 9 times the deviation of the std; N(0, 1) would be 8 times as large and more
    assert shared == pytest.approx(0.001 if name == "nanochat" else WIDTH**-0.5, rel=0.04)
    words = pi.init_params(TIED, _rules(name, tied=False), key=0)["embed_tokens.weight"]
    assert words.std() == pytest.approx(1.0, rel=0.04)


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES])
def test_no_recipe_makes_large_logits_of_a_shared_table(name: str) -> None:
    options = {"tied": True} if name in SHARED else {}
    std = pi.init_params(TIED, _rules(name, **options), key=0)["embed_tokens.weight"].std()
    # the logits of a normalized state have std sqrt(width) times this
    assert std * WIDTH**0.5 < 1.1


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_the_command_knows_of_a_configuration_whether_the_table_is_shared(
    family: str, tmp_path: Path
) -> None:
    config = {
        "model_type": family,
        "vocab_size": WORDS,
        "hidden_size": WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "tie_word_embeddings": True,
        "pad_token_id": 5,
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    out = tmp_path / "m.safetensors"
    assert main(["init", str(tmp_path / "config.json"), "--recipe", "torchtitan", "--out", str(out)]) == 0
    info = read_header(out).tensors["model.embed_tokens.weight"]
    words = np.frombuffer(out.read_bytes()[info.start : info.start + info.nbytes], np.float32)
    assert words.std() == pytest.approx(WIDTH**-0.5, rel=0.04)
    assert not words.reshape(WORDS, WIDTH)[5].any()


@pytest.mark.interop
@pytest.mark.usefixtures("torchvision_loads")
def test_a_module_that_shares_its_table_says_so() -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    import pyinit.torch

    config = transformers.LlamaConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        module = transformers.LlamaForCausalLM(config)
    with pytest.raises(pi.RecipeError, match="Give tied=True"):
        pyinit.torch.materialize(module, _rules("llama"), key=0)
    made = pyinit.torch.materialize(module, _rules("llama", tied=True), key=0)
    assert made.lm_head.weight is made.model.embed_tokens.weight
    assert float(made.lm_head.weight.detach().std()) == pytest.approx(WIDTH**-0.5, rel=0.04)


@pytest.mark.parametrize("name", ["wpe", "embed_positions", "position_embeddings", "pos_embed"])
@pytest.mark.parametrize("end", ["weight", "embedding"])
def test_positions_are_no_words_in_torch_and_flax(name: str, end: str) -> None:
    shapes = {**OWN, f"model.{name}.{end}": (16, WIDTH)}
    with pytest.raises(pi.RecipeError, match="does not say how learned positions begin"):
        pi.init_params(shapes, _rules("llama"), key=0)
    made = pi.init_params(shapes, _rules("gpt2", padding=3), key=0)
    assert not made["embed_tokens.weight"][3].any()
    assert made[f"model.{name}.{end}"][3].any()


@pytest.mark.parametrize("name", ["token_type_embeddings", "pos_embeddings", "segment_embeddings"])
def test_other_tables_are_no_words(name: str) -> None:
    with pytest.raises(pi.RecipeError, match="does not say what this tensor is"):
        pi.init_params({**OWN, f"model.{name}.weight": (16, WIDTH)}, _rules("llama"), key=0)


@pytest.mark.parametrize(
    "name", ["tok_embeddings.weight", "embeddings.weight", "model.wte.embedding", "shared.weight"]
)
def test_padding_is_zero_in_every_table_or_refused(name: str) -> None:
    made = pi.init_params({name: (WORDS, WIDTH), **LAYER}, pi.recipes("hf", padding=3), key=0)
    assert not made[name][3].any()
    assert made[name][2].any()
    with pytest.raises(pi.RecipeError, match="no parameter matches"):
        pi.init_params(LAYER, pi.recipes("hf", padding=3), key=0)


@pytest.mark.parametrize("name", ["tok_embeddings.weight", "wte.weight", "embed_in.weight"])
def test_switchs_words_are_normal_by_any_name(name: str) -> None:
    made = pi.init_params({name: (WORDS, WIDTH), **LAYER}, pi.recipes("switch-moe"), key=0)
    assert made[name].std() == pytest.approx(1.0, rel=0.04)
    with pytest.raises(pi.RecipeError, match="does not say how learned positions begin"):
        pi.init_params({name: (8, 8), "wpe.weight": (8, 8), **LAYER}, pi.recipes("switch-moe"), key=0)


@pytest.mark.parametrize("name", ["llama", "llama-depth"])
def test_all_matrices_of_experts_are_small(name: str) -> None:
    experts = {
        "layers.0.mlp.experts.gate_up_proj": (4, 128, WIDTH),
        "layers.0.mlp.experts.3.w1.weight": (128, WIDTH),
        "layers.0.mlp.experts.down_proj": (4, WIDTH, WIDTH),
    }
    made = pi.init_params({**OWN, **experts}, _rules(name), key=0)
    for expert in experts:
        # cut at 3 std, which leaves 0.9867; 8,192 draws and more: 4 % is 5 times the deviation
        assert made[expert].std() == pytest.approx(0.9867 * 0.02 / 2**0.5, rel=0.04), expert
    assert made["layers.0.mlp.gate_proj.weight"].std() == pytest.approx(0.9867 * 0.02, rel=0.06)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("llama", {"tied": "yes"}, "needs tied as True or False; got 'yes'"),
        ("mamba", {"depth": 2, "rescale": "no"}, "needs rescale as True or False"),
        ("resnet", {"block": "basic", "features": 8, "zero_last": 0}, "needs zero_last as True or False"),
        ("whisper", {"width": 2}, "even width of at least 4; got 2"),
        ("whisper", {"width": 65}, "even width of at least 4; got 65"),
    ],
)
def test_options_of_other_kinds_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    given = {"depth": 1, "width": 8} if name == "llama" else {}
    with pytest.raises(pi.RecipeError, match=message):
        pi.recipes(name, **given, **options)


def test_a_pattern_of_many_names_is_told_in_short() -> None:
    with pytest.raises(pi.RecipeError) as raised:
        pi.init_params({"embed_tokens.weight": (8, 8)}, pi.recipes("gpt2", depth=1), key=0)
    assert "others" in str(raised.value)
    assert len(str(raised.value)) < 400


def test_numpys_integers_are_counts() -> None:
    rules = pi.recipes("rwkv", depth=np.int64(2), width=np.int32(8), vocabulary=np.int64(9))
    assert rules == pi.recipes("rwkv", depth=2, width=8, vocabulary=9)


def test_torchtitans_experts_are_known_by_their_names() -> None:
    at = "layers.1.moe.routed_experts.inner_experts"
    experts = {f"{at}.{name}": (4, WIDTH, WIDTH) for name in ("w1_EFD", "w2_EDF", "w3_EFD")}
    made = pi.init_params({**OWN, **experts}, pi.recipes("torchtitan", depth=2, width=WIDTH), key=0)
    # 16,384 draws each: 3 % is 5 times the deviation
    for name, std in (("w1_EFD", 0.02), ("w2_EDF", 0.01), ("w3_EFD", 0.01)):
        assert made[f"{at}.{name}"].std() == pytest.approx(std, rel=0.03), name


def test_a_norm_inside_of_an_mlp_has_no_drawn_bias() -> None:
    shapes = {
        "blocks.0.mlp.norm.bias": (64,),
        "blocks.0.mlp.fc1.bias": (64,),
        "patch_embed.proj.weight": (8, 4),
    }
    shapes |= {"blocks.0.mlp.fc1.weight": (64, 8)}
    made = pi.init_params(shapes, pi.recipes("vit-jax"), key=0)
    assert not made["blocks.0.mlp.norm.bias"].any()
    assert made["blocks.0.mlp.fc1.bias"].any()
