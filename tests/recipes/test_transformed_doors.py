"""Functions of a uniform through every door: the same bits in NumPy, torch, JAX and Keras, and in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.spec import TensorSpec
from pyinit.stream.safetensors import read_header

from ..arrays import assert_same_bits

RECIPES = {
    "step": pi.log_uniform(0.001, 0.1),
    "dt_bias": pi.inverse_softplus(0.001, 0.1, floor=1e-4),
    "A_log": pi.log_of_uniform(1.0, 16.0),
    "nu_log": pi.log_decay(0.9, 0.999),
    "bias_ih": pi.chrono(784),
}
SHAPE = (32,)


def expected(name: str, dtype: str = "float32") -> np.ndarray:
    return RECIPES[name](SHAPE, key=pi.key(0).fold_in(name), dtype=dtype)


def test_parameters_by_name() -> None:
    made = pi.init_params(dict.fromkeys(RECIPES, SHAPE), RECIPES, key=0)
    for name in RECIPES:
        assert_same_bits(made[name], expected(name))


@pytest.mark.parametrize(
    ("dtype", "extent"), [("float32", 80), ("float32", 1 << 20), ("float8_e4m3fn", 24), ("float8_e5m2", 24)]
)
def test_files_however_they_are_cut(dtype: str, extent: int, tmp_path: Path) -> None:
    tensors = pi.Spec("spec", tuple(TensorSpec(name, SHAPE, dtype) for name in RECIPES))
    plan = pi.plan_checkpoint(tensors, RECIPES, key=0, path=tmp_path / "made", extent_bytes=extent)
    read = pi.CheckpointPlan.from_json(plan.to_json())
    assert read.fingerprint == plan.fingerprint
    write_plan(read)
    data = (tmp_path / "made" / "model.safetensors").read_bytes()
    receipt = json.loads((tmp_path / "made" / "init.json").read_text())
    for name, info in read_header(tmp_path / "made" / "model.safetensors").tensors.items():
        assert data[info.start : info.start + info.nbytes] == expected(name, dtype).tobytes()
        assert receipt["tensors"][name]["recipe"] == RECIPES[name].to_dict()
    assert pi.verify(tmp_path / "made").is_same


@pytest.mark.parametrize("name", RECIPES)
def test_complex_numbers_are_refused_before_a_file_is_begun(name: str, tmp_path: Path) -> None:
    tensors, rules = pi.Spec("spec", (TensorSpec(name, SHAPE, "complex64"),)), {name: RECIPES[name]}
    with pytest.raises(pi.RecipeError, match=f"{name}.*draws no complex numbers; got complex64"):
        pi.write_checkpoint(tensors, rules, key=0, path=tmp_path / "made")
    assert not (tmp_path / "made").exists()
    with pytest.raises(pi.RecipeError, match="draws no complex numbers; got complex64"):
        pi.init_params({name: SHAPE}, rules, key=0, dtype="complex64")


@pytest.mark.interop
def test_torch_small_and_large_and_in_modules() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    for name, recipe in RECIPES.items():
        for dtype in (torch.float32, torch.bfloat16):
            tensor = torch.empty(SHAPE, dtype=dtype)
            pyinit.torch.fill(tensor, recipe, key=pi.key(0).fold_in(name))
            stored = (
                tensor.view(torch.int16).numpy().view("uint16") if tensor.itemsize == 2 else tensor.numpy()
            )
            assert_same_bits(stored, expected(name, "uint16" if tensor.itemsize == 2 else "float32"))
    with torch.device("meta"):
        module = torch.nn.ParameterDict({name: torch.empty(SHAPE) for name in RECIPES})
    made = pyinit.torch.materialize(module, RECIPES, key=0)
    for name in RECIPES:
        assert_same_bits(made[name].detach().numpy(), expected(name))


@pytest.mark.interop
def test_jax_eager_and_in_a_tree() -> None:
    jax = pytest.importorskip("jax")
    from pyinit.jax import init_tree, initializer

    tree = {name: jax.ShapeDtypeStruct(SHAPE, "float32") for name in RECIPES}
    leaves = init_tree(tree, recipe=RECIPES, key=0)
    for name, recipe in RECIPES.items():
        assert_same_bits(np.asarray(leaves[name]), expected(name))
        made = initializer(recipe)(pi.key(0).fold_in(name), SHAPE)
        assert_same_bits(np.asarray(made), expected(name))


@pytest.mark.interop
def test_keras_takes_the_recipe_itself() -> None:
    pytest.importorskip("keras")
    from pyinit.keras import FromRecipe

    for name, recipe in RECIPES.items():
        made = FromRecipe(recipe, key=pi.key(0).fold_in(name))(SHAPE, "float32")
        assert_same_bits(np.asarray(made), expected(name))
