"""Fans are those of the layer that owns a weight: a layer of ones, fed with ones, counts its inputs."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
materialize = pytest.importorskip("pyinit.torch.materialization.materialization").materialize
nn = torch.nn

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def drawn(build: Callable[[], Any], name: str) -> tuple[Any, float]:
    """Materialize a layer with one recipe of scale 1; return it, and the fan_in that a weight has."""
    with torch.device("meta"):
        layer = build()
    materialize(layer, pi.variance_scaling(1.0), key=0)
    weight = layer.get_parameter(name).detach()
    normal = pi.fill(torch.empty_like(weight), pi.normal(), key=pi.key(0).fold_in(name))
    ratio = (normal / weight).reshape(-1)
    # every element was divided by the root of the same number
    assert torch.allclose(ratio, ratio[0], rtol=1e-5)
    return layer, float(ratio[0]) ** 2


def of_ones(layer: Any) -> Any:
    """Return the layer with weights of one, in float64, and no biases."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.data = torch.full_like(parameter, "bias" not in name, dtype=torch.float64)
    return layer


def inner_mean(output: Any, edges: list[int], periods: list[int]) -> float:
    """Return the mean over one period of positions along each axis, that many from the first."""
    where = tuple(slice(edge, edge + period) for edge, period in zip(edges, periods, strict=True))
    return float(output[(0, 0, *where)].mean())


def convolutions() -> Iterator[tuple[int, dict[str, Any]]]:
    """Every combination of what decides the fans, in 1 to 3 dimensions."""
    for n, kernel, stride, dilation, groups in itertools.product(
        (1, 2, 3), (3, 4), (1, 2, 3), (1, 2), (1, 2)
    ):
        if n < 3 or (kernel, dilation) == (3, 1):
            yield n, {"kernel_size": kernel, "stride": stride, "dilation": dilation, "groups": groups}
    yield 2, {"kernel_size": (3, 5), "stride": (1, 2), "dilation": (2, 1), "groups": 4}
    yield 3, {"kernel_size": (1, 2, 4), "stride": (3, 1, 2)}
    yield 1, {"kernel_size": 2, "stride": 5}


@pytest.mark.parametrize(("n", "options"), [*convolutions()], ids=str)
@pytest.mark.parametrize("channels", [(8, 4), (4, 8)])
def test_a_convolution_counts_its_inputs(n: int, options: dict[str, Any], channels: tuple[int, int]) -> None:
    layer, fan_in = drawn(lambda: CONVOLUTIONS[n](*channels, **options), "weight")
    size = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    output = of_ones(layer)(torch.ones(1, channels[0], *size, dtype=torch.float64)).detach()
    assert fan_in == pytest.approx(float(output[0, 0]), rel=1e-5)


@pytest.mark.parametrize(("n", "options"), [*convolutions()], ids=str)
@pytest.mark.parametrize("channels", [(8, 4), (4, 8)])
def test_a_transposed_convolution_counts_its_inputs(
    n: int, options: dict[str, Any], channels: tuple[int, int]
) -> None:
    layer, fan_in = drawn(lambda: TRANSPOSED[n](*channels, **options), "weight")
    # as many inputs as it takes for a position whose taps are all within
    reach = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    size = [-(-r // s) + 2 for r, s in zip(reach, layer.stride, strict=True)]
    inputs = torch.ones(1, channels[0], *size, dtype=torch.float64, requires_grad=True)
    output = of_ones(layer)(inputs)
    assert fan_in == pytest.approx(inner_mean(output.detach(), reach, list(layer.stride)), rel=1e-5)
    # and back: no output is out of reach of an input
    (gradient,) = torch.autograd.grad(output.sum(), inputs)
    with torch.device("meta"):
        other = TRANSPOSED[n](*channels, **options)
    materialize(other, pi.variance_scaling(1.0, "fan_out"), key=0)
    normal = pi.fill(torch.empty_like(other.weight.detach()), pi.normal(), key=pi.key(0).fold_in("weight"))
    ratio = float((normal / other.weight.detach()).reshape(-1)[0]) ** 2
    assert ratio == pytest.approx(float(gradient[0, 0].mean()), rel=1e-5)


EPSILON = 1e-7


def of_one_gate(name: str, gate: int, gates: int) -> Callable[[Any], float]:
    """Return what counts the inputs of one gate of a recurrent layer, whose others are zero, near zero."""

    def counted(layer: Any) -> float:
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.data = torch.zeros_like(parameter, dtype=torch.float64)
            weight = layer.get_parameter(name)
            weight.chunk(gates)[gate].fill_(EPSILON)
            for other, parameter in layer.named_parameters():
                if other == "weight_hr_l0":
                    parameter.fill_(1.0)
            is_cell = isinstance(layer, nn.RNNCellBase)
            hidden = layer.proj_size if getattr(layer, "proj_size", 0) else layer.hidden_size

            def response(inputs: Any, state: Any) -> Any:
                lead = (1,) if is_cell else (1, 1)
                x, h = inputs.reshape(*lead, -1), state.reshape(*lead, -1)
                c = torch.zeros(*lead, layer.hidden_size, dtype=torch.float64)
                found = layer(x, (h, c) if isinstance(layer, nn.LSTM | nn.LSTMCell) else h)
                first = found[0] if isinstance(found, tuple) else found
                return first.reshape(-1)[-1]

            def one(size: int, count: int) -> Any:
                return (torch.arange(size) < count).double()

            none = one(layer.input_size, 0), one(hidden, 0)
            if name.startswith("weight_ih"):
                few, many = (one(layer.input_size, 1), none[1]), (one(layer.input_size, 99), none[1])
            else:
                few, many = (none[0], one(hidden, 1)), (none[0], one(hidden, 99))
            still = [response(*state) for state in (few, many)]
            weight.chunk(gates)[gate].zero_()
            change = [after - response(*state) for after, state in zip(still, (few, many), strict=True)]
            return float(change[1] / change[0])

    return counted


def by_values(layer: Any) -> float:
    """The inputs of a projection of values: attention is uniform, and what follows hands its input on."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.data = torch.zeros_like(parameter, dtype=torch.float64)
        values = layer.v_proj_weight if layer.in_proj_weight is None else layer.in_proj_weight.chunk(3)[2]
        values.fill_(1.0)
        layer.out_proj.weight.copy_(torch.eye(layer.embed_dim))
        query = torch.ones(2, 1, layer.embed_dim, dtype=torch.float64)
        source = torch.ones(3, 1, values.shape[1], dtype=torch.float64)
        key = torch.ones(3, 1, layer.kdim, dtype=torch.float64)
        return float(layer(query, key, source)[0][0, 0, 0])


def fed(*shapes: tuple[int, ...]) -> Callable[[Any], float]:
    """Return what feeds a layer of ones with ones."""

    def counted(layer: Any) -> float:
        output = of_ones(layer)(*(torch.ones(shape, dtype=torch.float64) for shape in shapes))
        return float(output.detach().reshape(-1)[0])

    return counted


LAYERS: dict[str, tuple[Callable[[], Any], str, Callable[[Any], float]]] = {
    "Linear": (lambda: nn.Linear(12, 5), "weight", fed((1, 12))),
    "Bilinear": (lambda: nn.Bilinear(6, 4, 3), "weight", fed((1, 6), (1, 4))),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(8, 2), "in_proj_weight", by_values),
    "MultiheadAttention, other values": (
        lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=10),
        "v_proj_weight",
        by_values,
    ),
    "RNN": (lambda: nn.RNN(7, 5, nonlinearity="relu"), "weight_ih_l0", of_one_gate("weight_ih_l0", 0, 1)),
    "RNN, hidden": (lambda: nn.RNN(7, 5), "weight_hh_l0", of_one_gate("weight_hh_l0", 0, 1)),
    "LSTM": (lambda: nn.LSTM(7, 5), "weight_ih_l0", of_one_gate("weight_ih_l0", 2, 4)),
    "LSTM, hidden": (lambda: nn.LSTM(7, 5, proj_size=3), "weight_hh_l0", of_one_gate("weight_hh_l0", 2, 4)),
    "GRU": (lambda: nn.GRU(7, 5), "weight_ih_l0", of_one_gate("weight_ih_l0", 2, 3)),
    "GRU, hidden": (lambda: nn.GRU(7, 5), "weight_hh_l0", of_one_gate("weight_hh_l0", 2, 3)),
    "RNNCell": (lambda: nn.RNNCell(7, 5), "weight_hh", of_one_gate("weight_hh", 0, 1)),
    "LSTMCell": (lambda: nn.LSTMCell(7, 5), "weight_ih", of_one_gate("weight_ih", 2, 4)),
    "GRUCell": (lambda: nn.GRUCell(7, 5), "weight_hh", of_one_gate("weight_hh", 2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_counts_its_inputs(name: str) -> None:
    build, weight, counted = LAYERS[name]
    layer, fan_in = drawn(build, weight)
    assert fan_in == pytest.approx(counted(layer), rel=1e-5)


# Layers whose parameters are no kernels, and containers of those above.
OTHERS = {
    *("Embedding", "EmbeddingBag", "PReLU", "LayerNorm", "GroupNorm", "RMSNorm", "CrossMapLRN2d"),
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
    *("Transformer", "TransformerEncoder", "TransformerDecoder"),
    *("TransformerEncoderLayer", "TransformerDecoderLayer", "AdaptiveLogSoftmaxWithLoss"),
    *("ParameterList", "ParameterDict", "Container", "Module", "RNNBase", "RNNCellBase"),
}


def test_no_layer_of_torch_with_parameters_is_left_out() -> None:
    counted = {name.partition(",")[0] for name in LAYERS}
    counted |= {kind.__name__ for kind in (*CONVOLUTIONS.values(), *TRANSPOSED.values())}
    holding = {
        defined.name
        for path in Path(nn.modules.__file__).parent.glob("*.py")
        for defined in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(defined, ast.ClassDef)
        and any(isinstance(node, ast.Name) and node.id.endswith("Parameter") for node in ast.walk(defined))
    }
    assert {"Linear", "Bilinear", "_ConvNd"} < holding
    missing = {
        name
        for name in nn.modules.__all__
        if any(base.__name__ in holding for base in getattr(nn, name).__mro__ if base is not nn.Module)
        and name.removeprefix("Lazy") not in counted | OTHERS
    }
    assert not missing


LAZY = {
    "LazyLinear": (lambda: nn.LazyLinear(5), (1, 12), 12),
    "LazyConv2d": (lambda: nn.LazyConv2d(8, 3, groups=2), (1, 4, 5, 5), 18),
    "LazyConvTranspose2d": (lambda: nn.LazyConvTranspose2d(64, 4, stride=2), (1, 16, 5, 5), 64),
}


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_layer_has_the_fans_that_it_learns(name: str) -> None:
    build, shape, expected = LAZY[name]

    def learned() -> Any:
        layer = build()
        layer(torch.empty(shape, device="meta"))
        return layer

    assert drawn(learned, "weight")[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
def test_an_embedding_has_its_features_as_inputs(name: str) -> None:
    # as in the output layer that shares the table
    assert drawn(lambda: getattr(nn, name)(70, 50), "weight")[1] == pytest.approx(50, rel=1e-5)


@pytest.mark.parametrize("name", ["PReLU", "LayerNorm"])
def test_what_is_no_kernel_begins_as_it_does_without_a_recipe(name: str) -> None:
    builds = {
        "PReLU": lambda: nn.PReLU(5),
        "LayerNorm": lambda: nn.LayerNorm((5, 4)),
    }
    layers = []
    for recipe in (None, pi.normal(std=7.0)):
        with torch.device("meta"):
            layer = builds[name]()
        layers.append(materialize(layer, recipe, key=0))
    assert torch.equal(layers[0].weight, layers[1].weight)


def test_output_variance_is_kept() -> None:
    # of 64 x 15 x 15 outputs that share weights: the standard error of the mean square is below 8 %
    for stride in (1, 2):
        with torch.device("meta"):
            layer = nn.ConvTranspose2d(64, 64, 4, stride=stride, bias=False)
        materialize(layer, pi.variance_scaling(1.0), key=0)
        inputs = torch.from_numpy(pi.normal()((8, 64, 12, 12), key=1))
        output = layer(inputs)[..., 4:-4, 4:-4].detach()
        assert math.isclose(float(output.square().mean()), 1.0, rel_tol=0.25), stride
