"""Rules on layers together, each with an example that has the fault and one that has not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.lint.lint import lint_subject
from pyinit.checkpoint.lint.subject import Link, Seen, Subject
from pyinit.checkpoint.spec import TensorSpec
from pyinit.recipes.fans import Axes

LAYER = "model.layers.0.mlp"


def mlp(stds: list[float], phi: Any, bias: pi.Recipe | None = None, width: int = 400) -> Subject:
    """Return layers of one width in a row; a std of 0 means zeros."""
    tensors, row = [], []
    for at, std in enumerate(stds):
        recipe = pi.normal(std=std) if std else pi.zeros()
        shape = (width, width)
        plan = recipe.plan(shape)
        tensors.append(Seen(f"{at}.weight", shape, "float32", plan, recipe, axes=Axes(layout="torch")))
        if bias is not None:
            tensors.append(Seen(f"{at}.bias", (width,), "float32", bias.plan((width,)), bias))
        row.append(Link(f"{at}.weight", None if bias is None else f"{at}.bias", phi))
    return Subject("mlp", tuple(tensors), rows=(tuple(row),))


@pytest.mark.parametrize(
    ("sigma_w", "phi", "at"),
    [
        (20.0, "tanh", ("0.weight", "1.weight", "2.weight")),
        (4.0, "tanh", ("0.weight", "1.weight", "2.weight")),
        (20.0, "sigmoid", ("0.weight", "1.weight", "2.weight")),
        (20.0, "hardtanh", ("0.weight", "1.weight", "2.weight")),
        # only the first layer has so large an input
        (6.0, "sigmoid", ("0.weight",)),
        (1.0, "tanh", ()),
        (5 / 3, "tanh", ()),
        (3.0, "sigmoid", ()),
        (20.0, "relu", ()),
        (20.0, "linear", ()),
        (20.0, "sin", ()),
        (20.0, None, ()),
    ],
)
def test_saturation(sigma_w: float, phi: Any, at: tuple[str, ...]) -> None:
    found = lint_subject(mlp([sigma_w / 20] * 3, phi)).of("saturation")
    assert tuple(name for each in found for name in each.tensors) == at


def test_saturation_agrees_with_a_pass_and_its_advice_is_no_fault() -> None:
    std = 0.25
    (first, *_) = lint_subject(mlp([std] * 3, "tanh")).of("saturation")
    weight, x = pi.normal(std=std)((400, 400), key=1), pi.normal()((400, 50), key=2)
    z = weight @ x
    rms, flat, right = (first.numbers[name] for name in ("rms", "flat", "right"))
    assert isinstance(rms, float)
    assert isinstance(flat, float)
    assert isinstance(right, float)
    # 20,000 values: standard errors of 0.5 % and of 0.004
    assert math.isclose(float(np.sqrt((z**2).mean())), rms, rel_tol=0.03)
    assert abs(float((1 - np.tanh(z) ** 2 < 0.1).mean()) - flat) < 0.02
    assert len(lint_subject(mlp([right] * 3, "tanh"))) == 0


@pytest.mark.parametrize(
    ("stds", "phi", "bias", "is_wrong"),
    [
        ([0.0, 0.0], "relu", None, True),
        ([0.0, 0.0], "tanh", pi.zeros(), True),
        ([0.05, 0.0], "relu", pi.zeros(), False),
        ([0.0, 0.05], "relu", pi.zeros(), False),
        ([0.0, 0.05, 0.0], "relu", pi.zeros(), False),
        # what is not zero between them gives the second one a gradient
        ([0.0, 0.0], "sigmoid", None, False),
        ([0.0, 0.0], "relu", pi.ones(), False),
        ([0.0, 0.0], None, None, False),
    ],
)
def test_zeros_in_series(stds: list[float], phi: Any, bias: pi.Recipe | None, is_wrong: bool) -> None:
    found = lint_subject(mlp(stds, phi, bias, 16))
    assert [(each.kind, each.severity) for each in found] == [("zeros in series", "error")] * is_wrong


@pytest.mark.parametrize(
    ("names", "zero", "count"),
    [
        (("q.lora_A.default.weight", "q.lora_B.default.weight"), "*lora*", 1),
        (("q.lora_A.default.weight", "q.lora_B.default.weight"), "*lora_B*", 0),
        ((f"{LAYER}.fc1.weight", f"{LAYER}.fc2.weight"), "*fc*", 1),
        ((f"{LAYER}.up_proj.weight", f"{LAYER}.down_proj.weight"), "*proj*", 1),
        ((f"{LAYER}.up_proj.weight", f"{LAYER}.down_proj.weight"), "*down*", 0),
        (("0.self_attn.q_proj.weight", "0.self_attn.k_proj.weight"), "*", 1),
        (("0.self_attn.v_proj.weight", "0.self_attn.o_proj.weight"), "*", 1),
        (("0.self_attn.q_proj.weight", "0.self_attn.v_proj.weight"), "*", 0),
        (("0.self_attn.v_proj.weight", "1.self_attn.o_proj.weight"), "*", 0),
    ],
)
def test_zeros_in_series_by_name(names: tuple[str, ...], zero: str, count: int) -> None:
    found = pi.lint(dict.fromkeys(names, (8, 8)), [(zero, "zeros"), *[("*", "normal")] * (zero != "*")])
    assert [each.kind for each in found] == ["zeros in series"] * count


def test_a_bias_between_two_zeros_gives_a_gradient() -> None:
    shapes = {"fc1.weight": (8, 8), "fc1.bias": (8,), "fc2.weight": (8, 8)}
    assert len(pi.lint(shapes, {"*.weight": "zeros", "*.bias": "ones"})) == 0
    assert len(pi.lint(shapes, {"*": "zeros"})) == 1


def transformer(layers: int, *more: str) -> pi.Spec:
    names = [f"model.layers.{at}.{part}.weight" for at in range(layers) for part in ("q_proj", "o_proj")]
    tensors = [TensorSpec(name, (64, 64), layout="torch") for name in names]
    vectors = [TensorSpec(name, (64,)) for name in more]
    return pi.Spec("model", (*tensors, *vectors))


@pytest.mark.parametrize(
    ("spec", "recipes", "count"),
    [
        (transformer(12, "model.norm.weight"), {"*norm*": "ones", "*": pi.normal(std=0.02)}, 12),
        (transformer(12, "model.norm.weight"), {"*norm*": "ones", "*": "he_normal"}, 12),
        (transformer(11, "model.norm.weight"), {"*norm*": "ones", "*": pi.normal(std=0.02)}, 0),
        (
            transformer(12, "model.norm.weight"),
            {"*norm*": "ones", "*o_proj*": pi.normal(std=0.004), "*": pi.normal(std=0.02)},
            0,
        ),
        # normalized after each branch
        (transformer(12), {"*": pi.normal(std=0.02)}, 0),
        (transformer(12, "model.embeddings.LayerNorm.weight"), {"*Norm*": "ones", "*": "normal"}, 0),
        # what a branch ends in is scaled or normalized
        (
            transformer(12, "model.norm.weight", "model.layers.0.layer_scale1.lambda1"),
            {"*norm*|*lambda1": "ones", "*": "normal"},
            0,
        ),
        (
            transformer(12, "model.norm.weight", "model.layers.0.post_feedforward_layernorm.weight"),
            {"*norm*": "ones", "*": "normal"},
            0,
        ),
    ],
)
def test_residual_branches_without_depth_scaling(spec: pi.Spec, recipes: Any, count: int) -> None:
    found = pi.lint(spec, recipes)
    assert sum(len(each.tensors) for each in found) == count
    assert {(each.kind, each.severity) for each in found} <= {("unscaled residual", "info")}
    for each in found:
        assert each.patterns == {"model.layers.*.o_proj.weight": 12}
        std, right = each.numbers["std"], each.numbers["right"]
        assert isinstance(std, float)
        assert right == pytest.approx(std / math.sqrt(24), rel=1e-5)
        assert each.numbers["layers"] == 12


def test_the_activation_of_a_configuration() -> None:
    tensors = (TensorSpec("h.0.fc1.weight", (64, 100), layout="torch"),)
    for act, count in (("tanh", 1), ("gelu", 0)):
        spec = pi.Spec("model", tensors, config={"hidden_act": act})
        found = pi.lint(spec, pi.normal(std=1.0))
        assert [each.kind for each in found] == ["saturation"] * count
