"""One meaning at every door of torch: the same weight and recipe give the same fans, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
fill = pytest.importorskip("pyinit.torch.tensor").fill
init = pytest.importorskip("pyinit.torch.init")
next_key = pytest.importorskip("pyinit.torch.draws").next_key
accelerate = pytest.importorskip("pyinit.torch.acceleration.acceleration").accelerate
deferred = pytest.importorskip("pyinit.torch.materialization.construction").deferred
materialize = pytest.importorskip("pyinit.torch.materialization.materialization").materialize
nn = torch.nn


class Row(NamedTuple):
    """A layer, and the fans of its weight."""

    build: Callable[[], Any]
    fan_in: float
    fan_out: float
    # where torch itself counts something else: its known mistakes
    of_torch: tuple[int, int] | None = None


class Experts(nn.Module):  # type: ignore[misc, name-defined]
    """A stack of matrices (out, in), of which nothing but its author knows."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(8, 32, 64))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)


LAYERS = {
    "Linear": Row(lambda: nn.Linear(1000, 10, bias=False), 1000, 10),
    "Conv2d": Row(lambda: nn.Conv2d(3, 64, 7, bias=False), 147, 3136),
    "grouped": Row(lambda: nn.Conv2d(16, 32, 3, groups=4, bias=False), 36, 72, of_torch=(36, 288)),
    "transposed": Row(lambda: nn.ConvTranspose2d(16, 64, 3, bias=False), 144, 576, of_torch=(576, 144)),
    "strided": Row(
        lambda: nn.ConvTranspose2d(16, 64, 4, stride=2, bias=False), 64, 1024, of_torch=(1024, 256)
    ),
    "Bilinear": Row(lambda: nn.Bilinear(6, 5, 4, bias=False), 30, 20),
    "experts": Row(Experts, 0, 0, of_torch=(2048, 512)),
}

RECIPES: dict[str, tuple[Any, Callable[[float, float], float], dict[str, str] | None]] = {
    "he_normal": (pi.he_normal(), lambda fan_in, fan_out: fan_in / 2, {"nonlinearity": "relu"}),
    "glorot_normal": (pi.glorot_normal(), lambda fan_in, fan_out: (fan_in + fan_out) / 2, None),
    "fan_out": (
        pi.variance_scaling(1.0, "fan_out"),
        lambda fan_in, fan_out: fan_out,
        {"mode": "fan_out", "nonlinearity": "linear"},
    ),
}

WHERE = pi.key(0).fold_in("weight")


def at_fill(row: Row, recipe: Any, twin: Any) -> tuple[Any, pi.Key]:
    shape = row.build().weight.shape
    return fill(torch.empty(shape), recipe, key=WHERE), WHERE


def at_fill_of_a_parameter(row: Row, recipe: Any, twin: Any) -> tuple[Any, pi.Key]:
    return fill(row.build().weight, recipe, key=WHERE), WHERE


def materialized(begin: Callable[[], Any], asked: Callable[[Any], Any]) -> Callable[..., tuple[Any, pi.Key]]:
    def door(row: Row, recipe: Any, twin: Any) -> tuple[Any, pi.Key]:
        with begin():
            layer = row.build()
        return materialize(layer, asked(recipe), key=0).weight, WHERE

    return door


def at_init(row: Row, recipe: Any, twin: Any) -> tuple[Any, pi.Key]:
    weight = row.build().weight
    generator = torch.Generator().manual_seed(3)
    if twin is None:
        init.xavier_normal_(weight, generator=generator)
    else:
        init.kaiming_normal_(weight, generator=generator, **twin)
    return weight, next_key(torch.Generator().manual_seed(3))


def at_accelerate(row: Row, recipe: Any, twin: Any) -> tuple[Any, pi.Key]:
    weight = row.build().weight
    with accelerate(key=5):
        nn.init.xavier_normal_(weight) if twin is None else nn.init.kaiming_normal_(weight, **twin)
    return weight, pi.key(5).fold_in(0)


DOORS: dict[str, Callable[..., tuple[Any, pi.Key]]] = {
    "fill": at_fill,
    "fill of a parameter": at_fill_of_a_parameter,
    "one recipe, meta": materialized(lambda: torch.device("meta"), lambda recipe: recipe),
    "one recipe, deferred": materialized(deferred, lambda recipe: recipe),
    "its name": materialized(deferred, lambda recipe: {"weight": recipe}),
    "a pattern": materialized(lambda: torch.device("meta"), lambda recipe: [("*w*", recipe)]),
    "torch.nn.init": at_init,
    "accelerate": at_accelerate,
}
# A tensor without its layer: what has more than two axes is refused there.
ALONE = {"fill", "fill of a parameter"}
OF_TORCH = {"torch.nn.init", "accelerate"}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_counts_the_same_fans(door: str, layer: str, recipe: str) -> None:
    row = LAYERS[layer]
    wanted, decides, twin = RECIPES[recipe]
    fan_in, fan_out = row.fan_in, row.fan_out
    if door in OF_TORCH:
        fan_in, fan_out = row.of_torch or (fan_in, fan_out)
    elif layer == "experts" or (door in ALONE and len(row.build().weight.shape) > 2):
        with pytest.raises(pi.LayoutError, match=r'layout="torch".* batch_axis=.* in_axis= and out_axis='):
            DOORS[door](row, wanted, twin)
        return
    weight, key = DOORS[door](row, wanted, twin)
    weight = weight.detach()
    normal = pi.fill(torch.empty_like(weight), pi.normal(), key=key)
    variances = (normal / weight).square().reshape(-1)[:99]
    assert variances.tolist() == pytest.approx([decides(fan_in, fan_out)] * len(variances), rel=1e-5)


@pytest.mark.parametrize("layer", ["Linear", "Conv2d", "transposed", "experts"])
def test_a_tensor_alone_is_what_its_layer_makes_once_the_recipe_says_how(layer: str) -> None:
    explicit = {
        "Linear": pi.he_normal(),
        "Conv2d": pi.he_normal(layout="torch"),
        "transposed": pi.he_normal(layout="torch", transposed=True),
        "experts": pi.he_normal(batch_axis=0),
    }[layer]
    row = LAYERS[layer]
    alone, _ = at_fill(row, explicit, None)
    owned, _ = DOORS["one recipe, meta"](row, explicit, None)
    assert torch.equal(alone, owned.detach())


def test_a_file_of_the_modules_shapes_has_the_same_bits(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    def build() -> Any:
        return nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 3))

    with torch.device("meta"):
        module = build()
    shapes = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    path = tmp_path / "model.safetensors"
    pi.write_checkpoint(shapes, "he_normal", key=7, path=str(path))
    filed = load_file(path)
    materialize(module, "he_normal", key=7)
    assert all(torch.equal(filed[name], tensor.detach()) for name, tensor in module.named_parameters())
    shapes["stack"] = (8, 20, 30)
    with pytest.raises(pi.LayoutError, match=r"'stack'.* batch_axis="):
        pi.write_checkpoint(shapes, "he_normal", key=7, path=str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize(
    "rules",
    [
        {"0.weight": "he_normal", "*": "zeros"},
        {"*.weight": "he_normal", "*": pi.constant(1.0)},
        [("?.weight", "he_normal"), ("*.bias", pi.normal(std=0.1))],
    ],
)
def test_ordered_patterns_mean_the_same_in_a_file(rules: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 3))
    shapes = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    pi.write_checkpoint(shapes, rules, key=7, path=str(tmp_path / "model.safetensors"))
    filed = load_file(tmp_path / "model.safetensors")
    materialize(module, rules, key=7)
    assert all(torch.equal(filed[name], tensor.detach()) for name, tensor in module.named_parameters())
