"""Many tensors: each a function of its own name, shape and recipe."""

from __future__ import annotations

import numpy as np
import pytest

import pyinit as pi

SHAPES = {"l1.weight": (784, 256), "l1.bias": (256,), "l2.weight": (256, 10), "scale": (), "none": (0, 3)}
RECIPE = pi.normal(std=0.02)


def test_each_tensor_has_the_key_of_its_name() -> None:
    params = pi.init_params(SHAPES, RECIPE, key=3)
    assert list(params) == list(SHAPES)
    for name, value in params.items():
        np.testing.assert_array_equal(value, RECIPE(SHAPES[name], key=pi.key(3).fold_in(name)))


def test_neighbours_change_nothing() -> None:
    more = pi.init_params({"new": (5, 5), **dict(reversed(SHAPES.items()))}, RECIPE, key=3)
    for name, value in pi.init_params(SHAPES, RECIPE, key=3).items():
        np.testing.assert_array_equal(value, more[name])
    assert (
        more["l2.weight"] != pi.init_params({"l3.weight": (256, 10)}, RECIPE, key=3)["l3.weight"]
    ).mean() > 0.99


@pytest.mark.parametrize("threads", [None, 1, 2, 5])
def test_threads_and_sizes_change_nothing(threads: int | None) -> None:
    shapes = {f"w{i}": (200 + i, 1000) for i in range(12)} | {"large": (1500, 1000)}
    params = pi.init_params(shapes, RECIPE, key=pi.Key(1, 7), dtype="bfloat16", threads=threads)
    for name in ("w0", "w11", "large"):
        expected = RECIPE(shapes[name], key=pi.Key(1, 7).fold_in(name), dtype="uint16")
        np.testing.assert_array_equal(params[name].view(np.uint16), expected)


def test_a_recipe_for_each() -> None:
    def choose(name: str, shape: tuple[int, ...]) -> pi.Recipe:
        return pi.he_normal() if len(shape) > 1 else pi.zeros()

    by_function = pi.init_params(SHAPES, choose, key=0)
    by_name = pi.init_params(SHAPES, {name: choose(name, shape) for name, shape in SHAPES.items()}, key=0)
    assert not by_function["l1.bias"].any()
    assert by_function["l1.weight"].std() > 0.04
    for name in SHAPES:
        np.testing.assert_array_equal(by_function[name], by_name[name])


def test_pairs_are_taken_too() -> None:
    params = pi.init_params([("a", 3), ("b", [2, 2])], RECIPE, key=0)
    assert {name: value.shape for name, value in params.items()} == {"a": (3,), "b": (2, 2)}
    assert pi.init_params({}, RECIPE, key=0) == {}


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (
            pi.RecipeError,
            lambda: pi.init_params([("a", 3), ("a", 4)], RECIPE, key=0),
            r"parameter 'a' is given twice; names decide values. Give each its own.",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params([(1, 3)], RECIPE, key=0),
            r"name must be a string; got 1. Join",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, {"a": RECIPE, "b": RECIPE}, key=0),
            r"recipes are given for unknown parameters \['b'\]. Known are \['a'\].",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, {}, key=0),
            r"^a: it has no recipe. Add one under its",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, lambda n, s: 3, key=0),
            r"^a: a recipe is needed; got 3",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, 3, key=0),
            r"a recipe, a mapping or a function is needed",
        ),
        (
            pi.ShapeError,
            lambda: pi.init_params({"a": 3}, pi.he_normal(), key=0),
            r"^a: he_normal needs at least 2",
        ),
        (pi.ShapeError, lambda: pi.init_params({"a": (2, -3)}, RECIPE, key=0), r"^a: .* no negative sizes"),
        (
            pi.RecipeError,
            lambda: pi.init_params("a", RECIPE, key=0),
            r"pairs of names and shapes; got 'a'",
        ),
        (pi.RecipeError, lambda: pi.init_params(None, RECIPE, key=0), r"pairs of names and shapes; got None"),
        (
            pi.FormatError,
            lambda: pi.init_params({"a": 3}, pi.pretrained(__file__, "w"), key=0),
            r"^a: .*header length is",
        ),
        (pi.DTypeError, lambda: pi.init_params({"a": 3}, RECIPE, key=0, dtype="int8"), r"got int8"),
        (pi.SeedError, lambda: pi.init_params({"a": 3}, RECIPE, key=-1), r"a seed must be"),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, RECIPE, key=0, threads=0),
            r"threads must be a positive",
        ),
        (
            pi.LayoutError,
            lambda: pi.init_params({"a": (2, 2)}, pi.he_normal(in_axis=5), key=0),
            r"^a: in_axis 5 names no axis",
        ),
    ],
)
def test_refusals(error: type[Exception], make, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
