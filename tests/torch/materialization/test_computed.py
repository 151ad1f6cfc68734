"""What is written to a tensor that is computed is lost: it is refused wherever autograd shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
fill = pytest.importorskip("pyinit.torch.tensor").fill
init = pytest.importorskip("pyinit.torch.init")
accelerate = pytest.importorskip("pyinit.torch.acceleration.acceleration").accelerate
nn = torch.nn
parametrizations = nn.utils.parametrizations


def hooked() -> Any:
    with pytest.warns(FutureWarning, match="weight_norm. is deprecated"):
        layer = nn.utils.weight_norm(nn.Linear(10, 20))
    layer(torch.ones(1, 10))
    return layer.weight


COMPUTED: dict[str, Callable[[], Any]] = {
    "weight_norm": lambda: parametrizations.weight_norm(nn.Linear(10, 20)).weight,
    "spectral_norm": lambda: parametrizations.spectral_norm(nn.Linear(10, 20)).eval().weight,
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(10, 20)).weight,
    "an old hook": hooked,
    "a view of one": lambda: parametrizations.weight_norm(nn.Linear(10, 20)).weight.T[2:],
    "contiguous": lambda: nn.Linear(10, 20).weight.t().contiguous(),
    "cast": lambda: nn.Linear(10, 20).weight.bfloat16(),
    "indexed": lambda: nn.Linear(10, 20).weight[[0, 1]],
    "reshaped with a copy": lambda: nn.Linear(10, 20).weight.t().reshape(-1, 4),
    "cloned": lambda: nn.Linear(10, 20).weight.clone(),
}

LASTING: dict[str, Callable[[Any], Any]] = {
    "itself": lambda weight: weight,
    "transposed": lambda weight: weight.T,
    "rows": lambda weight: weight[:5],
    "data": lambda weight: weight.data,
    "viewed": lambda weight: weight.view(-1, 4),
    "a chunk": lambda weight: weight.chunk(2)[1],
    "detached": lambda weight: weight.detach(),
}

WAYS: dict[str, Callable[[Any], Any]] = {
    "fill": lambda tensor: fill(tensor, pi.constant(7.0), key=0),
    "normal_": init.normal_,
    "uniform_": init.uniform_,
    "trunc_normal_": init.trunc_normal_,
    "xavier_uniform_": init.xavier_uniform_,
    "kaiming_normal_": init.kaiming_normal_,
    "orthogonal_": init.orthogonal_,
    "sparse_": lambda tensor: init.sparse_(tensor, 0.5),
    "zeros_": init.zeros_,
    "ones_ by keyword": lambda tensor: init.ones_(tensor=tensor),
    "constant_": lambda tensor: init.constant_(tensor, 2.0),
    "eye_": init.eye_,
    "dirac_": lambda tensor: init.dirac_(tensor.unflatten(1, (2, -1))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", COMPUTED)
def test_a_computed_tensor_is_refused(name: str, way: str) -> None:
    tensor = COMPUTED[name]()
    before = tensor.detach().clone()
    with pytest.raises(
        pi.LayoutError, match=r"needs a tensor that keeps .* Assign instead, as in layer"
    ) as error:
        WAYS[way](tensor)
    assert isinstance(error.value, RuntimeError)
    assert torch.equal(tensor, before)


@pytest.mark.parametrize("name", COMPUTED)
def test_fill_by_dlpack_refuses_it_too(name: str) -> None:
    tensor = COMPUTED[name]()
    with pytest.raises(pi.LayoutError, match=r"fill needs memory that keeps .* Assign instead, as in layer"):
        pi.fill(tensor, pi.ones(), key=0)


@pytest.mark.parametrize("name", LASTING)
def test_a_view_of_a_parameter_is_filled(name: str) -> None:
    layer = nn.Linear(10, 20)
    fill(LASTING[name](layer.weight), pi.constant(7.0), key=0)
    filled = {"rows": 50, "a chunk": 100}.get(name, 200)
    assert int((layer.weight == 7).sum()) == filled
    contiguous = LASTING[name](layer.weight)
    if contiguous.is_contiguous():
        pi.fill(contiguous, pi.constant(8.0), key=0)
        assert int((layer.weight == 8).sum()) == filled


DRAWS: dict[str, Callable[[Any], Any]] = {
    "normal_": nn.init.normal_,
    "uniform_": nn.init.uniform_,
    "trunc_normal_": nn.init.trunc_normal_,
    "xavier_uniform_": nn.init.xavier_uniform_,
    "kaiming_uniform_": nn.init.kaiming_uniform_,
    "kaiming_normal_": nn.init.kaiming_normal_,
    "orthogonal_": nn.init.orthogonal_,
    "sparse_": lambda tensor: nn.init.sparse_(tensor, 0.5),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_torchs_own_functions_are_refused_under_accelerate(draw: str) -> None:
    layer = parametrizations.weight_norm(nn.Linear(10, 20))
    with accelerate(), pytest.raises(pi.LayoutError, match="Assign instead"):
        DRAWS[draw](layer.weight)
    plain = nn.Linear(10, 20)
    with accelerate() as block:
        DRAWS[draw](plain.weight[:5])
    assert block.fills == 1


def test_a_draw_that_autograd_sees_is_torchs() -> None:
    scale = torch.ones(3, requires_grad=True)
    with accelerate() as block:
        noise = (scale * 2).normal_()
    assert block.fills == 0
    assert noise.requires_grad


def test_assigning_is_the_way_out() -> None:
    layer = parametrizations.weight_norm(nn.Linear(10, 20))
    filled = fill(torch.empty(20, 10), pi.he_normal(), key=0)
    with torch.no_grad():
        layer.weight = filled
    assert torch.allclose(layer.weight, filled, rtol=1e-5)


def test_without_autograds_record_it_cannot_be_seen() -> None:
    # the limit that the docstrings name
    layer = parametrizations.weight_norm(nn.Linear(10, 20))
    before = layer.weight.detach().clone()
    with torch.no_grad():
        fill(layer.weight, pi.ones(), key=0)
    assert torch.equal(layer.weight, before)
    assert "no_grad" in str(fill.__doc__)
    assert "no_grad" in str(init.__doc__)
