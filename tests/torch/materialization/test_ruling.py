"""Rules of a module: the structure, the owners and the fans of what they make."""

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


def fan_of(weight: Any, name: str = "weight") -> float:
    """Return the fan that a weight was drawn with by variance_scaling(1.0)."""
    drawn = weight.detach()
    normal = pi.fill(torch.empty_like(drawn), pi.normal(), key=pi.key(0).fold_in(name))
    return float((normal / drawn).reshape(-1)[0]) ** 2


class Held(nn.Module):  # type: ignore[misc, name-defined]
    """A module with one weight, drawn at random, and whatever attributes are given."""

    def __init__(self, *shape: int, name: str = "weight", **attributes: Any) -> None:
        super().__init__()
        self.last = name
        self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        for attribute, value in attributes.items():
            setattr(self, attribute, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(getattr(self, self.last))


SCALED = pi.variance_scaling(1.0)


def matrices(layer: Any) -> Any:
    """Return the matrices of a convolution, one a group: outputs by everything that they meet."""
    weight, groups = layer.weight.detach(), layer.groups
    if layer.transposed:
        weight = weight.unflatten(0, (groups, -1)).transpose(1, 2)
    else:
        weight = weight.unflatten(0, (groups, -1))
    return weight.flatten(2)


STRUCTURED = {
    "transposed": lambda: nn.ConvTranspose2d(16, 8, 3, padding=1),
    "transposed, more outputs": lambda: nn.ConvTranspose2d(8, 16, 3, padding=1),
    "transposed, grouped": lambda: nn.ConvTranspose2d(16, 16, 3, padding=1, groups=4),
    "transposed, strided": lambda: nn.ConvTranspose2d(8, 16, 4, stride=2, padding=1),
    "grouped": lambda: nn.Conv2d(16, 16, 3, padding=1, groups=4),
    "grouped, of one position": lambda: nn.Conv2d(16, 16, 1, groups=4),
    "1-D": lambda: nn.Conv1d(4, 6, 3, padding=1),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_orthogonal_is_orthogonal_as_the_layer_uses_it(name: str) -> None:
    found = matrices(made(STRUCTURED[name], pi.orthogonal()))
    lines = found if found.shape[1] <= found.shape[2] else found.mT
    assert (lines @ lines.mT - torch.eye(lines.shape[1])).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["transposed, more outputs", "1-D", "grouped", "transposed, grouped"])
def test_delta_orthogonal_keeps_norms_or_is_refused(name: str) -> None:
    if "grouped" in name:
        with pytest.raises(pi.LayoutError, match="'weight': delta_orthogonal does not take groups, which"):
            made(STRUCTURED[name], pi.delta_orthogonal())
        return
    layer = made(STRUCTURED[name], pi.delta_orthogonal())
    inputs = torch.from_numpy(pi.normal()((1, layer.in_channels, *[7] * len(layer.kernel_size)), key=1))
    assert math.isclose(float(layer(inputs).detach().norm()), float(inputs.norm()), rel_tol=1e-5)


@pytest.mark.parametrize("name", ["transposed", "transposed, grouped", "grouped", "1-D"])
def test_dirac_hands_on_what_both_sides_have(name: str) -> None:
    layer = made(STRUCTURED[name], {"weight": pi.dirac()})
    with torch.no_grad():
        layer.bias.zero_()
    inputs = torch.from_numpy(pi.normal()((1, layer.in_channels, *[7] * len(layer.kernel_size)), key=1))
    shared = min(layer.in_channels, layer.out_channels)
    assert torch.equal(layer(inputs).detach()[:, :shared], inputs[:, :shared])


def test_conv1d_of_transformers_is_in_by_out() -> None:
    conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D
    assert fan_of(made(lambda: conv1d(48, 12), SCALED).weight) == pytest.approx(12, rel=1e-5)


class DeformedTranspose(Held):
    """A transposed convolution that is none of torch's."""


@pytest.mark.parametrize(
    ("build", "fan"),
    [
        (lambda: Held(8, 2, 3, 3, in_channels=4, out_channels=8, kernel_size=(3, 3), groups=2), 18),
        (lambda: Held(8, 4, 3, in_channels=4, out_channels=8, kernel_size=3), 12),
        (lambda: Held(5, 4, 3, kernel_size=3), 12),
        (
            lambda: DeformedTranspose(4, 8, 4, 4, in_channels=4, out_channels=8, kernel_size=4, stride=2),
            16,
        ),
        (
            lambda: DeformedTranspose(4, 4, 4, in_channels=4, out_channels=8, kernel_size=4, groups=2),
            8,
        ),
    ],
)
def test_a_foreign_convolution_is_known_by_its_attributes(build: Callable[[], Any], fan: int) -> None:
    assert fan_of(made(build, SCALED).weight) == pytest.approx(fan, rel=1e-5)


UNEXPLAINED = {
    "experts": lambda: Held(8, 32, 64, name="w"),
    "heads": lambda: Held(4, 16, 64, name="w"),
    "a stack of convolutions": lambda: Held(3, 8, 4, 3, 3),
    "a kernel of another size": lambda: Held(8, 4, 3, 3, kernel_size=5),
    "channels in another order": lambda: Held(4, 8, 3, in_channels=4, out_channels=8, kernel_size=3),
    "kernels in a row": lambda: Held(4, 8 * 4 * 9, in_channels=4, out_channels=8, kernel_size=3),
}


@pytest.mark.parametrize("recipe", ["he_normal", pi.orthogonal(), {"w*": "glorot_uniform"}], ids=str)
@pytest.mark.parametrize("name", UNEXPLAINED)
def test_what_nobody_explains_is_refused_with_the_ways_out(name: str, recipe: Any) -> None:
    with pytest.raises(pi.LayoutError) as caught:
        made(UNEXPLAINED[name], recipe)
    message = str(caught.value)
    assert message.startswith(("'w': ", "'weight': "))
    assert all(option in message for option in ('layout="torch"', "batch_axis=", "in_axis=", "out_axis="))
    assert "\n" not in message


def test_a_stack_is_what_the_recipe_says_it_is() -> None:
    for recipe in (
        pi.variance_scaling(1.0, batch_axis=0),
        pi.variance_scaling(1.0, batch_axis=0, layout="torch"),
        pi.variance_scaling(1.0, batch_axis=0, in_axis=2, out_axis=1),
    ):
        assert fan_of(made(UNEXPLAINED["experts"], recipe).w, "w") == pytest.approx(64, rel=1e-5)
    turned = made(UNEXPLAINED["experts"], pi.variance_scaling(1.0, batch_axis=0, layout="jax"))
    assert fan_of(turned.w, "w") == pytest.approx(32, rel=1e-5)
    stack = made(
        UNEXPLAINED["a stack of convolutions"], pi.variance_scaling(1.0, batch_axis=0, layout="torch")
    )
    assert fan_of(stack.weight) == pytest.approx(36, rel=1e-5)
    experts = made(UNEXPLAINED["experts"], pi.orthogonal(batch_axis=0)).w.detach()
    assert (experts @ experts.mT - torch.eye(32)).abs().max() < 1e-6


class Model(nn.Module):  # type: ignore[misc, name-defined]
    """Something of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.pos_embed = nn.Parameter(torch.empty(1, 5, 6))
        self.cls_token = nn.Parameter(torch.empty(1, 1, 6))
        self.gate = nn.Parameter(torch.empty(6))
        self.q_bias = nn.Parameter(torch.empty(6))
        self.layer = nn.Linear(6, 6)
        self.zero = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 9, bias=False)
        self.head.weight = self.embed.weight
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for tensor in (self.pos_embed, self.cls_token, self.gate, self.q_bias):
            nn.init.normal_(tensor)
        nn.init.zeros_(self.zero.weight)


def test_one_recipe_leaves_alone_what_is_no_kernel_or_not_random() -> None:
    found = []
    for recipe in (None, "he_normal"):
        with deferred():
            model = Model()
        found.append(dict(materialize(model, recipe, key=0).named_parameters()))
    own, module = found
    assert own.keys() == module.keys()
    same = {name for name in own if torch.equal(own[name], module[name])}
    kept = {"pos_embed", "cls_token", "gate", "zero.weight", "norm.weight", "norm.bias"}
    assert same == kept
    assert not module["layer.bias"].any()
    assert not module["zero.bias"].any()
    assert not module["q_bias"].any()
    fitted = pi.he_normal(layout="torch")((6, 6), key=pi.key(0).fold_in("layer.weight"))
    assert torch.equal(module["layer.weight"].detach(), torch.from_numpy(fitted))


def test_a_tied_tensor_follows_one_rule() -> None:
    for rules in ({"head.weight": "ones"}, {"*.weight": "ones"}, {"embed.*": "ones", "*": "zeros"}):
        with deferred():
            model = Model()
        assert bool((materialize(model, rules, key=0).embed.weight == 1).all())
    with deferred():
        model = Model()
    with pytest.raises(
        pi.errors.RecipeError, match=r"'head.weight' is one tensor with 'embed.weight', which"
    ):
        materialize(model, {"embed.*": "ones", "head.weight": "zeros"}, key=0)


@pytest.mark.parametrize("name", ["embed.weight", "head.weight", "*.weight"])
@pytest.mark.parametrize("is_first", [True, False])
def test_the_padding_row_of_a_tied_embedding_stays_zero(name: str, is_first: bool) -> None:
    def build() -> Any:
        embedding, head = nn.Embedding(9, 4, padding_idx=2), nn.Linear(4, 9, bias=False)
        head.weight = embedding.weight
        parts = {"embed": embedding, "head": head}
        return nn.ModuleDict(parts if is_first else dict(reversed(parts.items())))

    with deferred():
        module = build()
    rows = materialize(module, {name: "ones"}, key=0)["head"].weight.detach()
    assert rows[:, 0].tolist() == [1, 1, 0, 1, 1, 1, 1, 1, 1]


def test_a_buffer_follows_its_own_name_and_no_pattern() -> None:
    module = made(lambda: nn.BatchNorm1d(3), {"running_mean": "ones", "*": pi.constant(2.0)})
    assert module.running_mean.tolist() == [1, 1, 1]
    assert module.running_var.tolist() == [1, 1, 1]
    assert module.weight.tolist() == [2, 2, 2]


@pytest.mark.parametrize("build", ["deferred", "reset_parameters"])
def test_one_recipe_keeps_the_constants_of_a_part(build: str) -> None:
    class Cell(nn.LSTM):  # type: ignore[misc, name-defined]
        def reset_parameters(self) -> None:
            super().reset_parameters()
            with torch.no_grad():
                self.bias_ih_l0[4:8].fill_(1.0)
                self.bias_hh_l0[4:8] = 2.0
                self.weight_ih_l0[0].zero_()

    with deferred() if build == "deferred" else torch.device("meta"):
        module = Cell(3, 4)
    materialize(module, pi.normal(mean=5.0, std=0.1), key=0)
    gates = lambda bias: bias.detach().view(4, 4).unique_consecutive(dim=0)[:, 0].tolist()  # noqa: E731
    assert gates(module.bias_ih_l0) == [0, 1, 0]
    assert gates(module.bias_hh_l0) == [0, 2, 0]
    assert module.weight_ih_l0[0].tolist() == [0, 0, 0]
    drawn = pi.normal(mean=5.0, std=0.1)((16, 3), key=pi.key(0).fold_in("weight_ih_l0"))
    assert torch.equal(module.weight_ih_l0[1:].detach(), torch.from_numpy(drawn)[1:])


class WithTable(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.register_buffer("table", torch.arange(3.0))


@pytest.mark.parametrize(
    "pattern", ["*", "[lt]*", pi.Rule("*", pi.normal(std=9.0), kernels_only=True), pi.Rule("*", pi.ones())]
)
def test_a_pattern_for_parameters_draws_no_buffer(pattern: Any) -> None:
    with torch.device("meta"):
        module = WithTable()
    rules = [pattern] if isinstance(pattern, pi.Rule) else {pattern: pi.normal(std=9.0)}
    with pytest.raises(pi.errors.RecipeError, match=r"buffer 'table': nothing is written to it"):
        materialize(module, rules, key=0)
    with deferred():
        module = WithTable()
    assert materialize(module, rules, key=0).table.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["table", "t*", "*table"])
def test_a_pattern_for_buffers_alone_makes_what_the_module_does_not_say(name: str) -> None:
    with torch.device("meta"):
        module = WithTable()
    assert materialize(module, {name: "ones", "*": "zeros"}, key=0).table.tolist() == [1, 1, 1]
    assert bool((module.linear.weight == 0).all())


def test_one_recipe_is_for_a_kernel_that_nothing_else_makes() -> None:
    class Silent(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.empty(4, 6))
            self.bias = nn.Parameter(torch.empty(4))
            self.scale = nn.Parameter(torch.empty(4))

    with pytest.raises(pi.errors.RecipeError, match=r"of 1 .* parameter 'scale': nothing is written to it"):
        made(Silent, "he_normal")
    module = made(Silent, {"weight": "he_normal", "*": "ones"})
    assert bool((module.bias == 1).all())
    assert bool((module.scale == 1).all())
