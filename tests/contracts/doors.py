"""The doors to weights: each way to make the weight of a case, drawn under `KEY`.

`DOORS` and `ADAPTERS` say which layout a recipe that names no axes has at each door. A new adapter adds its
doors here, and its layout to the `fans` of the cases.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import pyinit as pi
from pyinit.checkpoint.blueprint import draw_up
from pyinit.cli import main
from pyinit.stream.safetensors import build_header, read_header

__all__ = [
    "ADAPTERS",
    "DOORS",
    "KEY",
    "NAME",
    "OWNERS",
    "SEED",
    "Case",
    "Door",
    "by_command",
    "filled",
    "json_spec",
    "mapping",
    "params",
    "written",
]

NAME = "w.weight"
SEED = 7
KEY = pi.key(SEED).fold_in(NAME)


@dataclass(frozen=True)
class Case:
    """A weight and a recipe for it.

    `fans` is the fan_in by what a silent recipe means at the door, or the class of the refusal. `owner` is
    what a spec says of how the weight is used; doors without owners do not hear it.
    """

    shape: tuple[int, ...]
    recipe: pi.Recipe
    fans: dict[str, float | type[Exception]]
    owner: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Door:
    """A way to weights: which layout a silent recipe has there, and what makes them."""

    layout: str
    make: Callable[[Case], np.ndarray[Any, Any]]


def filled(case: Case, recipe: Any) -> np.ndarray[Any, Any]:
    return pi.fill(np.empty(case.shape, np.float32), recipe, key=KEY)


def _in_a_window(case: Case) -> np.ndarray[Any, Any]:
    """The weight in two parts along its first axis."""
    half = case.shape[0] // 2
    parts = []
    for start, rows in ((0, half), (half, case.shape[0] - half)):
        window = pi.Window((start, *(0 for _ in case.shape[1:])), case.shape)
        parts.append(case.recipe((rows, *case.shape[1:]), key=KEY, window=window))
    return np.concatenate(parts)


def params(case: Case, recipe: Any) -> np.ndarray[Any, Any]:
    return pi.init_params({NAME: case.shape, "w.bias": (4,)}, recipe, key=SEED)[NAME]


def _planned(case: Case) -> np.ndarray[Any, Any]:
    """The plan's std as weights: a plan draws nothing."""
    plan = case.recipe.plan(case.shape)
    assert plan.std is not None
    return pi.normal()(case.shape, key=KEY) * np.float32(plan.std)


def _tensor(path: Path) -> np.ndarray[Any, Any]:
    """Read the weight of a file."""
    info = read_header(path).tensors[NAME]
    return np.fromfile(path, np.float32, math.prod(info.shape), offset=info.start).reshape(info.shape)


def written(case: Case, spec: Any, recipes: Any) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.safetensors")
        pi.write_checkpoint(spec, recipes, path=path, key=SEED)
        return _tensor(path)


def _entry(case: Case) -> Any:
    return {"shape": list(case.shape), **case.owner} if case.owner else list(case.shape)


def json_spec(case: Case, folder: str) -> Path:
    path = Path(folder, "spec.json")
    path.write_text(json.dumps({"tensors": {NAME: _entry(case), "w.bias": [4]}}))
    return path


def _by_json_spec(case: Case) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return written(case, json_spec(case, folder), case.recipe)


def _by_safetensors(case: Case) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "old.safetensors")
        header, infos = build_header([(NAME, "float32", case.shape)])
        path.write_bytes(header + bytes(infos[NAME].nbytes))
        return written(case, path, case.recipe)


def by_command(case: Case, option: str) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        spec, out = json_spec(case, folder), Path(folder, "out.safetensors")
        # the errors of the command line are those of Python, told in one line
        draw_up(pi.find_spec(spec), case.recipe, SEED)
        assert main(["init", str(spec), "--out", str(out), "--seed", str(SEED), "--recipe", option]) == 0
        return _tensor(out)


def _rules(case: Case) -> str:
    return json.dumps([{"match": NAME, "recipe": case.recipe.to_dict()}, {"match": "*", "recipe": "zeros"}])


def mapping(case: Case) -> dict[str, Any]:
    return {NAME: tuple(_entry(case)) if not case.owner else _entry(case), "w.bias": (4,)}


DOORS: dict[str, Door] = {
    "plan": Door("numpy", _planned),
    "call": Door("numpy", lambda case: case.recipe(case.shape, key=KEY)),
    "call of a window": Door("numpy", _in_a_window),
    "fill": Door("numpy", lambda case: filled(case, case.recipe)),
    "fill by dict": Door("numpy", lambda case: filled(case, case.recipe.to_dict())),
    "init_params, one recipe": Door("numpy", lambda case: params(case, case.recipe)),
    "init_params, mapping": Door("numpy", lambda case: params(case, {"*.bias": "zeros", "*": case.recipe})),
    "init_params, exact names": Door(
        "numpy", lambda case: params(case, {NAME: case.recipe.to_dict(), "w.bias": "ones"})
    ),
    "init_params, function": Door(
        "numpy", lambda case: params(case, lambda name, shape: case.recipe if name == NAME else "zeros")
    ),
    "write_checkpoint, shapes": Door("file", lambda case: written(case, mapping(case), case.recipe)),
    "write_checkpoint, rules": Door(
        "file", lambda case: written(case, mapping(case), [pi.Rule(NAME, case.recipe), ("*", "zeros")])
    ),
    "JSON spec": Door("file", _by_json_spec),
    "safetensors": Door("file", _by_safetensors),
    "command line, recipe": Door("file", lambda case: by_command(case, case.recipe.to_json())),
    "command line, rules": Door("file", lambda case: by_command(case, _rules(case))),
}


def _by_torch_fill(case: Case) -> np.ndarray[Any, Any]:
    import torch

    import pyinit.torch as pit

    return pit.fill(torch.empty(case.shape), case.recipe, key=KEY).numpy()


def _by_materialize(case: Case) -> np.ndarray[Any, Any]:
    import torch

    import pyinit.torch as pit

    with torch.device("meta"):
        module = torch.nn.Module()
        module.w = torch.nn.Module()
        # a module that nobody knows owns the weight
        module.w.weight = torch.nn.Parameter(torch.zeros(case.shape))
    made: Any = pit.materialize(module, {NAME: case.recipe}, key=SEED).w.weight
    return np.asarray(made.detach().numpy())


def _by_jax_initializer(case: Case) -> np.ndarray[Any, Any]:
    import jax.numpy

    import pyinit.jax

    key = pyinit.jax.to_key(KEY, impl="rbg")
    return np.asarray(pyinit.jax.initializer(case.recipe)(key, case.shape, jax.numpy.float32))


def _by_init_tree(case: Case) -> np.ndarray[Any, Any]:
    import jax

    import pyinit.jax

    tree = {"w": {"weight": jax.ShapeDtypeStruct(case.shape, "float32")}}
    return np.asarray(pyinit.jax.init_tree(tree, recipe={NAME: case.recipe}, key=SEED)["w"]["weight"])


def _by_recorded_init(case: Case) -> np.ndarray[Any, Any]:
    import jax

    import pyinit.jax

    def own(key: Any) -> Any:
        return {"w": {"weight": jax.random.normal(key, case.shape)}}

    rules = {NAME: case.recipe}
    return np.asarray(pyinit.jax.init(own, jax.random.key(0), key=SEED, recipe=rules)["w"]["weight"])


def _by_keras(case: Case) -> np.ndarray[Any, Any]:
    import keras

    import pyinit.keras

    made = pyinit.keras.FromRecipe(case.recipe, key=KEY)(case.shape, "float32")
    return np.asarray(keras.ops.convert_to_numpy(made))


ADAPTERS: dict[str, tuple[str, Door]] = {
    "torch fill": ("torch", Door("file", _by_torch_fill)),
    "torch materialize": ("torch", Door("file", _by_materialize)),
    "JAX initializer": ("jax", Door("numpy", _by_jax_initializer)),
    "JAX init_tree": ("jax", Door("numpy", _by_init_tree)),
    "JAX init": ("jax", Door("numpy", _by_recorded_init)),
    "Keras FromRecipe": ("keras", Door("numpy", _by_keras)),
}
OWNERS = ("write_checkpoint, shapes", "write_checkpoint, rules", "JSON spec", "command line, recipe")
