"""Rules on the numbers of one tensor, each with an example that has the fault and one that has not."""

from __future__ import annotations

from typing import Any

import pytest

import pyinit as pi
from pyinit.recipes.fans import Axes


def kinds(what: Any, recipes: object = None, dtype: str | None = None) -> list[tuple[str, str]]:
    return [(found.kind, found.severity) for found in pi.lint(what, recipes, dtype=dtype)]


@pytest.mark.parametrize(
    ("recipe", "is_wrong"),
    [
        (pi.truncated_normal(std=0.02, low=-2.0, high=2.0, unit="absolute"), True),
        (pi.truncated_normal(mean=1.0, std=0.1, low=0.0, high=2.0, unit="absolute"), True),
        (pi.truncated_normal(std=0.02, low=-6.0, high=6.0), True),
        (pi.truncated_normal(std=0.02), False),
        (pi.truncated_normal(std=0.02, low=-5.0, high=5.0), False),
        (pi.truncated_normal(std=1.0, low=-2.0, high=2.0, unit="absolute"), False),
        # one side is cut
        (pi.truncated_normal(std=0.02, low=0.0, high=2.0, unit="absolute"), False),
        (pi.normal(std=0.02), False),
        (pi.he_normal(), False),
    ],
)
def test_truncation_that_truncates_nothing(recipe: pi.Recipe, is_wrong: bool) -> None:
    assert kinds({"w": (64, 32)}, {"w": recipe}) == [("truncation", "warning")] * is_wrong


def test_truncation_tells_how_far_its_bounds_are() -> None:
    (found,) = pi.lint({"w": (64, 32)}, {"w": pi.truncated_normal(std=0.02, unit="absolute")})
    assert found.numbers["below"] == found.numbers["above"] == 100.0
    assert "100 std below" in found.reason
    # the advice, followed, cuts at 2 std
    fixed = pi.truncated_normal(std=0.02, low=-0.04, high=0.04, unit="absolute")
    assert "a=-0.04, b=0.04" in found.fix
    assert kinds({"w": (64, 32)}, {"w": fixed}) == []


@pytest.mark.parametrize(
    ("recipe", "dtype", "severity"),
    [
        (pi.normal(std=1e-8), "float16", "error"),
        (pi.normal(std=1e-6), "float16", "warning"),
        (pi.uniform(-1e-6, 1e-6), "float16", "warning"),
        (pi.constant(1e-9), "float16", "error"),
        (pi.normal(std=1e-5), "float16", None),
        (pi.constant(1e-6), "float16", None),
        (pi.constant(0.0), "float16", None),
        (pi.normal(std=1e-8), "bfloat16", None),
        (pi.normal(std=1e-44), "float32", "warning"),
        (pi.normal(mean=1.0, std=1e-8), "float16", None),
        (pi.uniform(0.5, 1.0), "float16", None),
    ],
)
def test_underflow(recipe: pi.Recipe, dtype: str, severity: str | None) -> None:
    assert kinds({"w": (64, 32)}, {"w": recipe}, dtype) == [("underflow", severity)] * (severity is not None)


def test_underflow_counts_what_is_rounded_to_zero() -> None:
    recipe, shape = pi.normal(std=3e-7), (256, 256)
    (found,) = pi.lint({"w": shape}, {"w": recipe}, dtype="float16")
    zero = float((recipe(shape, key=5, dtype="float16") == 0).mean())
    # the share has a standard error of 0.001 here
    assert abs(float(found.numbers["lost"] or 0) - zero) < 0.005


@pytest.mark.parametrize("shape", [(0, 8), (8, 0)])
def test_kernels_without_elements(shape: tuple[int, int]) -> None:
    assert kinds({"w": shape, "b": (0,)}, "normal") == [("empty fan", "warning")]


def test_vectors_without_elements_have_no_fan() -> None:
    assert kinds({"bias": (0,), "w": (8, 4)}, "he_normal") == []


def test_numbers_that_are_not_finite() -> None:
    from pyinit.checkpoint.lint.lint import lint_subject
    from pyinit.checkpoint.lint.subject import Seen, Subject

    # no recipe of pyinit's makes one, but what others wrote may hold it
    plan = pi.Plan("normal", (8, 4), "float32", 0.0, float("nan"), numbers=(0.0, float("nan")))
    (found,) = lint_subject(Subject("s", (Seen("w", (8, 4), "float32", plan, axes=Axes(layout="torch")),)))
    assert (found.kind, found.severity, found.numbers["value"]) == ("not finite", "error", "nan")


@pytest.mark.parametrize(
    ("weight", "bias", "severity"),
    [
        (pi.normal(std=0.02), pi.normal(std=1.0), "warning"),
        (pi.normal(std=0.001), pi.normal(std=0.1), "info"),
        (pi.normal(std=0.02), pi.zeros(), None),
        (pi.he_normal(), pi.normal(std=0.5), None),
        # constants, such as a forget gate's, are meant
        (pi.normal(std=0.02), pi.ones(), None),
    ],
)
def test_large_biases(weight: pi.Recipe, bias: pi.Recipe, severity: str | None) -> None:
    shapes = {"fc.weight": (64, 100), "fc.bias": (64,)}
    found = kinds(shapes, {"fc.weight": weight, "fc.bias": bias})
    assert found == [("large bias", severity)] * (severity is not None)


def test_a_large_bias_without_a_known_weight() -> None:
    assert kinds({"gate.bias": (8,)}, {"*": pi.normal(std=2.0)}) == [("large bias", "warning")]
    assert kinds({"gate.bias": (8,)}, {"*": pi.normal(std=0.5)}) == []


def norms(*names: str, **config: Any) -> pi.Spec:
    from pyinit.checkpoint.spec import TensorSpec

    return pi.Spec("model", tuple(TensorSpec(name, (8,)) for name in names), config=config or None)


def test_norms_that_are_zero() -> None:
    names = ("model.layers.0.input_layernorm.weight", "model.norm.weight")
    (found,) = pi.lint(norms(*names, model_type="llama"), {"*": "zeros"})
    assert (found.kind, found.severity, found.tensors) == ("zero norm", "warning", names)
    assert kinds(norms(*names, model_type="llama"), {"*": "ones"}) == []
    # these multiply by 1 + weight
    assert kinds(norms(*names, model_type="gemma2"), {"*": "zeros"}) == []


@pytest.mark.parametrize(
    ("names", "zero", "is_wrong"),
    [
        (("layer1.0.bn1.weight", "layer1.0.bn2.weight"), "layer1.0.bn2.weight", False),
        (("layer1.0.bn1.weight", "layer1.0.bn2.weight"), "layer1.0.bn1.weight", True),
        (("s1.b1.conv1.bn.weight", "s1.b1.conv3.bn.weight"), "s1.b1.conv3.bn.weight", False),
        (
            ("s1.b1.conv1.bn.weight", "s1.b1.conv3.bn.weight", "s1.b1.downsample.bn.weight"),
            "s1.b1.conv3.bn.weight",
            False,
        ),
        (("a.0.bn1.weight", "a.0.bn2.weight"), "*", True),
        (("a.0.down.conv1.bn.weight", "a.0.down.conv2.bn.weight"), "a.0.down.conv2.bn.weight", False),
    ],
)
def test_the_last_norm_of_a_branch_may_be_zero(names: tuple[str, ...], zero: str, is_wrong: bool) -> None:
    found = kinds(norms(*names), [(zero, "zeros"), ("*", "ones")] if zero != "*" else {"*": "zeros"})
    assert found == [("zero norm", "warning")] * is_wrong


def test_a_zero_norm_whose_place_is_not_known_is_information() -> None:
    recipes = {"blocks.*": "zeros", "*": "ones"}
    found = pi.lint(norms("blocks.0.mixer.m.bn.weight", "stem.bn.weight", "norm.weight"), recipes)
    assert [(each.kind, each.severity, each.case) for each in found] == [("zero norm", "info", "alone")]
