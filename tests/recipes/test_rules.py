"""Rules: order decides, patterns mean whole names, nonsense is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.errors import RecipeError
from pyinit.recipes.fans import Axes
from pyinit.recipes.matching import check_matched, deciding
from pyinit.recipes.rules import (
    CONVENTIONS,
    Rule,
    as_rules,
    fitted,
    redrawn,
    rules_of,
)
from pyinit.recipes.rules_json import rules_from_json


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
    assert as_rules({"a": "ones", "*": {"recipe": "normal", "std": 0.02}}) == (
        Rule("a", pi.ones()),
        Rule("*", pi.normal(std=0.02)),
    )
    with pytest.raises(RecipeError, match="recipes are one recipe, or patterns and recipes in order; got 3"):
        as_rules(3)
    with pytest.raises(RecipeError, match="a rule is a pattern and a recipe; got 'a'"):
        as_rules(["a"])
    with pytest.raises(RecipeError, match=r"unknown recipe 'he_norml'. Did you mean he_normal"):
        as_rules("he_norml")
    with pytest.raises(RecipeError, match=r"a recipe for 'a' is needed; got 3. Give pyinit.he_normal"):
        as_rules({"a": 3})
    with pytest.raises(RecipeError, match=r"got zeros itself, which makes recipes. Call it: pyinit.zeros"):
        as_rules({"a": pi.zeros})


NAMES = [
    "h.0.attn.weight",
    "h.0.attn.in_proj_bias",
    "h.0.ln_1.weight",
    "h.0.ln_1.bias",
    "bn1.running_var",
    "ln1.scale",
    "norm.offset",
    "log_std",
]


def test_one_recipe_is_for_what_is_drawn_at_random() -> None:
    for given in ("normal", pi.normal()):
        decide = deciding(rules_of(given))
        found = {name: decide(name, name.endswith("attn.weight")) for name in NAMES}
        assert {name: rule.recipe for name, rule in found.items() if rule is not None} == {
            "h.0.attn.weight": pi.normal(),
            "h.0.attn.in_proj_bias": pi.zeros(),
            "h.0.ln_1.weight": pi.ones(),
            "h.0.ln_1.bias": pi.zeros(),
            "bn1.running_var": pi.ones(),
            "ln1.scale": pi.ones(),
            "norm.offset": pi.zeros(),
            # by its name it is neither norm nor bias
            "log_std": pi.normal(),
        }


def test_one_recipe_beside_a_models_own_rules() -> None:
    own = (Rule("*.bias", pi.zeros()), Rule("*", pi.normal()))
    assert rules_of(pi.he_normal(), own) == redrawn(own, pi.he_normal())
    assert rules_of({"*": "ones"}, own) == (Rule("*", pi.ones()),)


def test_a_table_of_biases_is_drawn() -> None:
    decide = deciding(rules_of("normal"))
    table = decide("layers.0.relative_position_bias", True)
    assert table is not None
    assert table.recipe == pi.normal()


def test_the_first_rule_decides_however_names_are_looked_up() -> None:
    rules = (
        Rule("h.[0-3].w", "ones", kernels_only=True),
        Rule("h.1.w", "zeros"),
        Rule("h.1.w", "normal"),
        Rule("*", "uniform"),
        Rule("h.9.w", "zeros"),
        Rule("w[0]", "zeros"),
    )
    decide = deciding(rules)
    for name in ("h.1.w", "h.2.w", "h.9.w", "w[0]", "other"):
        for is_kernel in (True, False):
            slow = next((rule for rule in rules if rule.matches(name, is_kernel=is_kernel)), None)
            assert decide(name, is_kernel) is slow
    assert deciding(rules[:3])("h.9.w", True) is None
    # a name with brackets is its own pattern
    assert deciding(rules[-1:])("w[0]", False) is rules[-1]


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ("h.0.attn.weigth", r"^no parameter matches 'h.0.attn.weigth'. Did you mean h.0.attn.weight"),
        ("encoder.*", r"^no parameter matches 'encoder.\*'. The names are h.0.attn.weight, .*, \.\.\.\.$"),
        ("h.0.attn.weight|log_sdt", r"^no parameter matches 'log_sdt'. Did you mean log_std\?"),
        ("encoder.*|decoder.*", r"^no parameter matches 'encoder.\*|decoder.\*'"),
        (
            "head.weight",
            r"^no parameter of its own matches 'head.weight': .* shares wte. Name wte.$",
        ),
    ],
)
def test_a_rule_that_nothing_follows_is_refused(match: str, message: str) -> None:
    for names in (NAMES, dict.fromkeys(NAMES)):
        with pytest.raises(RecipeError, match=message) as caught:
            check_matched([Rule("*.weight", "ones"), Rule(match, "zeros")], names, {"head.weight": "wte"})
        assert "\n" not in str(caught.value)


def test_rules_that_parameters_follow_pass() -> None:
    matches = ("h.0.attn.weight", "*.weight", "encoder.*|*.scale", "log_std|ln1.scale", "*")
    check_matched([Rule(match, "zeros") for match in matches], NAMES)
    # of a model without parameters nothing is asked
    check_matched([Rule("a", "zeros")], [])
    check_matched([Rule("w[0]", "zeros"), Rule("a|b", "zeros")], ["w[0]", "a|b"])


@pytest.mark.parametrize(
    ("rules", "first"),
    [
        ({"*": "ones", "a.weight": "zeros"}, "*"),
        ({"b.*|*.weight": "ones", "a.weight": "zeros", "*": "ones"}, "b.*|*.weight"),
        ([("a.weight", "ones"), ("a.weight", "zeros"), ("*", "ones")], "a.weight"),
    ],
)
def test_an_exact_name_that_an_earlier_rule_decides_is_refused(rules: Any, first: str) -> None:
    message = (
        f"the rule for 'a.weight' has no effect: {first!r} is before it, and decides. Put 'a.weight' first."
    )
    with pytest.raises(pi.RecipeError) as caught:
        pi.init_params({"a.weight": (2, 2), "b.bias": (2,)}, rules, key=0)
    assert str(caught.value) == message


def test_a_rule_that_an_earlier_one_leaves_something_passes() -> None:
    names = ["a.weight", "a[0].weight", "b"]
    check_matched([Rule("*", "ones", kernels_only=True), Rule("a.weight", "zeros")], names)
    # a pattern behind all others is for models that have more
    check_matched([Rule("*.weight", "ones"), Rule("b", "ones"), Rule("*", "zeros")], names)
    # names with brackets are patterns, too
    check_matched([Rule("a[0].weight", "ones"), Rule("a.weight", "ones"), Rule("b", "zeros")], names)


@pytest.mark.parametrize("rows", [0, (1.5,), (True,), "0", None, ("0",)])
def test_rows_to_keep_zero_are_integers(rows: Any) -> None:
    with pytest.raises(
        pi.RecipeError, match=r"^zero_rows is a tuple of row indices; got .*zero_rows=\(0,\)\.$"
    ):
        Rule("a", "zeros", zero_rows=rows)


def test_a_rule_with_a_list_of_rows_is_a_value() -> None:
    assert Rule("a", "zeros", zero_rows=[np.int64(1)]) == Rule("a", "zeros", zero_rows=(1,))  # type: ignore[arg-type, list-item]
    assert hash(Rule("a", "zeros", zero_rows=[1])) == hash(Rule("a", "zeros", zero_rows=(1,)))  # type: ignore[arg-type]


def test_a_rule_needs_a_pattern_and_a_recipe() -> None:
    with pytest.raises(RecipeError, match="a rule needs a name or a pattern; got ''"):
        Rule("", "zeros")
    assert pi.Rule("*", "he_normal").recipe == pi.he_normal()


def test_a_recipe_that_is_silent_about_axes_takes_those_of_the_tensor() -> None:
    conv, torch = (8, 4, 3, 3), Axes(layout="torch")

    def field(recipe: pi.Recipe, axes: Axes) -> pi.Recipe:
        return fitted(recipe, axes, conv, is_convolution=True)

    grouped = Axes(layout="torch", groups=2)
    assert field(pi.he_normal(), grouped) == pi.he_normal(layout="torch", groups=2)
    assert field(pi.he_normal(groups=4), torch) == pi.he_normal(layout="torch", groups=4)
    assert field(pi.dirac(groups=4), grouped) == pi.dirac(layout="torch", groups=4)
    assert field(pi.bilinear(), torch) == pi.bilinear(layout="torch")
    by_hand = pi.he_normal(in_axis=0, out_axis=1)
    assert fitted(by_hand, torch, (8, 4)) == by_hand
    assert field(pi.he_normal(compat="keras"), torch) == pi.he_normal(compat="keras")
    assert fitted(pi.he_normal(), Axes(), (8, 4)) == pi.he_normal()
    assert field(pi.normal(), grouped) == pi.normal()
    strided = Axes(layout="torch", transposed=True, stride=2)
    assert field(pi.he_normal(), strided) == pi.he_normal(layout="torch", transposed=True, stride=2)


def test_a_fitted_recipe_keeps_its_name() -> None:
    fit = fitted(pi.kaiming_normal(a=0.5), Axes(layout="torch"), (8, 4))
    assert repr(fit) == "kaiming_normal(a=0.5, layout='torch')"


def test_axes_that_nobody_explains_are_refused() -> None:
    torch, stack = Axes(layout="torch"), (8, 32, 64)
    with pytest.raises(pi.LayoutError, match=r"^kaiming_normal counts .* the 3 axes of shape \(8, 32, 64\)"):
        fitted(pi.kaiming_normal(), torch, stack)
    assert fitted(pi.he_normal(batch_axis=0), torch, stack).plan(stack).fan_in == 64
    assert fitted(pi.he_normal(), torch, stack, is_convolution=True).plan(stack).fan_in == 32 * 64
    # a recipe that counts nothing needs no axes
    assert fitted(pi.normal(), torch, stack) == pi.normal()


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


def test_the_rules_of_one_recipe_are_json_that_reads_back() -> None:
    rules = rules_of("he_normal")
    content = json.dumps([rule.to_dict() for rule in rules])
    assert [rule.to_dict() for rule in rules_from_json(content)] == json.loads(content)
    assert "he_normal()" in repr(rules[-2])
