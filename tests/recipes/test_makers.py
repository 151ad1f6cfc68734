"""A wrong call is told what it got and what to write, under the name that it used."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import pyinit as pi
from pyinit.recipes.fans import Axes
from pyinit.recipes.names import nearest, suggestion
from pyinit.recipes.recipe import _MAKERS, as_recipe
from pyinit.recipes.rules import fitted

MAKERS = sorted(name for name in pi.__all__ if getattr(pi, name) in _MAKERS.values())

CALLS: list[tuple[Callable[[], object], str]] = [
    # numbers have names
    (
        lambda: pi.normal(0.02),
        r"^normal takes mean, std by name; got 0.02. .*mean=0.02\) or .*std=0.02\).$",
    ),
    (lambda: pi.truncated_normal(0.0, 0.02), r"^truncated_normal takes mean, std, .* by name; got 0.0."),
    (lambda: pi.he_normal(2**0.5), r"^he_normal takes a, mode, truncated by name; .* Write he_normal\(a=1.4"),
    (lambda: pi.kaiming_uniform(1.0), r"^kaiming_uniform takes a, mode by name; .*\(a=1.0\).$"),
    (lambda: pi.xavier_normal(5 / 3), r"^xavier_normal takes gain, truncated by name; got 1.66.*\(gain=1.66"),
    (lambda: pi.lecun_uniform(2.0), r"^lecun_uniform takes no numbers; got 2.0 as well. Leave it out."),
    (lambda: pi.critical_normal("tanh", 0.3), r"^critical_normal takes sigma_b, truncated by name; got 0.3."),
    (lambda: pi.uniform(0.1), r"^uniform takes both low and high, or neither; got low=0.1."),
    (lambda: pi.uniform(high=0.1), r"^uniform takes both low and high, or neither; got high=0.1."),
    (lambda: pi.uniform(0, 1, 2), r"^uniform takes low, high; got 2 as well. Leave it out."),
    (lambda: pi.zeros(1.0), r"^zeros takes no numbers; got 1.0 as well. Leave it out."),
    # a forgotten call
    (
        lambda: pi.he_normal((784, 256)),
        r"^he_normal makes a recipe, .* got \(784, 256\). Write he_normal",
    ),
    (lambda: pi.kaiming_normal([784, 256]), r"^kaiming_normal makes a recipe, .* got \[784, 256\]."),
    (
        lambda: pi.normal((3, 4), key=0),
        r"^normal makes a recipe, and the recipe is called with a shape",
    ),
    (lambda: pi.ones((3,)), r"^ones makes a recipe, .* Write ones\(\)\(\(784, 256\), key=0\).$"),
    (lambda: pi.uniform((3, 4)), r"^uniform makes a recipe"),
    (lambda: pi.constant((3, 4)), r"^constant makes a recipe, .* Write constant\(...\)\("),
    (lambda: pi.orthogonal((3, 4)), r"^orthogonal makes a recipe"),
    (lambda: pi.identity((3, 4)), r"^identity makes a recipe"),
    (lambda: pi.variance_scaling((3, 4)), r"^variance_scaling makes a recipe"),
    (lambda: pi.he_normal(784, 256), r"^he_normal makes a recipe, .* got 784, 256. Write he_normal\(\)\("),
    (lambda: pi.zeros(3, 4), r"^zeros makes a recipe, .* got 3, 4."),
    (lambda: pi.normal(0, 1), r"^normal takes mean, std by name; got 0. Write normal\(mean=0\) or "),
    # arrays, whose text has lines
    (
        lambda: pi.he_normal(np.zeros((30, 40))),
        r"^he_normal takes a, .*; got array\(\[\[0., 0., .*\.\.\.\)\.$",
    ),
    (lambda: pi.he_normal(tensor=np.zeros((30, 40))), r"^he_normal makes a recipe, .* got tensor=array\("),
    (lambda: pi.he_normal(wishful=np.zeros((3, 4))), r"; got wishful=array\(\[\[0., .* Leave it out\.$"),
    (
        lambda: pi.normal(std=np.zeros((3, 4))),
        r"^normal's std must be a number; got array\(\[\[0., .*Use a float.$",
    ),
    (lambda: pi.normal(std=10**400), r"^normal's std must be a number; got 10{90,}\.\.\. \(.*Use a float.$"),
    (lambda: pi.normal(std=1.0, seed=0), r"^normal makes a recipe, .* got seed=0."),
    (lambda: pi.normal(std=1.0, shape=(3,)), r"^normal makes a recipe, .* got shape=\(3,\)."),
    (lambda: pi.glorot_uniform(dtype="float16"), r"^glorot_uniform makes a recipe, .* got dtype='float16'."),
    # another library's word
    (lambda: pi.normal(stddev=0.02), r"^normal takes mean, std; got stddev=0.02. Write std=0.02.$"),
    (lambda: pi.normal(loc=1.0), r"^normal takes mean, std; got loc=1.0. Write mean=1.0.$"),
    (lambda: pi.normal(scale=1.0), r"^normal takes mean, std; got scale=1.0. Write std=1.0.$"),
    (lambda: pi.uniform(minval=-1, maxval=1), r"^uniform takes low, high; got minval=-1. Write low=-1.$"),
    (lambda: pi.uniform(a=-1, b=1), r"^uniform takes low, high; got a=-1. Write low=-1.$"),
    (
        lambda: pi.truncated_normal(std=0.02, a=-0.04, b=0.04),
        r"^truncated_normal takes .*; got a=-0.04. Write low=-0.04, unit=\"absolute\".$",
    ),
    (lambda: pi.truncated_normal(lower=-2), r"got lower=-2. Write low=-2.$"),
    (lambda: pi.constant(val=3), r"^constant takes value; got val=3. Write value=3.$"),
    (lambda: pi.kaiming_normal(nonlinearity="relu"), r"^kaiming_normal takes a, .* The default is for relu"),
    (lambda: pi.xavier_uniform(nonlinearity="tanh"), r"Write gain=pyinit.gain\('tanh'\).$"),
    (lambda: pi.he_normal(negative_slope=0.2), r"^he_normal takes .* Write a=0.2.$"),
    # what is written wrong, or left out
    (lambda: pi.he_normal(laout="torch"), r"^he_normal takes .*; got laout='torch'. Did you mean layout\?$"),
    (lambda: pi.sparse(sparsty=0.9), r"^sparse takes .*; got sparsty=0.9. Did you mean sparsity\?$"),
    (lambda: pi.zeros(wishful=1), r"^zeros takes nothing; got wishful=1. Leave it out.$"),
    (lambda: pi.constant(), r"^constant needs value; got none. Write constant\(value=...\).$"),
    (
        lambda: pi.constant(1.0, value=2.0),
        r"^constant got value twice, by position and by name.",
    ),
    (lambda: pi.normal(spoken=None), r"^normal takes mean, std; got spoken=None. Leave it out.$"),
    # values under the name that was used
    (lambda: pi.kaiming_normal(a="x"), r"^kaiming_normal's slope a must be a number; got 'x'."),
    (lambda: pi.xavier_normal(gain="x"), r"^xavier_normal's gain must be a number; got 'x'."),
    (lambda: pi.kaiming_uniform(mode="in"), r"^kaiming_uniform's mode is one of fan_in, .*; got 'in'."),
    (lambda: pi.lecun_normal(truncated=1), r"^lecun_normal's truncated is True or False; got 1."),
    (lambda: pi.kaiming_normal()((3,), key=0), r"^kaiming_normal needs at least 2 dimensions"),
    (lambda: pi.xavier_uniform()((2, 3, 4), key=0), r"^xavier_uniform counts inputs and outputs"),
]


@pytest.mark.parametrize(("make", "message"), CALLS)
def test_a_wrong_call_is_told_what_to_write(make: Callable[[], object], message: str) -> None:
    with pytest.raises(pi.PyinitError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_wrong_call_is_a_recipe_error_and_pythons_type_error() -> None:
    for kind in (pi.CallError, pi.RecipeError, TypeError, ValueError):
        with pytest.raises(kind):
            pi.normal(0.02)  # type: ignore[call-arg]


def test_an_array_is_no_forgotten_shape() -> None:
    assert pi.pretrained(np.ones(2, np.float32))((2,), key=0).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", MAKERS)
def test_makers_are_functions_of_their_name(name: str) -> None:
    made = getattr(pi, name)
    assert made.__name__ == name
    assert pickle.loads(pickle.dumps(made)) is made
    assert made.__doc__
    assert "spoken" not in inspect.signature(made).parameters
    with pytest.raises(pi.RecipeError, match=rf"^a recipe is needed; got {name} itself, .* pyinit.{name}"):
        as_recipe(made)


def test_every_maker_is_public() -> None:
    assert sorted(_MAKERS) == MAKERS


def test_a_recipe_prints_as_the_name_it_was_made_by() -> None:
    printed = {
        "xavier_uniform(layout='torch')": pi.xavier_uniform(layout="torch"),
        "zeros()": pi.zeros(),
        "ones()": pi.ones(),
        "constant(value=0.0)": pi.constant(0.0),
        "kaiming_normal(a=0.2, mode='fan_out', truncated=True, layout='torch')": pi.kaiming_normal(
            layout="torch", truncated=True, mode="fan_out", a=0.2
        ),
        "he_normal()": pi.he_normal(a=0.0, mode="fan_in"),
        "glorot_normal(gain=2.0)": pi.glorot_normal(gain=2),
        "lecun_normal(batch_axis=0)": pi.lecun_normal(batch_axis=0),
        "critical_normal(activation=('leaky_relu', 0.2))": pi.critical_normal(("leaky_relu", 0.2)),
        "variance_scaling(scale=2.0)": pi.variance_scaling(2.0),
        "uniform()": pi.uniform(),
        "uniform(low=0.0, high=2.0)": pi.uniform(0, 2),
    }
    for text, recipe in printed.items():
        assert repr(recipe) == text
        again = (eval(text, vars(pi).copy()), pi.recipe_from_json(recipe.to_json()))
        for one in (*again, pickle.loads(pickle.dumps(recipe))):
            assert one == recipe
            assert repr(one) == text


def test_a_name_that_no_longer_holds_is_not_printed() -> None:
    assert repr(replace(pi.he_normal(), groups=2)) == "he_normal(groups=2)"
    assert repr(replace(pi.he_normal(a=0.5), scale=3.0)) == "variance_scaling(scale=3.0)"
    assert repr(replace(pi.zeros(), value=1.0)) == "constant(value=1.0)"
    assert repr(fitted(pi.xavier_normal(), Axes(layout="torch"), (3, 4))) == "xavier_normal(layout='torch')"


def test_names_do_not_count_in_a_comparison() -> None:
    same = [pi.he_normal(), pi.kaiming_normal(), pi.variance_scaling(2.0), pi.critical_normal("relu")]
    assert len(set(same)) == 1
    assert pi.zeros() == pi.constant(0.0)


def test_nearest_names() -> None:
    known = ["h.0.attn.weight", "h.1.attn.weight", "h.11.attn.weight", "wte.weight"]
    # layers that differ in a number only count once, by the numbers that were written
    assert nearest("h.11.atn.weight", known, 1) == ["h.11.attn.weight"]
    assert not set(nearest("h.11.atn.weight", known)) & {"h.0.attn.weight", "h.1.attn.weight"}
    assert nearest("WTE.weight", known)[0] == "wte.weight"
    assert nearest("nothing", known) == []
    assert suggestion("nothing", known) == f"Known are {', '.join(known)}."
    assert suggestion("x", [str(n) for n in range(50)]).endswith(", 39, ....")


def test_many_names_are_compared_at_once() -> None:
    letters = [chr(97 + n) for n in range(26)]
    known = [f"{a}{b}{c}.w" for a in letters for b in letters for c in letters]
    assert nearest("aab.w", known)[0] == "aab.w"
