"""float8 and complex tensors: the values of NumPy's door, in any memory; torch's own meaning."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi

torch = pytest.importorskip("torch")
pit = pytest.importorskip("pyinit.torch")
pytestmark = pytest.mark.interop

DTYPES = ["float8_e4m3fn", "float8_e5m2", "complex64", "complex128"]
RECIPES: dict[str, Any] = {
    "normal": pi.normal(std=0.02),
    "uniform": pi.uniform(-1, 1),
    "he": pi.he_normal(),
    "glorot": pi.glorot_uniform(),
    "orthogonal": pi.orthogonal(),
    "constant": pi.constant(0.3),
    "identity": pi.identity(),
}
CURVES: dict[str, Any] = {
    "log_uniform": pi.log_uniform(0.01, 100.0),
    "inverse_softplus": pi.inverse_softplus(0.001, 3.0),
    "log_of_uniform": pi.log_of_uniform(0.0, 16.0),
    "log_decay": pi.log_decay(0.9, 0.999),
    "chrono": pi.chrono(30),
}


def raw(values: Any) -> np.ndarray:
    """Return the bytes of a tensor or an array, in C order."""
    if isinstance(values, torch.Tensor):
        values = values.detach().contiguous().view(torch.uint8).numpy()
    return np.ascontiguousarray(values).view(np.uint8).ravel()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*RECIPES, *CURVES])
def test_the_values_are_those_of_numpy_s_door(name: str, dtype: str) -> None:
    recipe, kind = (RECIPES | CURVES)[name], getattr(torch, dtype)
    if name in CURVES and kind.is_complex:
        with pytest.raises(pi.RecipeError, match=f"draws no complex numbers; got {dtype}"):
            pit.fill(torch.empty(40, 30, dtype=kind), recipe, key=3)
        return
    laid_out = recipe if not hasattr(recipe, "layout") else type(recipe)(**recipe_options(recipe))
    expected = raw(laid_out((40, 30), key=3, dtype=dtype))
    plain = torch.nn.Parameter(torch.empty(40, 30, dtype=kind), requires_grad=False)
    np.testing.assert_array_equal(raw(pit.fill(plain, recipe, key=3).ravel()), expected)
    strided = torch.zeros(30, 80, dtype=kind)[:, ::2].T
    np.testing.assert_array_equal(raw(pit.fill(strided, recipe, key=3)), expected)
    part = torch.empty(7, 5, dtype=kind)
    pit.fill(part, recipe, key=3, window=pi.Window((11, 3), (40, 30)))
    np.testing.assert_array_equal(raw(part), raw(plain[11:18, 3:8]))


def recipe_options(recipe: Any) -> dict[str, Any]:
    """Return the recipe's parameters, with torch's layout."""
    return {**{name: value for name, value in vars(recipe).items() if name != "spoken"}, "layout": "torch"}


def test_torch_s_initializers_mean_what_torch_means() -> None:
    # E|z|^2 of 2^18 draws is known within 0.3 %; it detects the factor 2 between a square and a disk
    for call, options in (
        ("normal_", {"std": 0.5}),
        ("uniform_", {"a": -1.0, "b": 2.0}),
        ("xavier_uniform_", {}),
        ("kaiming_uniform_", {"a": math.sqrt(5)}),
        ("xavier_normal_", {}),
        ("kaiming_normal_", {}),
    ):
        ours, theirs = (torch.empty(512, 512, dtype=torch.complex64) for _ in range(2))
        getattr(pit.init, call)(ours, **options)
        getattr(torch.nn.init, call)(theirs, **options)
        one, other = (float((each.abs().double() ** 2).mean()) for each in (ours, theirs))
        assert one == pytest.approx(other, rel=0.015), call
        assert float(ours.real.double().mean()) == pytest.approx(float(theirs.real.double().mean()), abs=0.01)
    for call in ("ones_", "zeros_", "eye_"):
        ours, theirs = (torch.empty(3, 3, dtype=torch.complex64) for _ in range(2))
        assert torch.equal(getattr(pit.init, call)(ours), getattr(torch.nn.init, call)(theirs))


def test_torch_s_initializers_beyond_torch() -> None:
    w = pit.init.orthogonal_(torch.empty(30, 20, dtype=torch.complex128))
    assert torch.allclose(w.conj().T @ w, torch.eye(20, dtype=torch.complex128), atol=1e-13)
    w = pit.init.trunc_normal_(torch.empty(5000, dtype=torch.complex64), a=-1.0, b=1.0)
    assert 0.99 < float(w.abs().max()) <= 1.0001
    w = pit.init.kaiming_normal_(torch.empty(300, 300, dtype=torch.float8_e5m2))
    assert float(w.float().std()) == pytest.approx(math.sqrt(2 / 300), rel=0.02)


def test_accelerate_leaves_both_to_torch() -> None:
    torch.manual_seed(0)
    expected = torch.randn(9, dtype=torch.complex64)
    torch.manual_seed(0)
    with pit.accelerate(key=1):
        assert torch.equal(torch.randn(9, dtype=torch.complex64), expected)
        with pytest.raises(NotImplementedError):
            torch.empty(4, dtype=torch.float8_e4m3fn).normal_()


class Mixed(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Parameters of float8 and of complex numbers, drawn and constant."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = torch.nn.Parameter(torch.empty(30, 20, dtype=torch.complex64))
        torch.nn.init.normal_(self.drawn, std=0.1)
        self.both = torch.nn.Parameter(torch.full((3,), 1 + 2j))
        self.ones = torch.nn.Parameter(torch.ones(3, dtype=torch.complex64))
        self.narrow = torch.nn.Parameter(torch.empty(30, 20, dtype=torch.float8_e5m2), requires_grad=False)
        self.halves = torch.nn.Parameter(torch.full((4, 2), 0.5).to(torch.float8_e4m3fn), requires_grad=False)
        self.layer = torch.nn.Linear(20, 10, dtype=torch.complex64)


def test_a_module_is_materialized_written_and_verified_alike(tmp_path: Path) -> None:
    with pit.deferred():
        module = Mixed()
    rules = {"narrow": pi.normal(std=0.1)}
    pit.write_checkpoint(module, tmp_path / "m", key=3, recipe=rules)
    pit.materialize(module, key=3, recipe=rules)
    load = pytest.importorskip("safetensors.torch").load_file
    held = load(tmp_path / "m" / "model.safetensors")
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(raw(held[name].ravel()), raw(tensor.ravel()), err_msg=name)
    assert module.both.tolist() == [1 + 2j] * 3
    expected = pi.normal(std=0.1)((30, 20), key=pi.key(3).fold_in("narrow"), dtype="float8_e5m2")
    np.testing.assert_array_equal(raw(module.narrow.ravel()), raw(expected))
    assert not pi.verify(tmp_path / "m").findings


def test_a_rule_for_a_quantized_layer_is_refused() -> None:
    fp8 = pytest.importorskip("transformers.integrations.finegrained_fp8")
    with torch.device("meta"):
        module = torch.nn.Sequential(fp8.FP8Linear(256, 128, block_size=(128, 128)), torch.nn.Linear(128, 10))
    with pytest.raises(
        pi.RecipeError, match=r"'0\.weight' is float8_e4m3fn with scales, 0\.weight_scale_inv, and"
    ):
        pit.materialize(module, pi.normal(std=0.02), key=0)
    with pytest.raises(pi.RecipeError, match=r"write its file by pyinit\.write_checkpoint"):
        pit.materialize(module, {"0.weight": "zeros", "*": "ones"}, key=0)


def test_what_is_conjugated_in_name_only_is_refused() -> None:
    held = torch.ones(4, 4, dtype=torch.complex64).conj()
    with pytest.raises(pi.LayoutError, match="its conjugate bit is set"):
        pit.fill(held, pi.normal(), key=0)
