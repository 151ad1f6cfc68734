"""Rules on streams and ties: equal and overlapping keys, and tied tensors that are drawn twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.blueprint import Blueprint, draw_up
from pyinit.checkpoint.contents import Drawn
from pyinit.checkpoint.spec import TensorSpec


def with_keys(
    shapes: dict[str, Any], recipe: object, keys: dict[str, pi.Key], dtype: str | None = None
) -> Blueprint:
    """Return a blueprint of which some tensors have other keys, as a plan of other hands may have."""
    blueprint = draw_up(shapes, recipe, 3, dtype)
    drafts = []
    for draft in blueprint.drafts:
        assert isinstance(draft.content, Drawn)
        key = keys.get(draft.name, draft.key)
        drafts.append(replace(draft, key=key, content=replace(draft.content, key=key)))
    return replace(blueprint, drafts=tuple(drafts))


ROOT = pi.key(3)


@pytest.mark.parametrize("shape", [(16, 8), (8, 8)])
def test_two_tensors_of_one_key(shape: tuple[int, ...]) -> None:
    stage = ROOT.fold_in("0.weight")
    shapes = {"stage0.0.weight": (16, 8), "stage1.0.weight": shape, "head": (4, 8)}
    blueprint = with_keys(shapes, "normal", {"stage0.0.weight": stage, "stage1.0.weight": stage})
    (found,) = pi.lint(blueprint)
    assert (found.kind, found.severity, found.case) == ("reused stream", "error", "")
    assert found.tensors == ("stage0.0.weight", "stage1.0.weight")
    first, second = (
        pi.normal()(draft.shape, key=draft.key).ravel()[:64]
        for draft in blueprint.drafts
        if "0" in draft.name
    )
    assert np.array_equal(first, second)


def test_one_tensor_under_two_names_is_information() -> None:
    shapes = {"embed.weight": (16, 8), "head.weight": (16, 8)}
    blueprint = with_keys(shapes, "normal", {"head.weight": ROOT.fold_in("embed.weight")})
    (found,) = pi.lint(blueprint)
    assert (found.kind, found.severity, found.case) == ("reused stream", "info", "tie")
    assert pi.lint(blueprint).is_clean


def test_other_numbers_of_one_key_are_no_tie() -> None:
    shapes = {"embed.weight": (16, 8), "head.weight": (16, 8)}
    recipes = {"embed.weight": pi.normal(std=0.02), "head.weight": pi.normal(std=0.01)}
    (found,) = pi.lint(with_keys(shapes, recipes, {"head.weight": ROOT.fold_in("embed.weight")}))
    assert (found.severity, found.case) == ("error", "")


@pytest.mark.parametrize(
    ("dtype", "shift", "is_wrong"),
    [
        ("float32", 1, True),
        ("float32", 31, True),
        ("float32", 32, False),
        ("float32", 1000, False),
        ("float64", 63, True),
        ("float64", 64, False),
    ],
)
def test_streams_that_overlap(dtype: str, shift: int, is_wrong: bool) -> None:
    # 128 elements are 32 blocks, or 64 in float64
    one = ROOT.fold_in("a")
    other = pi.Key(one.seed, (one.offset + shift) % 2**64)
    blueprint = with_keys({"a": (16, 8), "b": (16, 8)}, "normal", {"b": other}, dtype)
    found = pi.lint(blueprint)
    assert [(each.kind, each.case) for each in found] == [("reused stream", "overlap")] * is_wrong
    overlap = np.isin(*(pi.normal()((16, 8), key=key, dtype=dtype) for key in (other, one))).any()
    assert bool(overlap) is is_wrong


def test_keys_of_names_are_clean_and_constants_have_none() -> None:
    keys = dict.fromkeys(("a", "b"), pi.key(0))
    assert len(pi.lint(with_keys({"a": (8, 8), "b": (8, 8)}, "zeros", keys))) == 0
    assert len(pi.lint({f"layers.{n}.w": (8, 8) for n in range(50)}, "normal")) == 0


@pytest.mark.parametrize("config", [{"tie_word_embeddings": True}, {"tie_word_embeddings": False}, {}])
def test_tied_but_drawn_twice(config: dict[str, Any]) -> None:
    tensors = (
        TensorSpec("model.embed_tokens.weight", (32, 8), layout="torch"),
        TensorSpec("lm_head.weight", (32, 8), layout="torch"),
    )
    found = pi.lint(pi.Spec("model", tensors, config=config), pi.normal(std=0.02))
    is_wrong = config.get("tie_word_embeddings", False)
    assert [(each.kind, each.severity) for each in found] == [("tied but drawn twice", "error")] * is_wrong
    # a tie that is named is written once
    tied = pi.Spec("model", tensors[:1], {"lm_head.weight": "model.embed_tokens.weight"}, config=config)
    assert len(pi.lint(tied, pi.normal(std=0.02))) == 0
    # other sizes cannot be tied
    other = (tensors[0], replace(tensors[1], shape=(16, 8)))
    assert len(pi.lint(pi.Spec("model", other, config=config), pi.normal(std=0.02))) == 0
