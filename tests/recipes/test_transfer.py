"""Schemes that carry a tuned model over: CompleteP, u-muP, Sub-LN, against their tables and packages."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pyinit as pi
from pyinit.recipes.matching import deciding
from pyinit.recipes.schemes.scheme import Share


def _std(scheme: Any, name: str, shape: tuple[int, ...]) -> float:
    rule = deciding(scheme)(name, len(shape) >= 2)
    assert rule is not None
    std = rule.recipe_for(name).plan(shape).std
    assert std is not None
    return std


def _gpt(layers: int, width: int) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of nanoGPT, whose table of words is the head, too."""
    shapes: dict[str, tuple[int, ...]] = {
        "transformer.wte.weight": (64, width),
        "transformer.wpe.weight": (16, width),
        "transformer.ln_f.weight": (width,),
        "transformer.ln_f.bias": (width,),
        "lm_head.weight": (64, width),
    }
    for layer in range(layers):
        at = f"transformer.h.{layer}"
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{at}.{norm}.weight": (width,), f"{at}.{norm}.bias": (width,)}
        for name, out, into in (
            ("attn.c_attn", 3 * width, width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", 4 * width, width),
            ("mlp.c_proj", width, 4 * width),
        ):
            shapes |= {f"{at}.{name}.weight": (out, into), f"{at}.{name}.bias": (out,)}
    return shapes


def _completep_of_the_authors(name: str, m: float, n: float, alpha: float) -> Share:
    """Return the group of a parameter in the table of the paper; vectors have no decay in the code."""
    in_layer, is_vector = ".h." in name, name.endswith(".bias") or ".ln_" in name
    rate = n ** (alpha - 1) if in_layer else 1.0
    # gradients of all parameters shrink with the width: see the test of their sizes
    epsilon = n**-alpha / m if in_layer else 1 / m
    if is_vector:
        return Share(name, rate, 1.0, 0.0, epsilon)
    if in_layer:
        return Share(name, rate / m, 1.0, m, epsilon)
    return Share(name, 1.0, 1 / m if name == "lm_head.weight" else 1.0, 1.0, epsilon)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_completep_is_the_papers_table(alpha: float) -> None:
    m, n = 4.0, 3.0
    scheme = pi.scheme("completep", width=256, base_width=64, depth=6, base_depth=2, alpha=alpha)
    shapes = _gpt(6, 256)
    for name in shapes:
        share, other = scheme.share(name), _completep_of_the_authors(name, m, n, alpha)
        for field in ("learning_rate", "multiplier", "weight_decay", "epsilon"):
            assert getattr(share, field) == pytest.approx(getattr(other, field)), (name, field)
        if name.endswith(".weight") and ".ln_" not in name:
            expected = 0.02 / math.sqrt(m) if ".h." in name else 0.02
            assert _std(scheme, name, shapes[name]) == pytest.approx(expected), name
    assert scheme.settings["residual branches"] == pytest.approx(n**-alpha)
    assert scheme.settings["logits"] == pytest.approx(1 / m)
    pi.init_params(shapes, scheme, key=0)


def test_completep_at_the_base_is_plain() -> None:
    scheme = pi.scheme("completep", width=64, base_width=64, depth=2, base_depth=2)
    for name in _gpt(2, 64):
        share = scheme.share(name)
        assert (share.learning_rate, share.multiplier, share.epsilon) == (1.0, 1.0, 1.0), name


def test_groups_have_decay_and_epsilon() -> None:
    scheme = pi.scheme("completep", width=256, base_width=64, depth=6, base_depth=2)
    names = ["transformer.wte.weight", "transformer.h.0.ln_1.weight", "transformer.h.0.mlp.c_fc.weight"]
    groups = scheme.groups(((name, name) for name in names), lr=1.0, weight_decay=0.1, eps=1e-8)
    kept = [{key: value for key, value in group.items() if key != "params"} for group in groups]
    assert kept == [
        {"lr": 1.0, "weight_decay": 0.1, "eps": pytest.approx(1e-8 / 4)},
        {"lr": 1.0, "weight_decay": 0.0, "eps": pytest.approx(1e-8 / 12)},
        {"lr": 0.25, "weight_decay": pytest.approx(0.4), "eps": pytest.approx(1e-8 / 12)},
    ]
    assert [group["params"] for group in groups] == [[name] for name in names]


@pytest.mark.parametrize(
    ("given", "missing"),
    [({}, "weight_decay"), ({"weight_decay": 0.1}, "eps"), ({"eps": 1e-8}, "weight_decay")],
)
def test_what_a_scheme_changes_has_to_be_given(given: dict[str, float], missing: str) -> None:
    scheme = pi.scheme("completep", width=256, base_width=64, depth=6, base_depth=2)
    with pytest.raises(pi.RecipeError, match=f"completep changes {missing} of some parameters"):
        scheme.groups({"lm_head.weight": 1}, lr=1.0, **given)


def test_a_scheme_that_leaves_them_alone_does_not_ask() -> None:
    scheme = pi.scheme("mup", width=64, base_width=32, depth=2)
    parameters = {"layers.0.q_proj.weight": 1}
    assert scheme.groups(parameters, lr=1.0) == [{"params": [1], "lr": 0.5}]
    assert scheme.groups(parameters, lr=1.0, eps=0.1) == [{"params": [1], "lr": 0.5, "eps": 0.1}]


def test_u_mup_is_mup_with_the_scales_in_the_operations() -> None:
    """A layer's effective std and step are those of fans; both grow and shrink as muP's do."""
    shapes = {
        "layers.1.self_attn.q_proj.weight": (64, 64),
        "layers.1.self_attn.o_proj.weight": (64, 32),
        "layers.1.mlp.down_proj.weight": (64, 256),
        "embed_tokens.weight": (100, 64),
        "embed_positions.weight": (16, 64),
        "lm_head.weight": (100, 64),
        "layers.1.input_layernorm.weight": (64,),
        "norm.weight": (64,),
    }
    scheme = pi.scheme("u-mup", width=64, hidden=256, attention=32, depth=4)
    for name, shape in shapes.items():
        share = scheme.share(name)
        deep = 0.5 if name.startswith("layers") else 1.0
        if len(shape) == 1:
            assert (share.learning_rate, share.multiplier) == (deep, 1.0), name
            continue
        assert _std(scheme, name, shape) == 1.0
        fan_in = shape[1]
        if name.startswith("layers"):
            assert share.multiplier == pytest.approx(fan_in**-0.5), name
            assert share.multiplier * share.learning_rate == pytest.approx(deep / fan_in), name
        elif name.startswith("embed"):
            assert (share.learning_rate, share.multiplier) == (pytest.approx(1 / 8), 1.0)
        else:
            assert (share.learning_rate, share.multiplier) == (1.0, pytest.approx(1 / 64))
    with pytest.raises(pi.RecipeError, match="'u-mup' does not say how wide an expert is"):
        pi.init_params({**shapes, "layers.0.mlp.experts.down_proj": (4, 64, 64)}, scheme, key=0)


@pytest.mark.interop
def test_u_mup_is_that_of_the_package() -> None:
    torch, uu = pytest.importorskip("torch"), pytest.importorskip("unit_scaling")
    from unit_scaling.optim import lr_scale_func_adam

    layers, width = 4, 32
    model = uu.TransformerDecoder(width, 50, layers, 2)
    # its names, as this library's roles have them
    named = {
        "linear_o": "o_proj",
        "linear_qkv": "qkv_proj",
        "linear_1": "up_proj",
        "linear_gate": "gate_proj",
        "linear_2": "down_proj",
        "projection": "lm_head",
        "embedding": "embed_tokens",
    }
    scheme = pi.scheme("u-mup", width=width, hidden=4 * width, depth=layers)
    modules = {
        name: module for name, module in model.named_modules() if getattr(module, "weight", None) is not None
    }
    assert len(modules) == 5 * layers + 2
    for name, module in modules.items():
        stem, _, last = name.rpartition(".")
        own = f"{stem}.{named[last]}.weight".lstrip(".")
        share = scheme.share(own)
        assert share.learning_rate == pytest.approx(lr_scale_func_adam(module.weight)), name
        assert float(module.weight.detach().std()) == pytest.approx(_std(scheme, own, (8, 8)), rel=0.1), name
        if last != "embedding":
            with torch.no_grad():
                ones = torch.ones(1, module.weight.shape[1])
                module.weight.fill_(1.0)
                scale = float(module(ones)[0, 0]) / module.weight.shape[1]
            # without a constraint the layers of an MLP have scales of their own, which mirror one another
            assert scale == pytest.approx(share.multiplier, rel=1e-5), name
    rule = uu.core.functional.transformer_residual_scaling_rule()
    for branch in range(2 * layers):
        assert rule(branch, 2 * layers) == pytest.approx((layers + branch) ** -0.5)


def _stack(stack: str, attentions: tuple[str, ...], layers: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        at = f"{stack}layers.{layer}"
        for attention in attentions:
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes[f"{at}.{attention}.{name}.weight"] = (32, 32)
        shapes |= {f"{at}.ffn.fc1.weight": (64, 32), f"{at}.ffn.fc2.weight": (32, 64)}
        shapes |= {f"{at}.self_attn.inner_attn_ln.weight": (32,), f"{at}.ffn.ffn_layernorm.weight": (32,)}
    return shapes


def _factor(scheme: pi.Scheme, name: str, shape: tuple[int, ...]) -> float:
    """Return the std beside that of Xavier."""
    return _std(scheme, name, shape) / math.sqrt(2 / sum(shape))


def test_sub_ln_is_the_papers_table() -> None:
    one, both = pi.scheme("sub-ln", depth=6), pi.scheme("sub-ln", depth=6, decoder_depth=9)
    made = pi.init_params({"embed_tokens.weight": (50, 32), **_stack("", ("self_attn",), 6)}, one, key=0)
    for name in ("self_attn.inner_attn_ln", "ffn.ffn_layernorm"):
        assert (made[f"layers.5.{name}.weight"] == 1).all(), name
    encoder, decoder = (
        _stack("encoder.", ("self_attn",), 6),
        _stack("decoder.", ("self_attn", "encoder_attn"), 9),
    )
    pi.init_params({"embed_tokens.weight": (50, 32), **encoder, **decoder}, both, key=0)
    cases = (
        (one, "", math.sqrt(math.log(12))),
        (both, "encoder.", math.sqrt(math.log(27) * math.log(12) / 3)),
        (both, "decoder.", math.sqrt(math.log(27))),
    )
    for scheme, stack, gamma in cases:
        at = f"{stack}layers.0"
        for name in ("self_attn.v_proj", "self_attn.out_proj"):
            assert _factor(scheme, f"{at}.{name}.weight", (32, 32)) == pytest.approx(gamma)
        assert _factor(scheme, f"{at}.ffn.fc1.weight", (64, 32)) == pytest.approx(gamma)
        assert _factor(scheme, f"{at}.self_attn.q_proj.weight", (32, 32)) == pytest.approx(1.0)


@pytest.mark.interop
@pytest.mark.usefixtures("torchvision_loads")
def test_sub_ln_has_the_factors_of_torchscale() -> None:
    torch = pytest.importorskip("torch")
    encoder = pytest.importorskip("torchscale.architecture.encoder")
    config = pytest.importorskip("torchscale.architecture.config")
    sizes = {"encoder_embed_dim": 32, "encoder_attention_heads": 4, "encoder_ffn_embed_dim": 64}

    def made(subln: bool) -> dict[str, Any]:
        torch.manual_seed(0)
        options = config.EncoderConfig(
            encoder_layers=6, subln=subln, vocab_size=50, no_output_layer=True, **sizes
        )
        model = encoder.Encoder(options, embed_tokens=torch.nn.Embedding(50, 32))
        return {name: value.detach() for name, value in model.named_parameters() if value.dim() == 2}

    with_norms, without, scheme = made(True), made(False), pi.scheme("sub-ln", depth=6)
    checked = 0
    for name, value in with_norms.items():
        if "layers." in name:
            factor = float((value / without[name]).median())
            assert factor == pytest.approx(_factor(scheme, name, tuple(value.shape)), rel=1e-5), name
            checked += 1
    assert checked == 6 * 6


def _blocks(torch: Any, width: int, depth: int, base: tuple[int, int]) -> tuple[Any, pi.Scheme]:
    """Return a model of normed branches, and CompleteP of it, by which it begins."""
    from torch.nn import functional

    import pyinit.torch

    class Layer(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for name in ("q_proj", "o_proj", "up_proj", "down_proj"):
                self.add_module(name, torch.nn.Linear(width, width, bias=False))

        def forward(self, x: Any, share: float) -> Any:
            x = x + share * self.o_proj(torch.tanh(self.q_proj(functional.layer_norm(x, (width,)))))
            return x + share * self.down_proj(
                functional.relu(self.up_proj(functional.layer_norm(x, (width,))))
            )

    model = torch.nn.Module()
    with torch.device("meta"):
        model.embed_tokens = torch.nn.Embedding(16, width)
        model.layers = torch.nn.ModuleList(Layer() for _ in range(depth))
        model.norm = torch.nn.LayerNorm(width)
        model.lm_head = torch.nn.Linear(width, 16, bias=False)
    sizes = {"base_width": base[0], "base_depth": base[1]}
    scheme = pi.scheme("completep", width=width, depth=depth, std=0.18, **sizes)
    pyinit.torch.materialize(model, scheme, key=0)
    return model, scheme


def _step(torch: Any, model: Any, scheme: pi.Scheme) -> Any:
    """Return the stream after all layers, and leave the gradients in the parameters."""
    words = torch.arange(16)
    x = model.embed_tokens(words)
    for layer in model.layers:
        x = layer(x, float(scheme.settings["residual branches"]))
    logits = model.lm_head(model.norm(x)) * float(scheme.settings["logits"])
    torch.nn.functional.cross_entropy(logits, words.roll(1)).backward()
    return x.detach()


def _moved(torch: Any, depth: int, base: int) -> float:
    """Return how far the stream of a model of branches moves in three steps of Adam."""
    model, scheme = _blocks(torch, 32, depth, (32, base))
    groups = scheme.groups(model.named_parameters(), lr=0.001, weight_decay=0.0, eps=1e-12)
    optimizer, stream = torch.optim.AdamW(groups), []
    for _ in range(4):
        optimizer.zero_grad()
        stream.append(_step(torch, model, scheme))
        optimizer.step()
    return float((stream[-1] - stream[0]).square().mean().sqrt())


@pytest.mark.interop
def test_under_completep_a_step_moves_the_stream_alike_at_any_depth() -> None:
    """The change at 32 layers beside that at 4: near 1, and far above without the factors of the depth."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("pyinit.torch")
    shallow = _moved(torch, 4, base=4)
    assert 0.5 < _moved(torch, 32, base=4) / shallow < 2.0
    # the mutant: each depth is its own base
    assert _moved(torch, 32, base=32) / shallow > 3.0


@pytest.mark.interop
def test_under_completep_epsilon_shrinks_as_the_gradients() -> None:
    """Width and depth times 4: gradients divided by 4 each, in layers; by the width's alone elsewhere.

    A draw moves the size of a gradient by up to a third, a wrong power moves the quotient by 4.
    """
    torch = pytest.importorskip("torch")
    pytest.importorskip("pyinit.torch")

    def gradients(width: int, depth: int) -> tuple[dict[str, float], pi.Scheme]:
        model, scheme = _blocks(torch, width, depth, (32, 1))
        _step(torch, model, scheme)
        named = model.named_parameters()
        return {name: float(each.grad.square().mean().sqrt()) for name, each in named}, scheme

    # where the branches of one layer are small beside the stream
    for small, large in (((32, 8), (128, 8)), ((32, 8), (32, 32))):
        (before, one), (after, other) = gradients(*small), gradients(*large)
        names = ("embed_tokens.weight", "lm_head.weight", "norm.weight", "layers.1.q_proj.weight")
        for name in names:
            shrunk = other.share(name).epsilon / one.share(name).epsilon
            assert after[name] / before[name] == pytest.approx(shrunk, rel=0.5), (name, large)
