"""The table of famous names, and that every framework means it: values, names and sources."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import pyinit as pi
from pyinit.lab.probe.verdict.sentences import written
from pyinit.recipes.famous import FAMOUS, Famous, name_of

ALIASES = {"kaiming": "he", "xavier": "glorot"}


def canonical(name: str) -> str:
    """Return the name that an alias stands for."""
    first, kind = name.split("_")
    return f"{ALIASES.get(first, first)}_{kind}"


def lacks_source(documented: Any, row: Famous) -> bool:
    """Return whether a docstring does not name the row's reference."""
    return row.reference not in " ".join((inspect.getdoc(documented) or "").split())


@pytest.mark.parametrize("name", FAMOUS)
def test_a_name_is_its_row(name: str) -> None:
    row, made = FAMOUS[name], getattr(pi, name)
    assert made() == pi.variance_scaling(row.scale, row.mode, row.distribution)
    assert FAMOUS[canonical(name)] is row
    assert not lacks_source(made, row)


@pytest.mark.parametrize("name", FAMOUS)
def test_an_advice_names_the_recipe_that_it_is(name: str) -> None:
    row, recipe = FAMOUS[name], getattr(pi, name)()
    assert name_of(recipe) == canonical(name)
    for same in (recipe, pi.variance_scaling(row.scale, row.mode, row.distribution)):
        assert written(same) == f"pi.{canonical(name)}()"
        assert eval(written(same), {"pi": pi}) == same


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
def test_no_other_distribution_scale_or_mode_has_the_name(distribution: str) -> None:
    for scale, mode in (
        (1.0, "fan_avg"),
        (2.0, "fan_in"),
        (1.0, "fan_in"),
        (2.0, "fan_out"),
        (1.5, "fan_in"),
    ):
        recipe = pi.variance_scaling(scale, mode, distribution)
        name = name_of(recipe)
        assert name is None or FAMOUS[name][:3] == (scale, mode, distribution)
        assert eval(written(recipe), {"pi": pi}) == recipe
    assert written(pi.he_uniform(layout="torch")) == "pi.he_uniform(layout='torch')"


def test_the_check_of_sources_can_fail() -> None:
    assert lacks_source(pi.glorot_uniform, FAMOUS["glorot_normal"])
    assert lacks_source(pi.normal, FAMOUS["he_normal"])


@pytest.mark.interop
def test_jax_means_the_same_with_truncated_normals() -> None:
    pytest.importorskip("jax")
    from pyinit.jax import initializers

    for name, row in FAMOUS.items():
        initializer = getattr(initializers, name)
        recipe = initializer().recipe
        assert (recipe.scale, recipe.mode, recipe.distribution) == (row.scale, row.mode, row.truncated)
        assert initializer.__name__ == canonical(name)
        assert not lacks_source(initializer, row)


@pytest.mark.interop
def test_torch_names_the_same_sources() -> None:
    pytest.importorskip("torch")
    from pyinit.torch import init

    for name, row in FAMOUS.items():
        if hasattr(init, f"{name}_"):
            assert not lacks_source(getattr(init, f"{name}_"), row)
    assert hasattr(init, "xavier_normal_")
