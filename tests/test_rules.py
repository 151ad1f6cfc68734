"""Rules: order decides, patterns mean whole names, nonsense is refused with its place."""

from __future__ import annotations

import json

import pytest

import pyinit as pi
from pyinit.errors import RecipeError
from pyinit.rules import CONVENTIONS, Rule, as_rules, fitted, redrawn, rules_from_json


@pytest.mark.parametrize(
    ("match", "name", "expected"),
    [
        ("*.weight", "h.0.attn.weight", True),
        ("*.weight", "weight", False),
        ("*", "anything.at.all", True),
        ("h.[0-3].*", "h.2.w", True),
        ("h.[0-3].*", "h.4.w", False),
        ("ln_?", "ln_1", True),
        ("ln_?", "ln_12", False),
        ("a|b.*", "a", True),
        ("a|b.*", "b.c", True),
        ("a|b.*", "a.c", False),
        ("A", "a", False),
        ("w.x", "w_x", False),
        ("a[", "a[", True),
    ],
)
def test_patterns_match_whole_names(match: str, name: str, expected: bool) -> None:
    assert Rule(match, pi.zeros()).matches(name, is_kernel=False) is expected


def test_kernels_only_needs_a_kernel() -> None:
    rule = Rule("*", pi.zeros(), kernels_only=True)
    assert rule.matches("a", is_kernel=True)
    assert not rule.matches("a", is_kernel=False)


def test_conventions_speak_of_norms_not_of_the_layers_inside_them() -> None:
    def constant(name: str, is_kernel: bool) -> pi.Recipe | None:
        rule = next((rule for rule in CONVENTIONS if rule.matches(name, is_kernel=is_kernel)), None)
        return None if rule is None else rule.recipe

    assert constant("blocks.0.norm1.weight", is_kernel=False) == pi.ones()
    assert constant("blocks.0.norm1.linear.bias", is_kernel=False) == pi.zeros()
    assert constant("experts.bias", is_kernel=True) == pi.zeros()
    # a matrix of ones would train, badly, and nobody would know why
    for name in ("blocks.0.norm1.linear.weight", "x.lnfc.weight", "bn_proj.weight"):
        assert constant(name, is_kernel=True) is None


def test_rules_survive_json() -> None:
    rules = (
        Rule("wte.weight", pi.normal(std=0.02), zero_rows=(0, 3)),
        Rule("*.bias", pi.zeros()),
        Rule("*norm.weight", pi.ones(), no_kernels=True),
        Rule("*", pi.he_normal(layout="torch"), kernels_only=True),
    )
    assert rules_from_json(json.dumps([rule.to_dict() for rule in rules])) == rules


def test_default_stands_for_the_rules_of_the_model() -> None:
    rules = rules_from_json('[{"match": "a", "recipe": "ones"}, "default"]', CONVENTIONS)
    assert rules == (Rule("a", pi.ones()), *CONVENTIONS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "recipe is not valid JSON"),
        ("[" * 100_000, "recipe is not valid JSON"),
        ("[]", "must be a list of rules"),
        ("3", "must be a list of rules"),
        (
            '[{"match": "*", "recipe": {"recipe": "normal", "std": NaN}}]',
            "holds NaN, which JSON does not have",
        ),
        ('[{"match": "*", "recipe": {"recipe": "normal", "std": -Infinity}}]', "holds -Infinity"),
        ('[{"match": "*", "recipe": {"recipe": "normal", "std": "nan"}}]', "rule 0: .*must be"),
        ('[{"match": "*", "match": "a", "recipe": "ones"}]', 'recipe names "match" twice; keep one'),
        ('[{"match": "*"}]', "rule 0 needs 'match' and 'recipe'"),
        ('[{"match": "*", "recipe": "ones", "std": 1}]', "rule 0 needs 'match' and 'recipe'"),
        ('[{"match": "*", "recipe": "ones"}, 7]', "rule 1 needs 'match' and 'recipe'"),
        ('[{"match": "", "recipe": "ones"}]', "rule 0: 'match' is a pattern"),
        ('[{"match": 3, "recipe": "ones"}]', "rule 0: 'match' is a pattern"),
        ('[{"match": "*", "recipe": "wishful"}]', "rule 0: unknown recipe 'wishful'"),
        ('[{"match": "*", "recipe": {"recipe": "normal", "sdt": 1}}]', "rule 0: normal takes"),
        (
            '[{"match": "*", "recipe": "ones", "zero_rows": [-1]}]',
            "'zero_rows' is a list of row indices >= 0",
        ),
        ('[{"match": "*", "recipe": "ones", "zero_rows": 1}]', "'zero_rows' is a list of row indices >= 0"),
        ('[{"match": "*", "recipe": "ones", "kernels_only": 1}]', "'kernels_only' is true or false"),
        ('[{"match": "*", "recipe": "ones", "no_kernels": 0}]', "'no_kernels' is true or false"),
        (
            '[{"match": "*", "recipe": "ones", "kernels_only": true, "no_kernels": true}]',
            "leave nothing to match; keep one",
        ),
        ('["default"]', "this model has no default rules"),
    ],
)
def test_nonsense_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        rules_from_json(text)
    assert "\n" not in str(caught.value)


def test_what_callers_may_give() -> None:
    assert as_rules(pi.ones()) == (Rule("*", pi.ones()),)
    assert as_rules({"a": pi.ones(), "*": pi.zeros()}) == (Rule("a", pi.ones()), Rule("*", pi.zeros()))
    assert as_rules([("a", pi.ones()), Rule("b", pi.zeros())]) == (
        Rule("a", pi.ones()),
        Rule("b", pi.zeros()),
    )
    for wrong in ("he_normal", 3):
        with pytest.raises(RecipeError, match="recipes are a Recipe, or patterns and recipes in order"):
            as_rules(wrong)
    with pytest.raises(RecipeError, match="a rule is a pattern and a Recipe; got 'a'"):
        as_rules(["a"])


def test_a_recipe_that_is_silent_about_axes_takes_those_of_the_tensor() -> None:
    assert fitted(pi.he_normal(), "torch", 2) == pi.he_normal(layout="torch", groups=2)
    assert fitted(pi.he_normal(groups=4), "torch", 1) == pi.he_normal(layout="torch", groups=4)
    assert fitted(pi.dirac(groups=4), "torch", 2) == pi.dirac(layout="torch", groups=4)
    assert fitted(pi.bilinear(), "torch", 2) == pi.bilinear(layout="torch")
    assert fitted(pi.he_normal(in_axis=0, out_axis=1), "torch", 1) == pi.he_normal(in_axis=0, out_axis=1)
    assert fitted(pi.he_normal(compat="keras"), "torch", 1) == pi.he_normal(compat="keras")
    assert fitted(pi.he_normal(), None, 1) == pi.he_normal()
    assert fitted(pi.normal(), "torch", 1) == pi.normal()


def test_redrawn_keeps_constants_order_and_padding() -> None:
    rules = (
        Rule("*.bias", pi.zeros()),
        Rule("wte", pi.normal(), zero_rows=(1,)),
        Rule("*", pi.normal(std=2)),
    )
    he = pi.he_normal()
    assert redrawn(rules, he) == (
        rules[0],
        Rule("wte", he, (1,), kernels_only=True),
        rules[1],
        Rule("*", he, kernels_only=True),
        rules[2],
    )
