"""Filling torch tensors: every dtype and layout, in place, refused before anything is written."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
tensor_module = pytest.importorskip("pyinit.torch.tensor")
fill = tensor_module.fill
_BLOCK: int = tensor_module._BLOCK

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
RECIPES = {
    "constant": pi.constant(0.3),
    "normal": pi.normal(std=0.02),
    "uniform": pi.uniform(-1, 1),
    "truncated_normal": pi.truncated_normal(std=0.5),
    "sparse": pi.sparse(0.3, layout="torch"),
    "orthogonal": pi.orthogonal(layout="torch"),
    "he_normal": pi.he_normal(layout="torch"),
    "identity": pi.identity(),
}


def bits(tensor: Any) -> Any:
    """The memory of a tensor in logical order, as NumPy integers."""
    plain = tensor.detach().contiguous()
    return plain.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[plain.itemsize]).numpy()


def expected(recipe: pi.Recipe, shape: tuple[int, ...], key: int, dtype: str) -> Any:
    """The same weights by the core alone."""
    drawn = recipe(shape, key=key, dtype="uint16" if dtype == "bfloat16" else dtype)
    return drawn.view({2: np.int16, 4: np.int32, 8: np.int64}[drawn.itemsize])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RECIPES)
def test_a_tensor_holds_what_the_recipe_makes(name: str, dtype: str) -> None:
    tensor = torch.empty(13, 7, dtype=DTYPES[dtype])
    address = tensor.data_ptr()
    assert fill(tensor, RECIPES[name], key=5) is tensor
    assert tensor.data_ptr() == address
    np.testing.assert_array_equal(bits(tensor), expected(RECIPES[name], (13, 7), 5, dtype))


def strided(layout: str, dtype: Any, rows: int, columns: int) -> tuple[Any, Any]:
    """A (rows, columns) tensor, and the memory it is a view of."""
    if layout == "transposed":
        base = torch.full((columns, rows), 7.0, dtype=dtype)
        return base.t(), base
    if layout == "rows apart":
        base = torch.full((rows, columns + 3), 7.0, dtype=dtype)
        return base[:, :columns], base
    if layout == "columns apart":
        base = torch.full((rows, 2 * columns), 7.0, dtype=dtype)
        return base[:, ::2], base
    base = torch.full((3, rows, columns, 2), 7.0, dtype=dtype)
    return base[1, :, :, 1], base


LAYOUTS = ("transposed", "rows apart", "columns apart", "inner")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_strided_tensor_has_the_values_of_its_logical_indices(layout: str, dtype: str) -> None:
    for name, recipe in RECIPES.items():
        tensor, base = strided(layout, DTYPES[dtype], 13, 7)
        fill(tensor, recipe, key=5)
        np.testing.assert_array_equal(bits(tensor), expected(recipe, (13, 7), 5, dtype), err_msg=name)
        others = base.numel() - tensor.numel()
        tensor[:] = 0.0
        assert int((base == 7.0).sum()) == others, "memory between the elements must stay as it is"


@pytest.mark.parametrize("recipe", [pi.normal(), pi.orthogonal()], ids=["blocks", "whole"])
def test_a_strided_tensor_larger_than_a_block(recipe: pi.Recipe) -> None:
    rows, columns = 5, _BLOCK // 3
    if recipe == pi.orthogonal():
        rows, columns = 3, _BLOCK // 2
    tensor = torch.empty(columns, rows).t()
    fill(tensor, recipe, key=1)
    np.testing.assert_array_equal(bits(tensor), expected(recipe, (rows, columns), 1, "float32"))


def test_channels_last() -> None:
    tensor = torch.empty(8, 4, 3, 3).to(memory_format=torch.channels_last)
    fill(tensor, pi.he_normal(layout="torch"), key=2)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(
        bits(tensor), expected(pi.he_normal(layout="torch"), (8, 4, 3, 3), 2, "float32")
    )


@given(data=st.data(), transposed=st.booleans())
def test_a_window_is_the_slice_of_the_whole(data: st.DataObject, transposed: bool) -> None:
    whole = fill(torch.empty(9, 11), pi.normal(), key=3)
    start = (data.draw(st.integers(0, 9)), data.draw(st.integers(0, 11)))
    rows, columns = data.draw(st.integers(0, 9 - start[0])), data.draw(st.integers(0, 11 - start[1]))
    part = torch.empty(columns, rows).t() if transposed else torch.empty(rows, columns)
    fill(part, pi.normal(), key=3, window=pi.Window(start, (9, 11)))
    assert torch.equal(part, whole[start[0] : start[0] + rows, start[1] : start[1] + columns])


def test_zero_elements_and_scalars() -> None:
    for shape in [(0,), (3, 0), (0, 3)]:
        assert fill(torch.empty(shape), pi.normal(), key=0).shape == shape
        assert (
            fill(
                torch.empty(shape[::-1]).mT if len(shape) > 1 else torch.empty(0), pi.normal(), key=0
            ).numel()
            == 0
        )
    scalar = fill(torch.empty(()), pi.normal(), key=0)
    assert float(scalar) == float(pi.normal()((), key=0))


def test_threads_do_not_change_the_values() -> None:
    one, many = (fill(torch.empty(1 << 17), pi.normal(), key=0, threads=threads) for threads in (1, 5))
    assert torch.equal(one, many)


def test_filled_by_several_threads() -> None:
    tensors = [torch.empty(300, 70).t() for _ in range(4)]
    workers = [
        threading.Thread(target=fill, args=(tensor, pi.normal()), kwargs={"key": i})
        for i, tensor in enumerate(tensors)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for i, tensor in enumerate(tensors):
        np.testing.assert_array_equal(bits(tensor), expected(pi.normal(), (70, 300), i, "float32"))


# autograd


@pytest.mark.parametrize("layout", ["contiguous", "transposed"])
def test_a_parameter_is_filled_and_its_version_raised(layout: str) -> None:
    memory = torch.empty(4, 3) if layout == "contiguous" else torch.empty(3, 4).t()
    parameter = torch.nn.Parameter(memory)
    version = parameter._version
    assert fill(parameter, pi.ones(), key=0) is parameter
    assert parameter._version == version + 1
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert parameter.grad_fn is None
    assert bool((parameter == 1).all())


def test_a_backward_pass_that_needs_the_old_values_says_so() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    z = (y * y).sum()
    fill(y.detach(), pi.normal(), key=0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_the_version_of_a_view_is_its_bases() -> None:
    base = torch.zeros(4, 4)
    version = base._version
    fill(base[1], pi.ones(), key=0)
    assert base._version == version + 1
    assert base.sum() == 4


def test_the_meta_device_and_default_dtype_of_the_caller_change_nothing() -> None:
    memory = torch.empty(6, 4).t()
    with torch.device("meta"):
        fill(memory, pi.normal(), key=1)
    np.testing.assert_array_equal(bits(memory), expected(pi.normal(), (4, 6), 1, "float32"))


def test_inference_mode() -> None:
    with torch.inference_mode():
        inside = fill(torch.empty(3), pi.ones(), key=0)
    assert inside.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(pi.LayoutError, match=r"got one of inference mode, outside of it\. Fill it under"):
        fill(inside, pi.zeros(), key=0)
    assert inside.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(4, 4), (0,)])
def test_a_storage_may_be_resized_afterwards(shape: tuple[int, ...], dtype: str) -> None:
    """Sharded training frees and remakes the storage of parameters; numpy() would forbid it."""
    tensor = fill(torch.empty(shape, dtype=getattr(torch, dtype)), pi.ones(), key=0)
    tensor.untyped_storage().resize_(0)
    assert tensor.resize_(5, 5).untyped_storage().nbytes() == 25 * tensor.itemsize


def test_a_subclass_without_memory_of_its_own_kind_is_filled() -> None:
    class Plain(torch.Tensor):  # type: ignore[misc,name-defined]
        pass

    tensor = torch.empty(5).as_subclass(Plain)
    assert fill(tensor, pi.ones(), key=0) is tensor
    assert tensor.sum().item() == 5


# refusals


def sparse() -> Any:
    return torch.eye(3).to_sparse()


def quantized() -> Any:
    with warnings.catch_warnings():
        # newer torch deprecates them
        warnings.simplefilter("ignore")
        return torch._empty_affine_quantized((3,), scale=1.0, zero_point=0, dtype=torch.qint8)


def negated() -> Any:
    return torch.zeros(3, dtype=torch.complex64).conj().imag


def functional() -> Any:
    return torch._to_functional_tensor(torch.ones(3))


def batched() -> Any:
    return torch._C._functorch._add_batch_dim(torch.ones(3, 3), 0, 1)


def nested() -> Any:
    with warnings.catch_warnings():
        # torch calls them a prototype
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])


def fake() -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.empty(3)


LAYOUT_REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "ndarray": (lambda: np.empty(3, np.float32), r"needs a torch\.Tensor; got ndarray\. Use pyinit\.fill"),
    "meta": (
        lambda: torch.empty(3, device="meta"),
        r"needs memory; got a meta tensor\. Use torch\.empty_like",
    ),
    "sparse": (sparse, r"needs strided memory; got a tensor of layout torch\.sparse_coo\. Fill a dense"),
    "quantized": (quantized, r"got a quantized tensor of torch\.qint8\. Fill a float tensor and quantize it"),
    "expanded": (
        lambda: torch.empty(3, 1).expand(3, 4),
        r"got an expanded tensor of shape \(3, 4\) with strides \(1, 0\)\. Fill a clone\(\) of it",
    ),
    "negated": (
        negated,
        r"needs plain memory; got a Tensor: .*negative bit.* Fill the plain tensor",
    ),
    "functional": (
        functional,
        r"needs plain memory; got a Tensor: it has no memory of its own\. Fill",
    ),
    "batched": (batched, r"needs plain memory; got a Tensor: .* Fill the plain tensor inside it"),
    "nested": (nested, r"needs plain memory; got a Tensor: .* Fill the plain tensor inside it"),
    "fake": (fake, r"needs plain memory; got a FakeTensor: .* Fill the plain tensor inside it"),
}


@pytest.mark.parametrize("name", LAYOUT_REFUSALS)
def test_memory_that_cannot_be_written(name: str) -> None:
    make, message = LAYOUT_REFUSALS[name]
    tensor = make()
    with pytest.raises(pi.LayoutError, match=message) as caught:
        fill(tensor, pi.normal(), key=0)
    assert isinstance(caught.value, RuntimeError), "torch raises a RuntimeError"


@pytest.mark.parametrize("device", ["mps", "xpu"])
def test_another_device(device: str) -> None:
    """A tensor that says it is on such a device, on any machine."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        tensor = torch.empty(3, device=device)
    message = (
        rf"or on a CUDA device; got one on {device}:0\. Fill a CPU tensor and copy it over: tensor\.copy_"
    )
    with pytest.raises(pi.LayoutError, match=message):
        fill(tensor, pi.normal(), key=0)


def test_a_fake_tensor_on_a_cuda_device() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        tensor = torch.empty(3, device="cuda")
    with pytest.raises(pi.LayoutError, match="needs plain memory; got a FakeTensor"):
        fill(tensor, pi.normal(), key=0)


def test_rocm_calls_its_devices_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    monkeypatch.setattr(torch.version, "hip", "7.0")
    with FakeTensorMode():
        tensor = torch.empty(3, device="cuda")
    with pytest.raises(pi.LayoutError, match="got one on cuda:0, of ROCm"):
        fill(tensor, pi.normal(), key=0)


@pytest.mark.parametrize(
    "dtype",
    [torch.int64, torch.bool, torch.float8_e5m2fnuz, torch.float8_e4m3fnuz, torch.float8_e8m0fnu],
    ids=str,
)
def test_another_dtype(dtype: Any) -> None:
    tensor = torch.zeros(3, dtype=dtype)
    with pytest.raises(pi.DTypeError, match=rf"got {dtype}\. Fill one of these and convert: tensor\.copy_"):
        fill(tensor, pi.normal(), key=0)
    with pytest.raises(NotImplementedError):
        fill(tensor, pi.normal(), key=0)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"recipe": "gaussian"}, pi.RecipeError),
        ({"recipe": pi.sparse(0.5)}, pi.ShapeError),
        ({"key": -1}, pi.SeedError),
        ({"window": pi.Window((2,), (4,))}, pi.ShapeError),
        ({"threads": 0}, pi.ArgumentError),
    ],
)
def test_nothing_is_written_when_an_argument_is_refused(arguments: dict[str, Any], error: Any) -> None:
    tensor = torch.full((3,), 7.0)
    version = tensor._version
    with pytest.raises(error):
        fill(tensor, **{"recipe": pi.normal(), "key": 0, **arguments})
    assert tensor._version == version
    assert tensor.tolist() == [7.0, 7.0, 7.0]


def test_a_recipe_goes_by_its_name() -> None:
    by_name, by_recipe = (torch.empty(4, 6) for _ in range(2))
    assert torch.equal(fill(by_name, "he_normal", key=1), fill(by_recipe, pi.he_normal(), key=1))
    with pytest.raises(pi.errors.RecipeError, match=r"unknown recipe 'he_norml'. Did you mean he_normal"):
        fill(by_name, "he_norml", key=1)
