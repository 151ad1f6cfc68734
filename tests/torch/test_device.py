"""Tensors on a CUDA device, whose kernels are compiled for the CPU: a tensor of the CPU is said to be on it.

What torch itself does on a device, its streams and its allocator, is left to tools/gpu_check.sh.
"""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402
from pyinit.cuda.device import Queue  # noqa: E402
from pyinit.torch import device as torch_device  # noqa: E402
from pyinit.torch import tensor as torch_tensor  # noqa: E402
from pyinit.torch.acceleration import context  # noqa: E402
from pyinit.torch.init import drawing  # noqa: E402
from pyinit.torch.materialization import destination, materialization  # noqa: E402
from tests.cuda.emulation import EmulatedDevice, build  # noqa: E402

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("torch-cuda"))


@pytest.fixture
def emulated(kernels: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> EmulatedDevice:
    """Say of every tensor that it is on a device, and of every device that it is CUDA's."""
    device = EmulatedDevice(kernels)

    def queue_of(tensor: torch.Tensor) -> Queue:
        return device.queue()

    monkeypatch.setattr(torch_device, "queue_of", queue_of)
    monkeypatch.setattr(torch_tensor, "is_on_device", lambda tensor: True)
    for module in (torch_tensor, context, drawing):
        # a small tensor of the CPU has a way of its own, which no tensor of a device goes
        monkeypatch.setattr(module, "draw_small", lambda *arguments: False)
    for module in (destination, materialization):
        monkeypatch.setattr(module, "is_cuda", lambda where: True)
    return device


def expected(recipe: Any, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, **keywords: Any) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(torch_tensor, "is_on_device", lambda tensor: False)
        dtype = keywords.pop("dtype", torch.float32)
        return pit.fill(torch.empty(shape, dtype=dtype), recipe, **keywords)


DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "recipe",
    [
        pi.he_normal(),
        pi.uniform(),
        pi.truncated_normal(),
        pi.orthogonal(),
        pi.sparse(0.5),
        pi.identity(),
        pi.ones(),
        pi.blocks(["he_normal", "zeros"], axis=1),
    ],
    ids=str,
)
def test_fill(
    emulated: EmulatedDevice, monkeypatch: pytest.MonkeyPatch, recipe: Any, dtype: torch.dtype
) -> None:
    made = pit.fill(torch.full((30, 20), 9, dtype=dtype), recipe, key=1)
    assert emulated.launches
    assert torch.equal(made, expected(recipe, (30, 20), monkeypatch, key=1, dtype=dtype))


@pytest.mark.parametrize("recipe", [pi.normal(), pi.orthogonal(), pi.sparse(0.5)], ids=str)
@pytest.mark.parametrize("block", [7, 1 << 24])
def test_strided_tensors(
    emulated: EmulatedDevice, monkeypatch: pytest.MonkeyPatch, recipe: Any, block: int
) -> None:
    monkeypatch.setattr(torch_device, "_BLOCK", block)
    whole = torch.full((21, 30), 9.0)
    made = whole.t()[::2]
    window = pi.Window((3, 1), (40, 25))
    pit.fill(made, recipe, key=2, window=window)
    assert torch.equal(made, expected(recipe, (15, 21), monkeypatch, key=2, window=window))
    assert (whole.t()[1::2] == 9).all()


def test_pretrained_values_are_copied(emulated: EmulatedDevice) -> None:
    source = torch.randn(6, 4).numpy()
    made = pit.fill(torch.empty(6, 4, dtype=torch.bfloat16), pi.pretrained(source), key=0)
    assert torch.equal(made, torch.from_numpy(source).bfloat16())
    assert emulated.launches == []


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (pi.hippo(), (7, 7)),
        (pi.icnr(pi.he_normal(layout="torch"), 2), (24, 3, 3, 3)),
        (pi.blocks([pi.icnr(pi.he_normal(layout="torch"), 2), "ones"], sizes=(16, 8)), (24, 3, 3, 3)),
        (pi.pretrained(torch.arange(48.0).view(6, 8), select="even"), (4, 3)),
    ],
)
def test_what_no_kernel_makes_is_made_on_the_cpu_and_copied(
    emulated: EmulatedDevice, monkeypatch: pytest.MonkeyPatch, recipe: Any, shape: tuple[int, ...]
) -> None:
    for dtype in DTYPES:
        made = pit.fill(torch.empty(shape, dtype=dtype), recipe, key=3)
        assert torch.equal(made, expected(recipe, shape, monkeypatch, key=3, dtype=dtype))


def test_what_cannot_be_filled_is_refused_as_on_the_cpu(emulated: EmulatedDevice) -> None:
    refusals = {
        "expanded tensor": torch.zeros(3, 1).expand(3, 4),
        "a tensor of float32": torch.zeros(3, dtype=torch.int32),
        "plain memory": torch._neg_view(torch.zeros(3)),
        "computed from others": torch.zeros(3, requires_grad=True) * 2,
    }
    for message, tensor in refusals.items():
        with pytest.raises(pi.PyinitError, match=message):
            pit.fill(tensor, pi.normal(), key=0)
    assert emulated.launches == []


def test_a_leaf_keeps_its_gradient_and_its_version_rises(emulated: EmulatedDevice) -> None:
    weight = torch.nn.Parameter(torch.zeros(4, 4))
    version = weight._version
    pit.fill(weight, pi.normal(), key=0)
    assert weight._version > version
    assert weight.requires_grad
    assert weight.is_leaf


def test_init_functions_and_accelerate(emulated: EmulatedDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> list[torch.Tensor]:
        torch.manual_seed(3)
        weight = pit.init.kaiming_normal_(torch.empty(8, 6))
        with pit.accelerate(key=4):
            layer = torch.nn.Linear(5, 7)
        return [weight, layer.weight.detach(), layer.bias.detach()]

    here = drawn()
    assert {launch.kernel for launch in emulated.launches} == {"centred_normal_float32", "uniform_float32"}
    monkeypatch.setattr(torch_tensor, "is_on_device", lambda tensor: False)
    assert all(map(torch.equal, here, drawn()))


def test_accelerate_says_when_a_device_cannot_be_used(
    emulated: EmulatedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tensor: torch.Tensor) -> Queue:
        raise pi.DeviceError("no compiler")

    monkeypatch.setattr(torch_device, "queue_of", fail)
    with pit.accelerate(key=4), pytest.raises(pi.DeviceError, match="no compiler"):
        torch.empty(3).normal_()


class Model(torch.nn.Module):
    """Draws, constants, and a buffer that is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(12, 9)
        self.norm = torch.nn.LayerNorm(9)
        self.register_buffer("angles", torch.arange(9).float().sin())

    def reset_parameters(self) -> None:
        """Compute the buffer."""
        self.angles.copy_(torch.arange(9).float().sin())


def test_materialize(emulated: EmulatedDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    with pit.deferred():
        module = Model()
    made = pit.materialize(module, key=5, device="cpu").state_dict()
    assert any(launch.kernel == "uniform_float32" for launch in emulated.launches)
    monkeypatch.setattr(torch_tensor, "is_on_device", lambda tensor: False)
    for where in (destination, materialization):
        monkeypatch.setattr(where, "is_cuda", lambda device: device.type == "cuda")
    with pit.deferred():
        module = Model()
    right = pit.materialize(module, key=5).state_dict()
    assert made.keys() == right.keys()
    assert all(torch.equal(made[name], right[name]) for name in right)


def test_materialize_names_what_a_device_needs() -> None:
    with torch.device("meta"):
        module = torch.nn.Linear(2, 2)
    with pytest.raises(pi.LayoutError, match="needs the CPU or a CUDA device of NVIDIA's; got mps"):
        pit.materialize(module, key=0, device="mps")
    if not torch.cuda.is_available():
        with pytest.raises(
            pi.DeviceError, match="materialize on cuda needs torch built for CUDA and a device"
        ):
            pit.materialize(module, key=0, device="cuda")
    assert module.weight.is_meta
