"""What a module computes of its weights is computed of what recipes make of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
materialize = pytest.importorskip("pyinit.torch.materialization.materialization").materialize
deferred = pytest.importorskip("pyinit.torch.materialization.construction").deferred
nn = torch.nn


class Copies(nn.Module):  # type: ignore[misc, name-defined]
    """A target network, a momentum encoder and an average of one network."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(4, 4)
        self.target = copy.deepcopy(self.network)
        self.momentum = nn.Linear(4, 4)
        for own, other in zip(self.network.parameters(), self.momentum.parameters(), strict=True):
            other.data.copy_(own.data)
        self.register_buffer("average", self.network.weight.detach().mean(0))


@pytest.mark.parametrize(
    "recipe", [None, "he_normal", {"network.weight": "orthogonal"}, {"network.*": "ones"}]
)
def test_copies_of_a_network_stay_copies(recipe: Any) -> None:
    with deferred():
        module = Copies()
    materialize(module, recipe, key=0)
    weight = module.network.weight
    assert torch.equal(module.target.weight, weight)
    assert torch.equal(module.momentum.weight, weight)
    assert torch.equal(module.target.bias, module.network.bias)
    torch.testing.assert_close(module.average, weight.detach().mean(0), rtol=0, atol=1e-6)


def test_a_copy_with_a_rule_of_its_own_follows_it() -> None:
    with deferred():
        module = Copies()
    materialize(module, {"network.weight": "ones", "target.weight": "zeros"}, key=0)
    assert bool((module.target.weight == 0).all())
    assert bool((module.momentum.weight == 1).all())


def test_a_copy_of_what_was_drawn_again_is_drawn_by_itself() -> None:
    class Again(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Linear(4, 4)
            self.before = copy.deepcopy(self.network)
            self.network.reset_parameters()

    for recipe in (None, "he_normal"):
        with deferred():
            module = Again()
        materialize(module, recipe, key=0)
        assert not bool((module.before.weight == module.network.weight).any())


@pytest.mark.parametrize("recipe", [None, "he_normal", {"weight": pi.normal(std=3.0)}])
def test_a_spectrally_normed_weight_begins_with_norm_one(recipe: Any) -> None:
    with deferred():
        layer = nn.utils.parametrizations.spectral_norm(nn.Linear(32, 32))
    norm = torch.linalg.matrix_norm(materialize(layer, recipe, key=0).eval().weight.detach(), 2)
    # fifteen steps of the power iteration; with the vectors of another weight it is above 10
    assert 0.99 < float(norm) < 1.1


@pytest.mark.parametrize("recipe", [None, "he_normal", {"weight": pi.normal(std=3.0)}])
def test_pruning_keeps_the_largest_of_what_was_drawn(recipe: Any) -> None:
    with deferred():
        layer = nn.utils.prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.5)
    materialize(layer, recipe, key=0)
    size, kept = layer.weight_orig.detach().abs(), layer.weight_mask.bool()
    assert bool(size[kept].min() > size[~kept].max())
    assert torch.equal(layer.weight, layer.weight_orig * layer.weight_mask)
