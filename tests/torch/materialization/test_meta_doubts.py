"""What methods of a module on the meta device do not tell is refused by name; they run as in eager torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

from ...older import older

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
adapter = pytest.importorskip("pyinit.torch")
deferred, materialize = adapter.deferred, adapter.materialize
record = pytest.importorskip("pyinit.torch.materialization.beginnings").record
nn, init = torch.nn, torch.nn.init
weight_norm = nn.utils.parametrizations.weight_norm


def on_meta(build: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return build()


def on_deferred(build: Callable[[], Any]) -> Any:
    with deferred():
        return build()


def refusal(build: Callable[[], Any], recipe: Any = None) -> str:
    """Return what materialize says of a module on the meta device."""
    with pytest.raises(pi.errors.RecipeError) as caught:
        materialize(on_meta(build), recipe, key=0)
    assert "pyinit.torch.deferred()" in str(caught.value)
    return str(caught.value)


class Old(nn.Module):  # type: ignore[misc, name-defined]
    """Makes a parameter in a way that ignores the device; eager: std 1 once init_weights has run."""

    def __init__(self, make: Callable[..., Any] = torch.Tensor) -> None:
        super().__init__()
        self.embed = nn.Parameter(make(64, 64))
        self.linear = nn.Linear(64, 4)
        self.init_weights()

    def init_weights(self) -> None:
        init.normal_(self.embed)


class OldLayer(nn.Module):  # type: ignore[misc, name-defined]
    """All of it is real, and drawn by torch: the seed would not decide it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.FloatTensor(64, 64))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init.normal_(self.weight)


REAL: dict[str, tuple[Callable[[], Any], str]] = {
    "Tensor": (Old, "in Old, 'embed' is real, and would be initialized: torch.Tensor and torch.normal"),
    "FloatTensor": (lambda: Old(torch.FloatTensor), "in Old, 'embed' is real"),
    "normal": (lambda: Old(lambda *shape: torch.normal(0.0, 1.0, shape)), "in Old, 'embed' is real"),
    "a layer of them": (
        lambda: nn.Sequential(nn.Linear(2, 2), OldLayer(), OldLayer()),
        "in Sequential, '1.weight', '2.weight' are real",
    ),
    "copied from a real tensor": (
        lambda: Old(lambda *shape: torch.ones(shape, device="cpu")),
        "in Old, 'embed' is real",
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_tensors_that_a_method_would_write_are_named(name: str) -> None:
    build, message = REAL[name]
    assert message in refusal(build)
    module = materialize(on_deferred(build), key=0)
    for tensor in module.parameters():
        if tensor.shape == (64, 64):
            assert abs(float(tensor.detach().std()) - 1) < 0.05
            assert not tensor.is_meta


def test_real_tensors_that_begin_as_they_are_stay() -> None:
    class Table(Old):
        def init_weights(self) -> None:
            with torch.no_grad():
                self.embed.copy_(torch.eye(64, device="cpu"))

    module = materialize(on_meta(lambda: Table(lambda *shape: torch.eye(*shape, device="cpu"))), key=0)
    assert torch.equal(module.embed.detach(), torch.eye(64))
    assert not module.linear.weight.is_meta


def test_real_layers_that_were_put_there_stay() -> None:
    """A loaded part of torch's own layers, and what a module made before: nobody writes to these."""

    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

        def _init_weights(self, module: Any) -> None:
            if isinstance(module, nn.Linear):
                init.normal_(module.weight)

    module = on_meta(Net)
    module.first = nn.Linear(4, 4)
    kept = module.first.weight.detach().clone()
    materialize(module, key=0)
    assert torch.equal(module.first.weight, kept)
    assert not module.second.weight.is_meta


class Normed(nn.Module):  # type: ignore[misc, name-defined]
    """Writes to a weight that is computed: a temporary, which eager torch loses; std 0.1179 stays."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = weight_norm(nn.Conv1d(8, 64, 3))
        self.init_weights()

    def init_weights(self) -> None:
        init.normal_(self.conv.weight, std=5.0)


class NormedByApply(Normed):
    """The same by a method that is applied to every module below."""

    def init_weights(self) -> None:
        self.apply(self._init_weights)

    def _init_weights(self, module: Any) -> None:
        if isinstance(module, nn.Conv1d):
            module.weight.data.normal_(std=5.0)
            init.zeros_(module.bias)


@pytest.mark.parametrize("kind", [Normed, NormedByApply])
@pytest.mark.parametrize("build", [on_meta, on_deferred])
def test_writes_to_a_parametrized_weight_are_lost_as_in_eager_torch(kind: Any, build: Any) -> None:
    torch.manual_seed(0)
    eager, made = kind(), materialize(build(kind), key=0)
    for name in ("original0", "original1"):
        ours, theirs = (getattr(each.conv.parametrizations.weight, name).detach() for each in (made, eager))
        # 1536 uniform draws: their std is known to 1.2 %, and would be 42 times larger
        assert abs(float(ours.std() / theirs.std()) - 1) < (0.06 if name == "original1" else 0.4)
        assert abs(float(ours.mean() - theirs.mean())) < 0.05
    assert torch.allclose(made.conv.weight, made.conv.parametrizations.weight.original1, atol=1e-6)
    assert bool((made.conv.bias == 0).all()) == bool((eager.conv.bias == 0).all())


def test_a_reset_above_a_parametrization_is_doubtful() -> None:
    """In eager torch it counts if the parametrization came later, and is lost if it came before."""

    class Above(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = weight_norm(nn.Conv1d(8, 64, 3))

        def reset_parameters(self) -> None:
            init.normal_(self.conv.weight, std=5.0)

    message = refusal(Above)
    assert "'conv.parametrizations.weight.original1': Above.reset_parameters writes to the paramet" in message


class Drawn(nn.Module):  # type: ignore[misc, name-defined]
    """Draws in its constructor over what its layers' methods draw: std 0.02 and zeros in eager torch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(64, 64), nn.Linear(64, 64)
        init.normal_(self.layer.weight, std=0.02)
        with torch.no_grad():
            self.layer.bias.zero_()


class Scaled(nn.Module):  # type: ignore[misc, name-defined]
    """As GPT-2 in small repositories: a method for all, then other numbers for a few."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.proj = nn.Linear(64, 64), nn.Linear(64, 64)
        self.apply(self._init_weights)
        for name, parameter in self.named_parameters():
            if name.endswith("proj.weight"):
                init.normal_(parameter, std=0.002)

    def _init_weights(self, module: Any) -> None:
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=0.02)
            init.zeros_(module.bias)


def filled_later() -> Any:
    layer = nn.Linear(64, 64)
    init.zeros_(layer.weight)
    return layer


def applied_later() -> Any:
    return nn.Sequential(nn.Linear(64, 64)).apply(
        lambda part: isinstance(part, nn.Linear) and init.ones_(part.weight)
    )


DOUBTFUL: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "by a constructor": (Drawn, ["layer.weight", "layer.bias"]),
    "some again": (Scaled, ["proj.weight"]),
    "after construction": (filled_later, ["weight"]),
    "by apply": (applied_later, ["0.weight"]),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_writes_that_no_method_repeats_are_named(name: str) -> None:
    build, names = DOUBTFUL[name]
    message = refusal(build)
    assert f"of {len(names)} the module's own methods do not tell" in message
    for each in names:
        assert f"parameter '{each}': torch counts" in message
    module = on_meta(build)
    with pytest.raises(pi.errors.RecipeError):
        materialize(module, key=0)
    # a recipe decides, and a second look sees the same
    materialize(module, dict.fromkeys(names, pi.constant(3)), key=0)
    assert all(bool((module.get_parameter(each) == 3).all()) for each in names)
    eager, made = build(), materialize(on_deferred(build), key=0)
    for each, expected in eager.named_parameters():
        spread = float(made.get_parameter(each).detach().std())
        assert spread == pytest.approx(float(expected.detach().std()), rel=0.3), each


def test_a_recipe_for_one_name_of_a_doubtful_tie_is_for_all() -> None:
    class Tied(Drawn):
        def __init__(self) -> None:
            super().__init__()
            self.other.weight = self.layer.weight

    assert "'other.weight': torch counts" in refusal(Tied)
    rules = {"layer.weight": pi.constant(3), "layer.bias": pi.zeros()}
    module = materialize(on_meta(Tied), rules, key=0)
    assert module.other.weight is module.layer.weight
    assert bool((module.other.weight == 3).all())


class Uncounted(nn.Module):  # type: ignore[misc, name-defined]
    """Draws in ways that torch does not count: through .data, and by a function that returns on meta."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))
        for layer in self.layers:
            layer.weight.data.normal_(0, 0.02)


class Orthogonal(nn.Module):  # type: ignore[misc, name-defined]
    """Draws by a function that does nothing on the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.layers.apply(
            lambda part: isinstance(part, nn.Linear) and init.orthogonal_(part.weight, 0.02 * 8**0.5)
        )


@pytest.mark.parametrize("kind", [Uncounted, Orthogonal])
def test_constructors_that_seem_to_draw_unseen_are_named(kind: Any) -> None:
    message = f"the constructor of {kind.__name__} seems to initialize weights"
    with pytest.warns(UserWarning, match=message):
        materialize(on_meta(kind), key=0)
    made = materialize(on_deferred(kind), key=0)
    assert abs(float(made.layers[1].weight.detach().std()) / 0.02 - 1) < 0.5
    materialize(on_meta(kind), pi.normal(std=0.02), key=0)


class Twice(nn.Linear):  # type: ignore[misc, name-defined]
    """Resets itself once more than its base does."""

    def __init__(self) -> None:
        super().__init__(64, 64)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init.normal_(self.weight, std=0.5)
        init.zeros_(self.bias)


@pytest.mark.parametrize(
    "build",
    [
        Twice,
        lambda: nn.MultiheadAttention(8, 2),
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        lambda: nn.Embedding(5, 3, padding_idx=1),
        lambda: nn.LSTM(3, 4),
        lambda: nn.BatchNorm2d(3),
        lambda: weight_norm(nn.Linear(3, 4)),
    ],
)
def test_what_methods_repeat_is_no_doubt(build: Callable[[], Any]) -> None:
    module = on_meta(build)
    for _ in range(3):
        record(module)
    materialize(module, key=0)
    assert not any(parameter.is_meta for parameter in module.parameters())


def test_tensors_of_inference_mode_have_no_count() -> None:
    with torch.inference_mode():
        module = materialize(on_meta(lambda: nn.Linear(3, 4)), key=0)
    assert torch.equal(module.weight, materialize(on_meta(lambda: nn.Linear(3, 4)), key=0).weight)


class Defaulted(nn.Module):  # type: ignore[misc, name-defined]
    """Its constructor calls a method with another argument than its default: ones in eager torch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.init_weights(zero=False)

    def init_weights(self, zero: bool = True) -> None:
        if zero:
            init.zeros_(self.norm.weight)


def test_defaults_that_a_constructor_may_have_set_are_not_guessed() -> None:
    assert "'norm.weight': Defaulted.init_weights has arguments that its constructor may set" in refusal(
        Defaulted
    )
    assert materialize(on_deferred(Defaulted), key=0).norm.weight.tolist() == [1, 1, 1]


# timm computes with numbers of these on the meta device, which torch 2.9 refuses
NEWER_TORCH = [
    pytest.param(name, marks=pytest.mark.skipif(older("torch", 2, 13), reason="needs torch 2.13"))
    for name in ("test_vit", "regnetx_002")
]


@pytest.mark.parametrize("name", ["lcnet_035", "skresnet18", *NEWER_TORCH])
def test_timm_is_to_be_built_deferred(name: str, torchvision_loads: None) -> None:
    timm = pytest.importorskip("timm")
    message = refusal(lambda: timm.create_model(name, num_classes=3))
    assert "constructors of timm draw, which the meta device loses" in message


def test_torchvision_is_to_be_built_deferred(torchvision_loads: None) -> None:
    models = pytest.importorskip("torchvision.models")
    assert "constructors of torchvision draw" in refusal(lambda: models.resnet18(num_classes=3))


def test_only_the_outermost_method_of_a_transformers_model_runs(torchvision_loads: None) -> None:
    """A part's own method is never called by transformers, nor are the marks that it leaves on tensors."""
    transformers = pytest.importorskip("transformers")

    class Part(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(64, 64)

        def _init_weights(self) -> None:
            init.ones_(self.linear.weight)
            self.linear.weight._is_hf_initialized = True

    class Model(transformers.PreTrainedModel):  # type: ignore[misc, name-defined]
        config_class = transformers.BertConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.part = Part()
            self.marked = nn.Linear(64, 64)
            self.marked.weight._is_hf_initialized = False
            self.post_init()

    def build() -> Any:
        return Model(transformers.BertConfig(initializer_range=0.02))

    module = on_meta(build)
    module.marked.weight._is_hf_initialized = True
    for made in (build(), materialize(module, key=0), materialize(on_deferred(build), key=0)):
        for layer in (made.part.linear, made.marked):
            assert abs(float(layer.weight.detach().std()) / 0.02 - 1) < 0.06
            assert not layer.bias.any()
