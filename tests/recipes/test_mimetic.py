"""Mimetic attention: products near the identity, and the best approximation of each head's rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi

WIDTH, HEADS = 96, 4


def _drawn(key: pi.Key, a: float, b: float) -> Any:
    return pi.normal(std=a / WIDTH**0.5)((WIDTH, WIDTH), key=key, dtype="float64") + b * np.eye(WIDTH)


def _is_near(product: Any, a: float, b: float) -> bool:
    """Return whether the entries are a Z + b I.

    Of 9,120 entries beside the diagonal the std deviates by 0.74 %, of 96 on it the mean by a / 96: five
    times that are allowed, so that an a that is wrong by 3.7 % or a b that is wrong by 0.052 a is seen.
    """
    beside = product[~np.eye(WIDTH, dtype=bool)]
    std = np.sqrt((beside**2).mean()) * WIDTH**0.5
    return bool(abs(std / a - 1) < 0.037 and abs(product.diagonal().mean() - b) < 5 * a / WIDTH)


def test_the_product_of_values_and_outputs_is_the_papers() -> None:
    made = pi.mimetic_attention(WIDTH, HEADS, key=3, dtype="float64")
    product = made["value"] @ made["output"]
    assert np.abs(product - _drawn(pi.key(3).fold_in("value_output"), 0.4, -0.4)).max() < 1e-12
    assert _is_near(product, 0.4, -0.4)
    # mutants: another constant, the other sign, a factor that was transposed
    assert not _is_near(product, 0.42, -0.4)
    assert not _is_near(-product, 0.4, -0.4)
    assert not _is_near(made["output"] @ made["value"] @ made["value"], 0.4, -0.4)


def test_each_head_is_the_best_approximation_of_its_rank() -> None:
    made = pi.mimetic_attention(WIDTH, HEADS, key=3, dtype="float64")
    size = WIDTH // HEADS
    for head in range(HEADS):
        wanted = _drawn(pi.key(3).fold_in(f"query_key.{head}"), 0.7, 0.7)
        columns = slice(head * size, (head + 1) * size)
        product = made["query"][:, columns] @ made["key"][:, columns].T
        u, values, vt = np.linalg.svd(wanted)
        assert np.abs(product - (u[:, :size] * values[:size]) @ vt[:size]).max() < 1e-12
        # queries and keys are equally large
        assert np.allclose((made["query"][:, columns] ** 2).sum(axis=0), values[:size])
        assert np.allclose((made["key"][:, columns] ** 2).sum(axis=0), values[:size])


def test_signs_are_not_those_of_a_library() -> None:
    """Of each column of a left factor the largest number is positive; LAPACK's are so in half of them."""
    made = pi.mimetic_attention(WIDTH, HEADS, key=3, dtype="float64")
    for name in ("query", "value"):
        largest = np.abs(made[name]).argmax(axis=0)
        assert (made[name][largest, range(WIDTH)] > 0).all(), name


def test_layouts_and_dtypes_hold_the_same_weights() -> None:
    plain = pi.mimetic_attention(16, 2, key=0)
    for layout in ("keras", "jax", "torch"):
        made = pi.mimetic_attention(16, 2, key=0, layout=layout)
        for name, weight in made.items():
            assert weight.dtype == np.float32
            assert (weight == (plain[name].T if layout == "torch" else plain[name])).all()
    exact = pi.mimetic_attention(16, 2, key=0, dtype="float64")
    half = pi.mimetic_attention(16, 2, key=0, dtype="float16")
    for name, weight in exact.items():
        assert (weight.astype(np.float32) == plain[name]).all()
        assert (weight.astype(np.float16) == half[name]).all()


def test_one_head_splits_its_matrix_whole() -> None:
    made = pi.mimetic_attention(8, 1, key=1, query_key=(0.0, 0.5), dtype="float64")
    assert np.abs(made["query"] @ made["key"].T - 0.5 * np.eye(8)).max() < 1e-15


def test_a_layer_of_torch_attends_as_the_product_says() -> None:
    made = pi.mimetic_attention(WIDTH, HEADS, key=3, layout="torch")
    x = np.random.default_rng(0).normal(size=(5, WIDTH)).astype(np.float32)
    out = (x @ made["value"].T) @ made["output"].T
    assert np.allclose(out, x @ _drawn(pi.key(3).fold_in("value_output"), 0.4, -0.4), atol=1e-4)
    rules = {"attn.v_proj.weight": pi.pretrained(made["value"])}
    drawn = pi.init_params({"attn.v_proj.weight": (WIDTH, WIDTH)}, rules, key=9)
    assert (drawn["attn.v_proj.weight"] == made["value"]).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"heads": 3}, pi.ShapeError, "heads divide the width; got 3 of 16"),
        ({"width": 0}, pi.RecipeError, "mimetic's width"),
        ({"heads": 1.5}, pi.RecipeError, "mimetic's heads"),
        ({"query_key": 0.7}, pi.RecipeError, "query_key is a pair of numbers; got 0.7"),
        ({"value_output": (0.4, -0.4)}, pi.RecipeError, "value_output"),
        ({"value_output": (float("nan"), 0.4)}, pi.RecipeError, "value_output"),
        ({"layout": "tensorflow"}, pi.LayoutError, "layout is 'torch', 'keras' or 'jax'"),
        ({"dtype": "int8"}, pi.DTypeError, "int8"),
        ({"key": "a"}, pi.SeedError, "key"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pi.mimetic_attention(**{"width": 16, "heads": 2, "key": 0, **change})
