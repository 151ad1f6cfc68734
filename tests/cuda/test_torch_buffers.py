"""`pi.fill` of torch tensors on a device: the stream that torch uses, and what the CPU refuses, too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import pyinit as pi  # noqa: E402
from pyinit.cuda import borrowing  # noqa: E402
from pyinit.cuda.filling import fill  # noqa: E402
from tests.cuda.emulation import EmulatedDevice  # noqa: E402

pytestmark = pytest.mark.interop


@pytest.fixture
def streams(device: EmulatedDevice, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Say of the memory of the CPU that it is a device's, and note on which streams it is filled."""
    used: list[int] = []

    def queue(stream: int) -> Any:
        used.append(stream)
        return device.queue()

    monkeypatch.setattr(borrowing, "device_at", lambda ordinal: SimpleNamespace(queue=queue))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda where: SimpleNamespace(cuda_stream=77))
    return used


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_a_tensor_is_filled_on_torchs_current_stream(streams: list[int], dtype: torch.dtype) -> None:
    # neither __cuda_array_interface__ nor DLPack says which stream that is
    right = pi.fill(torch.empty(30, 7, dtype=dtype), pi.normal(), key=3)
    for tensor in (torch.zeros(30, 7, dtype=dtype), torch.zeros(30, 7, dtype=dtype, requires_grad=True)):
        assert fill(tensor, pi.normal(), key=3) is tensor
        assert torch.equal(tensor.detach(), right)
    assert streams == [77, 77]


@pytest.mark.usefixtures("streams")
def test_what_the_cpu_refuses_is_refused_on_a_device() -> None:
    refusals = {
        "a tensor that is computed from others": torch.zeros(3, requires_grad=True) * 2,
        "says: its negative bit is set": torch._neg_view(torch.zeros(3)),
        "says: its layout is torch.sparse_coo": torch.eye(3).to_sparse(),
        "got steps (1, 3)": torch.zeros(4, 3).t(),
        "got torch.uint16": torch.zeros(3, dtype=torch.uint16),
    }
    for message, tensor in refusals.items():
        with pytest.raises(pi.PyinitError) as caught:
            fill(tensor, pi.normal(), key=0)
        assert message in str(caught.value)
