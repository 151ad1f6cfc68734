"""Every function of torch.nn.init fills its tensor, of any strides, dtype and kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
init = pytest.importorskip("pyinit.torch.init")
theirs = torch.nn.init

# a slope of 1/2 and, of (12, 8), a fan_in of 8
XAVIER_BOUND = math.sqrt(3) * (2 * math.sqrt(2 / 20))
HE_BOUND = math.sqrt(3) * (math.sqrt(1.6) / math.sqrt(8))
DRAWS: dict[str, tuple[tuple[Any, ...], pi.Recipe]] = {
    "uniform_": ((-0.5, 2.0), pi.uniform(-0.5, 2.0)),
    "normal_": ((0.5, 0.02), pi.normal(mean=0.5, std=0.02)),
    "trunc_normal_": (
        (0.1, 0.5, -1.0, 0.7),
        pi.truncated_normal(mean=0.1, std=0.5, low=-1.0, high=0.7, unit="absolute"),
    ),
    "xavier_uniform_": ((2.0,), pi.uniform(-XAVIER_BOUND, XAVIER_BOUND)),
    "xavier_normal_": ((2.0,), pi.normal(std=2 * math.sqrt(2 / 20))),
    "kaiming_uniform_": ((0.5,), pi.uniform(-HE_BOUND, HE_BOUND)),
    "kaiming_normal_": ((0.5, "fan_out"), pi.normal(std=math.sqrt(1.6) / math.sqrt(12))),
    "orthogonal_": ((1.5,), pi.orthogonal(1.5, layout="torch")),
    "sparse_": ((0.3, 0.1), pi.sparse(0.3, 0.1)),
}
DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def seeded(seed: int) -> Any:
    return torch.Generator().manual_seed(seed)


def key_of(seed: int) -> pi.Key:
    """The key of a fresh generator's first tensor, as documented."""
    word = torch.empty((), dtype=torch.int64).random_(generator=seeded(seed))
    return pi.key(seed).fold_in(int(word))


def as_numpy(tensor: Any) -> Any:
    return tensor.detach().contiguous().double().numpy()


def drawn(recipe: pi.Recipe, key: pi.Key, dtype: str) -> Any:
    """The core's weights of shape (12, 8) as float64."""
    out = torch.empty(12, 8, dtype=DTYPES[dtype])
    return as_numpy(pi.fill(out, recipe, key=key))


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "contiguous": lambda dtype: torch.full((12, 8), 7.0, dtype=dtype),
    "transposed": lambda dtype: torch.full((8, 12), 7.0, dtype=dtype).t(),
    "strided": lambda dtype: torch.full((12, 3, 8, 2), 7.0, dtype=dtype)[:, 1, :, 0],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", DRAWS)
def test_a_function_draws_its_recipe_whatever_the_strides(name: str, layout: str, dtype: str) -> None:
    arguments, recipe = DRAWS[name]
    memory = LAYOUTS[layout](DTYPES[dtype])
    tensor = torch.nn.Parameter(memory)
    version = tensor._version
    assert getattr(init, name)(tensor, *arguments, generator=seeded(3)) is tensor
    assert tensor.data_ptr() == memory.data_ptr()
    assert tensor.stride() == memory.stride()
    assert tensor._version == version + 1
    assert tensor.requires_grad
    assert tensor.grad_fn is None
    np.testing.assert_array_equal(as_numpy(tensor), drawn(recipe, key_of(3), dtype))


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_and_manual_seed_of_one_seed_draw_the_same(name: str) -> None:
    arguments, _ = DRAWS[name]
    torch.manual_seed(42)
    governed = getattr(init, name)(torch.empty(12, 8), *arguments)
    assert torch.equal(governed, getattr(init, name)(torch.empty(12, 8), *arguments, generator=seeded(42)))
    assert not torch.equal(
        governed, getattr(init, name)(torch.empty(12, 8), *arguments, generator=seeded(43))
    )


@pytest.mark.parametrize("name", DRAWS)
def test_zero_elements_are_as_torch_treats_them(name: str) -> None:
    arguments, _ = DRAWS[name]
    for shape in ((0, 3), (3, 0)):
        ours, peer = torch.empty(shape), torch.empty(shape)
        generator = seeded(0)
        before = generator.get_state()
        if name.startswith("kaiming"):
            with pytest.warns(UserWarning, match="^Initializing zero-element tensors is a no-op$") as caught:
                assert getattr(init, name)(ours, *arguments, generator=generator) is ours
            assert caught[0].filename == __file__
        else:
            assert getattr(init, name)(ours, *arguments, generator=generator) is ours
            getattr(theirs, name)(peer, *arguments)
        assert ours.shape == shape
        assert torch.equal(generator.get_state(), before), "nothing is taken"


@pytest.mark.parametrize("name", DRAWS)
def test_meta_and_fake_tensors_have_nothing_to_fill(name: str) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    arguments, _ = DRAWS[name]
    with FakeTensorMode():
        fake = torch.empty(12, 8)
    for tensor in (
        torch.empty(12, 8, device="meta"),
        torch.nn.Parameter(torch.empty(12, 8, device="meta")),
        fake,
    ):
        generator = seeded(0)
        before = generator.get_state()
        assert getattr(init, name)(tensor, *arguments, generator=generator) is tensor
        assert torch.equal(generator.get_state(), before)


def test_equal_bounds_are_one_value() -> None:
    for function in (
        lambda module, tensor: module.uniform_(tensor, 0.25, 0.25),
        lambda module, tensor: module.trunc_normal_(tensor, 0.0, 1.0, 0.25, 0.25),
        lambda module, tensor: module.xavier_uniform_(tensor, gain=0.0),
        lambda module, tensor: module.kaiming_normal_(tensor, nonlinearity="relu").mul_(0.0).abs_(),
        lambda module, tensor: module.normal_(tensor, 0.25, 0.0),
    ):
        assert torch.equal(function(init, torch.empty(3, 3)), function(theirs, torch.empty(3, 3)))


def test_numbers_may_be_tensors_and_numpy_scalars() -> None:
    plain = init.normal_(torch.empty(5), 0.5, 0.25, generator=seeded(0))
    assert torch.equal(init.normal_(torch.empty(5), torch.tensor(0.5), np.float32(0.25), seeded(0)), plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int32, torch.complex64], ids=str)
@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((4, 2, 3), 1),
        ((4, 2, 4), 2),
        ((2, 5, 3, 2), 1),
        ((6, 1, 3, 3), 6),
        ((6, 9, 1, 4), 3),
        ((9, 3, 3, 2, 5), 3),
        ((0, 3, 3), 1),
        ((3, 0, 3), 3),
    ],
)
def test_dirac_is_torchs(shape: tuple[int, ...], groups: int, dtype: Any) -> None:
    expected = theirs.dirac_(torch.ones(shape, dtype=dtype), groups)
    assert torch.equal(init.dirac_(torch.ones(shape, dtype=dtype), groups), expected)
    strided = torch.ones(shape[::-1], dtype=dtype).permute(*reversed(range(len(shape))))
    assert init.dirac_(strided, groups) is strided
    assert torch.equal(strided, expected)
    assert init.dirac_(torch.empty(shape, device="meta", dtype=dtype), groups).is_meta


@pytest.mark.parametrize("groups", [1, 3])
def test_a_dirac_kernel_hands_its_channels_on(groups: int) -> None:
    x = torch.arange(8.0 * 3 * groups * 25).reshape(8, 3 * groups, 5, 5)
    kernel = init.dirac_(torch.nn.Parameter(torch.empty(4 * groups, 3, 3, 3)), groups).detach()
    y = torch.nn.functional.conv2d(x, kernel, padding=1, groups=groups).unflatten(1, (groups, 4))
    assert torch.equal(y[:, :, :3], x.unflatten(1, (groups, 3)))
    assert not y[:, :, 3:].any()


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (20, 2, 3, 4), (2, 3, 4, 5), (1, 7), (7, 1)])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...], gain: float) -> None:
    for dtype, error in (
        (torch.float32, 1e-6),
        (torch.float64, 1e-14),
        (torch.bfloat16, 2e-2),
        (torch.float16, 3e-3),
    ):
        weight = init.orthogonal_(torch.empty(shape, dtype=dtype), gain).double().reshape(shape[0], -1)
        rows, columns = weight.shape
        gram = weight @ weight.T if rows <= columns else weight.T @ weight
        eye = torch.eye(min(rows, columns), dtype=torch.float64)
        assert float((gram / gain**2 - eye).abs().max()) < error
        longer = weight.T @ weight if rows < columns else weight @ weight.T
        if rows != columns:
            assert float((longer / gain**2 - torch.eye(len(longer))).abs().max()) > error, (
                "the check can fail"
            )


def test_torchs_own_modules_run_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch.nn.modules.conv as conv
    import torch.nn.modules.linear as linear

    monkeypatch.setattr(linear, "init", init)
    monkeypatch.setattr(conv, "init", init)
    torch.manual_seed(1)
    first = [*torch.nn.Linear(8, 4).parameters(), *torch.nn.Conv2d(3, 8, 3).parameters()]
    torch.manual_seed(1)
    key = init.kaiming_uniform_(torch.empty(4, 8), a=math.sqrt(5))
    assert torch.equal(first[0], key)
    assert all(bool(parameter.abs().max() <= 8**-0.5) for parameter in first)
    assert all(bool(parameter.abs().min() > 0) for parameter in first)


def test_under_a_device_context() -> None:
    """torch.device is a function mode: it sees our functions and lets them run."""
    plain = init.kaiming_uniform_(torch.empty(4, 3), generator=seeded(0))
    memory = torch.empty(4, 3)
    with torch.device("meta"):
        assert init.kaiming_uniform_(memory, generator=seeded(0)) is memory
    assert torch.equal(memory, plain)


def test_a_mode_is_handed_the_function() -> None:
    seen = []

    class Mode(torch.overrides.TorchFunctionMode):  # type: ignore[misc,name-defined]
        def __torch_function__(
            self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Mode():
        init.uniform_(torch.empty(3))
        init.normal_(torch.empty(3))
        init.kaiming_uniform_(torch.empty(3, 3))
    assert {init.uniform_, init.normal_, init.kaiming_uniform_} <= set(seen)


@pytest.mark.parametrize("name", DRAWS)
def test_each_rank_fills_its_part_of_a_distributed_tensor(name: str) -> None:
    """Two ranks with generators of one seed hold the halves of what one process draws."""
    distributed = pytest.importorskip("torch.distributed")
    placed = pytest.importorskip("torch.distributed.tensor")
    stores = pytest.importorskip("torch.testing._internal.distributed.fake_pg")
    arguments, _ = DRAWS[name]
    whole = getattr(init, name)(torch.empty(12, 8), *arguments, generator=seeded(4))
    for rank in (0, 1):
        distributed.init_process_group("fake", rank=rank, world_size=2, store=stores.FakeStore())
        try:
            mesh = distributed.device_mesh.DeviceMesh("cpu", [0, 1])
            tensor = placed.empty(12, 8, device_mesh=mesh, placements=[placed.Shard(1)])
            generator = seeded(4)
            assert getattr(init, name)(tensor, *arguments, generator=generator) is tensor
            assert torch.equal(tensor.to_local(), whole.chunk(2, 1)[rank])
            counts = placed.empty(12, 8, dtype=torch.int64, device_mesh=mesh, placements=[placed.Shard(1)])
            before = generator.get_state()
            with pytest.raises(pi.DTypeError):
                getattr(init, name)(counts, *arguments, generator=generator)
            assert torch.equal(generator.get_state(), before), "a call that is refused takes nothing"
        finally:
            distributed.destroy_process_group()


def test_memory_that_is_copied_on_write_is_copied() -> None:
    original = torch.zeros(4, 4)
    init.normal_(original._lazy_clone())
    init.normal_(original._lazy_clone().t())
    assert not original.any()


def test_memory_that_is_not_aligned() -> None:
    tensor = torch.frombuffer(bytearray(41), dtype=torch.float32, offset=1, count=10)
    init.normal_(tensor, generator=seeded(0))
    assert torch.equal(tensor.clone(), init.normal_(torch.empty(10), generator=seeded(0)))


def test_a_subclass_is_filled() -> None:
    class Plain(torch.Tensor):  # type: ignore[misc,name-defined]
        pass

    tensor = torch.empty(4, 3).as_subclass(Plain)
    init.normal_(tensor, generator=seeded(0))
    assert torch.equal(tensor.as_subclass(torch.Tensor), init.normal_(torch.empty(4, 3), generator=seeded(0)))


@pytest.mark.parametrize("name", [name for name in theirs.__all__ if not name.endswith("_")])
def test_older_names_warn_and_do_the_same(name: str) -> None:
    if name == "calculate_gain":
        return
    shape = (4, 3, 3) if name == "dirac" else (4, 3)
    arguments = {"constant": (0.5,), "sparse": (0.5,)}.get(name, ())
    torch.manual_seed(0)
    expected = getattr(init, name + "_")(torch.empty(shape), *arguments)
    torch.manual_seed(0)
    with pytest.warns(FutureWarning) as caught:
        assert torch.equal(getattr(init, name)(torch.empty(shape), *arguments), expected)
    assert caught[0].filename == __file__
    with pytest.warns(FutureWarning) as peers:
        getattr(theirs, name)(torch.empty(shape), *arguments)
    assert str(caught[0].message) == str(peers[0].message)
