"""Rules for weights that are computed from one tensor or from several."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
materialize = pytest.importorskip("pyinit.torch.materialization.materialization").materialize
deferred = pytest.importorskip("pyinit.torch.materialization.construction").deferred
nn = torch.nn


def made(build: Callable[[], Any], recipe: Any, **options: Any) -> Any:
    """Materialize a module that is built on the meta device."""
    with torch.device("meta"):
        module = build()
    return materialize(module, recipe, key=0, **options)


class Product(nn.Module):  # type: ignore[misc, name-defined]
    """A weight that is computed from two tensors."""

    def forward(self, one: Any, other: Any) -> Any:
        return one * other

    def right_inverse(self, weight: Any) -> Any:
        return weight.clone(), torch.ones_like(weight)


@pytest.mark.parametrize("recipe", ["he_normal", {"weight": "he_normal"}, {"*.weight|weight": "ones"}])
def test_a_weight_of_several_tensors_is_refused(recipe: Any) -> None:
    def build() -> Any:
        layer = nn.Linear(3, 3)
        nn.utils.parametrize.register_parametrization(layer, "weight", Product())
        return layer

    with pytest.raises(
        pi.errors.RecipeError, match=r"'weight' is computed from several tensors, of which '.*original0' is"
    ):
        made(build, recipe)
    module = made(build, {"*.original0": "ones", "*": "zeros"})
    assert bool((module.parametrizations.weight.original0 == 1).all())


NORMED = {
    "parametrization": (nn.utils.parametrizations.weight_norm, "parametrizations.weight.original1"),
    "hook": (nn.utils.weight_norm, "weight_v"),
}


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("kind", NORMED)
@pytest.mark.parametrize("rule", ["one", "weight", "*weight*", "*", "direction"])
def test_a_weight_normed_weight_is_what_is_asked_of_it(kind: str, rule: str) -> None:
    wrap, direction = NORMED[kind]
    with deferred():
        layer = wrap(nn.Conv1d(64, 64, 3, groups=4, padding=1))
    recipe = pi.variance_scaling(1.0)
    rules = {"*.bias|bias": "zeros", {"direction": direction}.get(rule, rule): recipe}
    materialize(layer, recipe if rule == "one" else rules, key=0)
    expected = pi.normal(std=1 / math.sqrt(48))((64, 16, 3), key=pi.key(0).fold_in(direction))
    assert torch.equal(layer.get_parameter(direction).detach(), torch.from_numpy(expected))
    assert torch.allclose(layer.weight.detach(), torch.from_numpy(expected), rtol=1e-5)
    layer(torch.ones(1, 64, 5))
    assert torch.allclose(layer.weight.detach(), torch.from_numpy(expected), rtol=1e-5)


def test_a_magnitude_may_have_a_rule_of_its_own() -> None:
    with deferred():
        layer = nn.utils.parametrizations.weight_norm(nn.Linear(8, 4))
    materialize(layer, {"*original0": pi.constant(2.0), "weight": "he_normal"}, key=0)
    assert torch.allclose(layer.weight.norm(dim=1), torch.tensor(2.0))


@pytest.mark.parametrize("rule", ["weight", "parametrizations.weight.original", "one"])
def test_a_rule_for_a_parametrized_weight_is_for_what_it_is_computed_from(rule: str) -> None:
    with deferred():
        layer = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 4))
    materialize(layer, "he_normal" if rule == "one" else {rule: "he_normal"}, key=0)
    where = pi.key(0).fold_in("parametrizations.weight.original")
    expected = pi.he_normal(layout="torch")((4, 8), key=where)
    assert torch.equal(layer.parametrizations.weight.original.detach(), torch.from_numpy(expected))


def test_what_several_tensors_make_is_named_tensor_by_tensor() -> None:
    class Product(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, left: Any, right: Any) -> Any:
            return left * right

        def right_inverse(self, weight: Any) -> Any:
            return weight, torch.ones_like(weight)

    with deferred():
        layer = nn.Linear(8, 4)
        nn.utils.parametrize.register_parametrization(layer, "weight", Product())
    with pytest.raises(
        pi.errors.RecipeError, match=r"'weight' is computed from several .*\.original0' is one"
    ):
        materialize(layer, {"weight": "he_normal"}, key=0)


@pytest.mark.parametrize(
    "rule",
    [
        pi.Rule("weight", "zeros"),
        pi.Rule("weight", "ones", zero_rows=(1,)),
        pi.Rule("weight", pi.normal(std=0.0)),
        pi.Rule("weight", pi.sparse(0.9)),
    ],
)
def test_a_direction_of_zeros_is_refused(rule: pi.Rule) -> None:
    with deferred():
        layer = nn.utils.parametrizations.weight_norm(nn.Linear(8, 4))
    with pytest.raises(pi.errors.RecipeError, match=r"'parametrizations.weight.original1': .* no direction"):
        materialize(layer, [rule], key=0)


def test_an_identity_is_a_direction_unless_rows_of_it_are_zero() -> None:
    for outputs in (4, 8, 9):
        with deferred():
            layer = nn.utils.parametrizations.weight_norm(nn.Linear(8, outputs))
        if outputs > 8:
            with pytest.raises(pi.errors.RecipeError, match=r"no direction where a row of it is zero"):
                materialize(layer, {"weight": "identity"}, key=0)
        else:
            materialize(layer, {"weight": "identity"}, key=0)
            assert torch.equal(layer.weight, torch.eye(outputs, 8))
