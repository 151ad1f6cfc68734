"""Pairs of an adapter: their formulas, statistics that say what they detect, parts of tensors, refusals."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
if not torch.distributed.is_available():
    pytest.skip("torch was built without its distributed package", allow_module_level=True)

import torch.distributed as dist  # noqa: E402
from torch.distributed.device_mesh import init_device_mesh  # noqa: E402
from torch.distributed.tensor import DTensor, Shard  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

pyinit_torch = pytest.importorskip("pyinit.torch")


def made(method: str, rank: int, inputs: int, outputs: int, **options: Any) -> tuple[Any, Any]:
    a, b = torch.full((rank, inputs), math.nan), torch.full((outputs, rank), math.nan)
    pyinit_torch.lora_pair(a, b, method, **{"key": 0, **options})
    return a, b


def weight(outputs: int = 24, inputs: int = 16, dtype: Any = torch.float32) -> Any:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("method", ["kaiming", "gaussian"])
def test_drawn_pairs(method: str) -> None:
    # 2^20 numbers: a std that is 0.4 % off is four standard errors away (sqrt(2 n)), for a uniform ten
    a, b = made(method, 256, 4096, 32)
    std = 1 / 256 if method == "gaussian" else 1 / math.sqrt(3 * 4096)
    assert off(a, std) < 0.004
    assert off(1.01 * a, std) > 0.004
    assert (b == 0).all()
    if method == "kaiming":
        assert float(a.abs().max()) <= 1 / 64
        assert float(a.abs().max()) > 0.9999 / 64


def off(a: Any, std: float) -> float:
    return abs(float(a.double().std()) / std - 1)


def test_the_orthogonal_pair() -> None:
    a, b = made("orthogonal", 8, 4096, 4096)
    # each half of Q has rank r / 2
    assert torch.linalg.matrix_rank(a) == torch.linalg.matrix_rank(b) == 4
    torch.testing.assert_close(b @ a, torch.zeros(4096, 4096), atol=1e-6, rtol=0)
    # A has covariance Q_odd^T Q_odd / 100, of trace r / 2: 16384 numbers, 2.2 % are four standard errors
    assert abs(float((a**2).sum()) / (4 * 4096 / 100) - 1) < 0.022
    assert abs(float((b**2).sum()) / (4 * 4096 / 100) - 1) < 0.022
    assert abs(float((1.03 * a**2).sum()) / (4 * 4096 / 100) - 1) > 0.022


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(24, 16), (16, 24)])
def test_decompositions(dtype: Any, shape: tuple[int, int]) -> None:
    near = {torch.float32: 2e-6, torch.float64: 1e-13, torch.bfloat16: 2e-2}[dtype]
    for method in ("pissa", "olora"):
        base = weight(*shape, dtype=dtype)
        a, b = (torch.empty(4, shape[1], dtype=dtype), torch.empty(shape[0], 4, dtype=dtype))
        residual = base.clone()
        pyinit_torch.lora_pair(a, b, method, key=0, base=residual, scaling=0.5)
        torch.testing.assert_close(residual + 0.5 * b @ a, base, atol=4 * near, rtol=near)
        if method == "pissa":
            values = torch.linalg.svdvals(base.double())
            expected = torch.cat([values[4:], torch.zeros(4, dtype=torch.float64)])
            got = torch.linalg.svdvals(residual.double())
            torch.testing.assert_close(got, expected, atol=20 * near, rtol=0)
        else:
            torch.testing.assert_close((b.T @ b).double(), torch.eye(4).double(), atol=4 * near, rtol=0)
            assert (a.diagonal() >= 0).all()
    a, b = torch.empty(4, shape[1], dtype=dtype), torch.empty(shape[0], 4, dtype=dtype)
    pyinit_torch.lora_pair(a, b, "mica", key=0, base=base)
    assert (a == 0).all()
    assert (b.gather(0, b.abs().argmax(0, keepdim=True)) > 0).all()


def test_signs_do_not_depend_on_those_of_lapack() -> None:
    base = weight()
    for method in ("pissa", "olora", "mica"):
        one, two = (base.clone(), base.clone().T.contiguous().T)
        pairs = []
        for w in (one, two):
            a, b = torch.empty(4, 16), torch.empty(24, 4)
            pyinit_torch.lora_pair(a, b, method, key=0, base=w)
            pairs.append((a, b))
        torch.testing.assert_close(pairs[0], pairs[1], atol=1e-5, rtol=1e-4)


def test_the_key_decides_draws_alone() -> None:
    one, two = made("gaussian", 4, 64, 8), made("gaussian", 4, 64, 8)
    assert torch.equal(one[0], two[0])
    assert not torch.equal(one[0], made("gaussian", 4, 64, 8, key=1)[0])
    by_hand = pi.normal(std=0.25)((4, 64), key=pi.key(0).fold_in("lora_A"))
    assert (one[0].numpy() == by_hand).all()


def test_what_is_refused() -> None:
    with pytest.raises(pi.RecipeError, match=r"unknown method 'pisa'.*pissa"):
        made("pisa", 4, 8, 8)
    with pytest.raises(pi.RecipeError, match="needs an even rank; got 3"):
        made("orthogonal", 3, 8, 8)
    with pytest.raises(pi.RecipeError, match=r"needs the base weight, of shape \(8, 8\); got None"):
        made("pissa", 4, 8, 8)
    with pytest.raises(pi.ShapeError, match="a rank of at most 8"):
        made("mica", 9, 8, 16, base=weight(16, 8))
    with pytest.raises(pi.RecipeError, match="a scaling above 0"):
        made("pissa", 4, 16, 24, base=weight(), scaling=0.0)
    with pytest.raises(pi.ShapeError, match="A of shape"):
        pyinit_torch.lora_pair(torch.empty(8, 4), torch.empty(8, 4), key=0)
    bad = weight()
    bad[0, 0] = math.inf
    with pytest.raises(pi.DataError, match="base is not"):
        made("olora", 4, 16, 24, base=bad)
    for quantized in (torch.zeros(24, 16, dtype=torch.int8), weight().to(torch.float8_e4m3fn)):
        with pytest.raises(pi.LayoutError, match="quantized"):
            made("pissa", 4, 16, 24, base=quantized)
    base = weight()
    made("pissa", 4, 16, 24, base=base)
    with pytest.raises(pi.LayoutError, match="already subtracted"):
        made("olora", 4, 16, 24, base=base)
    # a weight that was loaded again is whole
    base.copy_(weight())
    made("olora", 4, 16, 24, base=base)
    flat = weight()
    flat._is_flat_param, flat._fqns = True, ["up.weight"]
    with pytest.raises(pi.LayoutError):
        made("mica", 4, 16, 24, base=flat)
    with torch.inference_mode():
        fixed = weight()
    for still in (fixed, weight(1, 16).expand(24, 16)):
        a, b = torch.zeros(4, 16), torch.zeros(24, 4)
        with pytest.raises(pi.LayoutError, match="a tensor that may change; got base"):
            pyinit_torch.lora_pair(a, b, "pissa", key=0, base=still)
        assert not a.any()
        assert not b.any()
    with torch.device("meta"):
        meta = torch.empty(24, 16)
    with pytest.raises(pi.LayoutError, match="meta device"):
        made("pissa", 4, 16, 24, base=meta)


@pytest.mark.parametrize("axis", [0, 1])
def test_parts_of_a_distributed_pair(axis: int) -> None:
    whole = made("kaiming", 4, 64, 8)[0]
    for rank in range(2):
        dist.init_process_group("fake", rank=rank, world_size=2, store=FakeStore())
        try:
            mesh = init_device_mesh("cpu", (2,))
            local = torch.empty(2, 64) if axis == 0 else torch.empty(4, 32)
            a = DTensor.from_local(local, mesh, [Shard(axis)], run_check=False)
            b = DTensor.from_local(torch.empty(4, 4), mesh, [Shard(0)], run_check=False)
            pyinit_torch.lora_pair(a, b, key=0)
            # the fans are those of the whole, so that a part is a part of the whole's values
            assert torch.equal(a.to_local(), whole.chunk(2, axis)[rank])
            assert (b.to_local() == 0).all()
            for method in ("orthogonal", "pissa"):
                with pytest.raises(pi.LayoutError, match="needs whole tensors"):
                    pyinit_torch.lora_pair(a, b, method, key=0, base=weight(8, 64))
            base = DTensor.from_local(weight(4, 64), mesh, [Shard(0)], run_check=False)
            with pytest.raises(pi.LayoutError, match="needs whole tensors"):
                made("pissa", 4, 64, 8, base=base)
        finally:
            dist.destroy_process_group()
