"""Rules on fans: recipes that count wrongly, and numbers that show it, with examples that are right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.spec_json import spec_from_json


def only(tensors: Mapping[str, Any], recipe: pi.Recipe, **others: Any) -> pi.LintFinding | None:
    """Return the one finding on tensors that all follow a recipe, or None."""
    content = {name: dict(entry) for name, entry in tensors.items()}
    found = pi.lint(spec_from_json({"tensors": content, **others}), {"*": recipe})
    assert len(found) <= 1
    return next(iter(found), None)


DEPTHWISE = {"conv.weight": {"shape": [96, 1, 3, 3], "groups": 96}}
TURNED = {"up.weight": {"shape": [96, 24, 4, 4], "transposed": True, "stride": 2}}
CONV1D = {"h.0.mlp.c_fc.weight": {"shape": [96, 384], "layout": "jax"}}
QKV = {"attn.qkv.weight": {"shape": [288, 96]}}
EXPERTS = {"mlp.experts.down_proj": {"shape": [8, 48, 96], "layout": "torch"}}


@pytest.mark.parametrize(
    ("tensors", "recipe", "case", "counted", "fan"),
    [
        (DEPTHWISE, pi.variance_scaling(2.0, "fan_out", compat="torch"), "groups", 864, 9),
        (DEPTHWISE, pi.normal(std=math.sqrt(2 / 864)), "groups", 864, 9),
        (TURNED, pi.variance_scaling(1.0, "fan_out", compat="torch"), "transposed", 1536, 384),
        (CONV1D, pi.he_normal(layout="torch"), "axes", 384, 96),
        (CONV1D, pi.normal(std=math.sqrt(2 / 384)), "axes", 384, 96),
        (QKV, pi.glorot_normal(), "fused", 192, 96),
        (QKV, pi.variance_scaling(1.0, "fan_out"), "fused", 288, 96),
        (QKV, pi.normal(std=math.sqrt(2 / (96 + 288))), "fused", 192, 96),
        (QKV, pi.orthogonal(), "fused", 288, 96),
        (EXPERTS, pi.he_normal(layout="torch"), "stack", 48 * 96, 48),
        (EXPERTS, pi.normal(std=math.sqrt(2 / (48 * 96))), "stack", 48 * 96, 48),
        (EXPERTS, pi.normal(std=math.sqrt(25 / 9 / (8 * 48))), "stack", 8 * 48, 48),
    ],
)
def test_wrong_fans(
    tensors: Mapping[str, Any], recipe: pi.Recipe, case: str, counted: float, fan: float
) -> None:
    found = only(tensors, recipe)
    assert found is not None
    assert (found.kind, found.case, found.severity) == ("wrong fan", case, "warning")
    assert (found.numbers["counted"], found.numbers["fan"]) == (counted, fan)
    gain, std = found.numbers["gain"], found.numbers["std"]
    assert isinstance(gain, float)
    assert isinstance(std, float)
    assert math.isclose(std, gain / math.sqrt(counted), rel_tol=1e-5)
    # the advice, followed, is no fault
    assert only(tensors, pi.normal(std=gain / math.sqrt(fan))) is None


@pytest.mark.parametrize("tensors", [DEPTHWISE, TURNED, CONV1D, QKV])
@pytest.mark.parametrize("recipe", [pi.he_normal(), pi.lecun_uniform(), pi.normal(std=0.02)])
def test_right_fans(tensors: Mapping[str, Any], recipe: pi.Recipe) -> None:
    assert only(tensors, recipe) is None


@pytest.mark.parametrize(
    ("tensors", "recipe"),
    [
        (DEPTHWISE, pi.variance_scaling(2.0, "fan_out")),
        (TURNED, pi.glorot_normal()),
        # counted wrongly, but by chance the right number
        (TURNED, pi.variance_scaling(2.0, compat="torch")),
        (CONV1D, pi.normal(std=math.sqrt(2 / 96))),
        (QKV, pi.normal(std=math.sqrt(1 / 96))),
        # fewer heads of keys than of queries: the parts have not one size
        ({"attn.qkv.weight": {"shape": [160, 96]}}, pi.glorot_normal()),
        ({"proj.weight": {"shape": [288, 96]}}, pi.glorot_normal()),
        ({"proj.weight": {"shape": [288, 96]}}, pi.orthogonal()),
        (EXPERTS, pi.he_normal(batch_axis=0, layout="torch")),
        (EXPERTS, pi.normal(std=math.sqrt(2 / 96))),
        (EXPERTS, pi.normal(std=0.02)),
        # chosen, though 2 / 5000 = 0.02 ** 2
        ({"attn.qkv.weight": {"shape": [7500, 2500]}}, pi.normal(std=0.02)),
        # groups of two: the mistake has the number of another gain that is right
        ({"conv.weight": {"shape": [96, 48, 3, 3], "groups": 2}}, pi.normal(std=math.sqrt(2 / 864))),
    ],
)
def test_what_is_right_or_cannot_be_known(tensors: Mapping[str, Any], recipe: pi.Recipe) -> None:
    assert only(tensors, recipe) is None


def test_what_torch_does_by_itself_is_information() -> None:
    turned = {"up.weight": {"shape": [96, 48, 4, 4], "transposed": True, "stride": 2}}
    found = only(turned, pi.variance_scaling(1 / 3, distribution="uniform", compat="torch"))
    assert found is not None
    assert (found.case, found.severity) == ("transposed", "info")
    attention = only({"attn.in_proj_weight": {"shape": [288, 96]}}, pi.glorot_uniform())
    assert attention is not None
    assert (attention.case, attention.severity) == ("fused", "info")


@pytest.mark.parametrize(("square", "parts"), [(2.0, 2), (2.0, 4), (1.0, 4), (1 / 3, 8)])
def test_numbers_that_fit_a_shard(square: float, parts: int) -> None:
    found = only({"down.weight": {"shape": [40, 96]}}, pi.normal(std=math.sqrt(square * parts / 96)))
    assert found is not None
    assert (found.kind, found.severity) == ("shard fan", "info")
    fan, counted = found.numbers["fan"], found.numbers["counted"]
    assert isinstance(fan, float | int)
    assert isinstance(counted, float | int)
    gain = found.numbers["gain"]
    assert isinstance(gain, float)
    assert math.isclose(gain / math.sqrt(counted), math.sqrt(square * parts / 96), rel_tol=1e-5)


@pytest.mark.parametrize(
    "recipe",
    [
        # the right number of another gain
        pi.normal(std=math.sqrt(2 / 96)),
        pi.normal(std=0.02),
        # 1.7 fits no part
        pi.normal(std=math.sqrt(1.7 * 4 / 96)),
        # a recipe says what it counted
        pi.variance_scaling(8.0),
    ],
)
def test_numbers_that_fit_no_shard(recipe: pi.Recipe) -> None:
    assert only({"down.weight": {"shape": [40, 96]}}, recipe) is None
