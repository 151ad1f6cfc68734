"""Many tensors: each a function of its own name, shape and recipe."""

from __future__ import annotations

import numpy as np
import pytest

import pyinit as pi

SHAPES = {"l1.weight": (784, 256), "l1.bias": (256,), "l2.weight": (256, 10), "scale": (), "none": (0, 3)}
# by its name a bias is zero
DRAWN = [name for name in SHAPES if not name.endswith("bias")]
RECIPE = pi.normal(std=0.02)


def test_each_tensor_has_the_key_of_its_name() -> None:
    params = pi.init_params(SHAPES, RECIPE, key=3)
    assert list(params) == list(SHAPES)
    for name in DRAWN:
        expected = RECIPE(SHAPES[name], key=pi.key(3).fold_in(name))
        np.testing.assert_array_equal(params[name], expected)
    assert not params["l1.bias"].any()


def test_a_name_is_a_recipe() -> None:
    by_name = pi.init_params(SHAPES, {"l1.*": "zeros"} | {"*.weight": "ones", "*": "ones"}, key=0)
    assert not by_name["l1.weight"].any()
    assert by_name["l2.weight"].all()
    named, given = (pi.init_params({"w": (3, 4)}, one, key=0)["w"] for one in ("he_normal", pi.he_normal()))
    np.testing.assert_array_equal(named, given)


def test_patterns_decide_in_order() -> None:
    rules = [pi.Rule("l2.*", "ones", zero_rows=(2, 255)), ("*.weight", "normal"), ("*", "zeros")]
    params = pi.init_params(SHAPES, rules, key=0)
    assert params["l2.weight"].sum() == 254 * 10
    assert not params["l2.weight"][[2, 255]].any()
    assert params["l1.weight"].std() > 0.9
    assert not params["l1.bias"].any()
    # a name with the signs of patterns is its own pattern
    assert pi.init_params({"w[0]": 2, "a|b": 2}, {"w[0]": "ones", "a|b": "ones"}, key=0)["w[0]"].all()


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
            lambda: pi.init_params({"a.weight": 3}, {"a.weight": RECIPE, "a.wieght": RECIPE}, key=0),
            r"^no parameter matches 'a.wieght'. Did you mean a.weight\?",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, {"*": RECIPE, "encoder.*": RECIPE}, key=0),
            r"^no parameter matches 'encoder.\*'. The names are a.",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, {}, key=0),
            r"^a: no rule matches it. Add one, or end the rules with the pattern",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, lambda n, s: 3, key=0),
            r"^a: a recipe is needed; got 3",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": 3}, 3, key=0),
            r"recipes are one recipe, or patterns and recipes in order; got 3",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": (3, 3)}, pi.he_normal, key=0),
            r"got he_normal itself, which makes recipes. Call it: pyinit.he_normal",
        ),
        (
            pi.LayoutError,
            lambda: pi.init_params({"experts": (8, 32, 64)}, "he_normal", key=0),
            r"^experts: he_normal counts inputs and outputs, .* \(8, 32, 64\) .*batch_axis=",
        ),
        (
            pi.RecipeError,
            lambda: pi.init_params({"a": (3, 3)}, [pi.Rule("a", "ones", zero_rows=(3,))], key=0),
            r"^a: shape \(3, 3\) has no row 3 to keep zero",
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
            pi.ArgumentError,
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
