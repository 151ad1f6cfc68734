"""A user's own recipes, of a tensor and of a model; and pyinit's table, which the documentation holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.recipes.models.registry import BUILTIN, TABLE, table
from pyinit.recipes.recipe import _MAKERS
from pyinit.recipes.schemes.registry import SCHEMES
from pyinit.recipes.schemes.registry import table as table_of_schemes

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def kept() -> Iterator[None]:
    """Restore both tables after a test."""
    models, makers = dict(TABLE), dict(_MAKERS)
    yield
    for known, before in ((TABLE, models), (_MAKERS, makers)):
        known.clear()
        known.update(before)  # type: ignore[arg-type]


def test_the_documentation_holds_the_table() -> None:
    text = (ROOT / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    assert table_of_schemes() in text
    assert table() in text, "docs/reference/models.md is old: run python -m pyinit.recipes.models.registry"


def test_every_recipe_says_what_it_draws_where_that_is_from_and_who_uses_it() -> None:
    for entry in (*map(TABLE.__getitem__, BUILTIN), *SCHEMES.values()):
        assert all((entry.formula, entry.source, entry.used)), entry.name
        assert "|" not in entry.formula + entry.source + entry.used


def test_no_model_has_the_name_of_a_recipe() -> None:
    assert not set(TABLE) & set(_MAKERS)
    assert not set(SCHEMES) & {*TABLE, *_MAKERS}


@pytest.mark.usefixtures("kept")
def test_a_users_own_model_in_ten_lines() -> None:
    def narrow(*, depth: int, std: float = 0.01) -> list[Any]:
        out = pi.Rule("*.down.weight", pi.normal(std=std), depth=pi.Depth(depth))
        return [out, ("*.weight", pi.normal(std=std)), ("*.bias", "zeros")]

    pi.register_model("narrow", narrow)
    shapes = {"l.0.up.weight": (64, 64), "l.0.down.weight": (64, 64), "l.0.up.bias": (64,)}
    made = pi.init_params(shapes, pi.recipes("narrow", depth=8), key=0)
    # 4,096 draws: 5 times the deviation of the std is 5.5 %
    assert made["l.0.down.weight"].std() == pytest.approx(0.01 / 4, rel=0.055)
    with pytest.raises(pi.RecipeError, match="'narrow' needs depth"):
        pi.recipes("narrow")


@pytest.mark.usefixtures("kept")
def test_a_users_own_recipe_in_ten_lines(tmp_path: Path) -> None:
    def gamma(g: float = 0.5, *, layout: str | None = None) -> pi.Recipe:
        return pi.variance_scaling(g**2, "fan_in", "uniform", layout=layout)

    pi.register_recipe("gamma", gamma)
    named = pi.init_params({"w": (64, 64)}, "gamma", key=0)["w"]
    assert (named == gamma()((64, 64), key=pi.key(0).fold_in("w"))).all()
    assert pi.recipe_from_json('{"recipe": "gamma", "g": 0.25}') == gamma(0.25)
    spec = {"w": (64, 64)}
    pi.write_checkpoint(spec, {"w": {"recipe": "gamma"}}, key=0, path=tmp_path / "m.safetensors")
    with pytest.raises(pi.RecipeError, match="gamma takes g, layout; got h=1"):
        pi.recipe_from_dict({"recipe": "gamma", "h": 1})


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("name", ["", " x", 3, None])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(pi.RecipeError, match="needs a name"):
        pi.register_model(name, dict)  # type: ignore[arg-type]
    with pytest.raises(pi.RecipeError, match="needs a name"):
        pi.register_recipe(name, pi.normal)  # type: ignore[arg-type]


def test_pyinits_own_names_are_kept() -> None:
    with pytest.raises(pi.RecipeError, match="'gpt2' is a model recipe of pyinit's"):
        pi.register_model("gpt2", dict)
    with pytest.raises(pi.RecipeError, match="'normal' is a recipe of pyinit's"):
        pi.register_recipe("normal", pi.normal)
    with pytest.raises(pi.RecipeError, match="'deepnorm' is a scheme of pyinit's"):
        pi.register_model("deepnorm", dict)
    with pytest.raises(pi.RecipeError, match="'deepnorm' is a scheme"):
        pi.register_recipe("deepnorm", pi.normal)
    with pytest.raises(pi.RecipeError, match="a function that returns"):
        pi.register_model("mine", {"*": "zeros"})  # type: ignore[arg-type]


@pytest.mark.usefixtures("kept")
def test_no_name_is_both_a_models_and_a_tensors() -> None:
    with pytest.raises(pi.RecipeError, match="'normal' is a recipe of one tensor"):
        pi.register_model("normal", dict)
    with pytest.raises(pi.RecipeError, match="'gpt2' is a recipe of models"):
        pi.register_recipe("gpt2", pi.normal)
    pi.register_model("mine", lambda: [("*", "zeros")])
    with pytest.raises(pi.RecipeError, match="'mine' is a recipe of models"):
        pi.register_recipe("mine", pi.normal)


@pytest.mark.usefixtures("kept")
def test_a_users_options_mean_what_the_user_says() -> None:
    pi.register_model("mine", lambda *, width, heads=(1, 2): [("*", pi.normal(std=width * heads[0]))])
    assert pi.recipes("mine", width=0.5, heads=(3,))[0].recipe == pi.normal(std=1.5)


def test_options_without_names_are_refused_at_once() -> None:
    makers: list[Any] = [lambda **options: [], lambda *options: [], lambda depth, /: []]
    for make in makers:
        with pytest.raises(pi.RecipeError, match="takes its options by name"):
            pi.register_model("mine", make)
    assert "mine" not in TABLE


def test_a_function_without_names_of_options_is_refused() -> None:
    with pytest.raises(pi.RecipeError, match="a function whose options have names"):
        pi.register_model("mine", int)
    assert "mine" not in TABLE


@pytest.mark.parametrize("name", ["hf", "gpt2", "deepnorm", "mine-of-a-model"])
def test_where_one_recipe_is_taken_a_models_name_leads_to_its_rules(name: str) -> None:
    with pytest.raises(
        pi.RecipeError, match=rf"unknown recipe '{name}'.* pyinit\.recipes\('{name}', \.\.\.\)"
    ):
        pi.init_params({"l.weight": (4, 4)}, name, key=0)
