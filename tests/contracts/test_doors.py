"""One meaning at every door: the same shape and recipe give the same fans, or a refusal that says why.

A door makes the weights of a case, drawn under `KEY`. `DOORS` says for each which layout a recipe means that
is silent about axes; an adapter adds its own doors there, and its layout to the `fans` of cases. What a door
counted is read from its bytes: a normal draw is the standard one times a std, and the std of `he_normal` is
sqrt(2 / fan_in).
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.blueprint import draw_up
from pyinit.cli import main
from pyinit.stream.safetensors import build_header, read_header

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


REFUSED = pi.LayoutError
EVERYWHERE = ("numpy", "file")


def same(fan: float | type[Exception]) -> dict[str, float | type[Exception]]:
    """Return the same answer for every layout."""
    return dict.fromkeys(EVERYWHERE, fan)


CASES = {
    "matrix": Case((10, 1000), pi.he_normal(), {"numpy": 10, "file": 1000}),
    "matrix, alias": Case((10, 1000), pi.kaiming_normal(), {"numpy": 10, "file": 1000}),
    "matrix in torch's layout": Case((10, 1000), pi.he_normal(layout="torch"), same(1000)),
    "matrix in Keras' layout": Case((10, 1000), pi.he_normal(layout="keras"), same(10)),
    "matrix by its axes": Case((10, 1000), pi.he_normal(in_axis=0, out_axis=1), same(10)),
    "convolution that nobody explains": Case((64, 3, 7, 7), pi.he_normal(), same(REFUSED)),
    "convolution in torch's layout": Case((64, 3, 7, 7), pi.he_normal(layout="torch"), same(147)),
    "convolution in JAX's layout": Case((7, 7, 3, 64), pi.he_normal(layout="jax"), same(147)),
    "convolution with torch's own fans": Case((8, 32, 4, 4), pi.he_normal(compat="torch"), same(512)),
    "grouped": Case((32, 4, 3, 3), pi.he_normal(layout="torch", groups=4), same(36)),
    "transposed": Case((8, 32, 4, 4), pi.he_normal(layout="torch", transposed=True), same(128)),
    "transposed, strided": Case(
        (8, 32, 4, 4), pi.he_normal(layout="torch", transposed=True, stride=2), same(32)
    ),
    "experts that nobody explains": Case((8, 32, 64), pi.he_normal(), same(REFUSED)),
    "experts": Case((8, 32, 64), pi.he_normal(batch_axis=0), {"numpy": 32, "file": 64}),
    "experts in torch's layout": Case((8, 32, 64), pi.he_normal(layout="torch", batch_axis=0), same(64)),
    "heads": Case((24, 4, 5), pi.he_normal(in_axis=0, out_axis=(1, 2)), same(24)),
    "stacked convolutions": Case((3, 8, 4, 3, 3), pi.he_normal(layout="torch", batch_axis=0), same(36)),
    "one input axis": Case((8, 32, 64), pi.he_normal(in_axis=1), same(REFUSED)),
    "axes and a layout": Case((10, 1000), pi.he_normal(in_axis=-1, out_axis=-2), same(1000)),
    "no axes": Case((12,), pi.he_normal(), same(pi.ShapeError)),
    "counts nothing": Case((8, 32, 64), pi.normal(std=0.5), same(8)),
}

STRIDED = {"transposed": True, "stride": 2}
OWNED = {
    "convolution": Case((64, 3, 7, 7), pi.he_normal(), {"owner": 147}, {"layout": "torch"}),
    "convolution in JAX's layout": Case((7, 7, 3, 64), pi.he_normal(), {"owner": 147}, {"layout": "jax"}),
    "grouped": Case((32, 4, 3, 3), pi.he_normal(), {"owner": 36}, {"groups": 4}),
    "transposed, strided": Case(
        (8, 32, 4, 4), pi.he_normal(), {"owner": 32}, {"transposed": True, "stride": 2}
    ),
    "transposed, half a tap": Case(
        (1, 32, 3, 3), pi.he_normal(), {"owner": 2.25}, {"transposed": True, "stride": 2}
    ),
    "experts": Case((8, 32, 64), pi.he_normal(), {"owner": 64}, {"batch_axis": 0}),
    "heads": Case((24, 4, 5), pi.he_normal(), {"owner": 24}, {"in_axis": 0, "out_axis": [1, 2]}),
    "Conv1D": Case((10, 1000), pi.he_normal(), {"owner": 10}, {"layout": "jax"}),
    "the recipe knows better": Case(
        (10, 1000), pi.he_normal(layout="torch"), {"owner": 1000}, {"layout": "jax"}
    ),
    "experts of convolutions": Case(
        (3, 8, 4, 3, 3), pi.he_normal(), {"owner": 36}, {"layout": "torch", "batch_axis": 0}
    ),
    "a batch that leaves three axes": Case(
        (2, 8, 4, 3), pi.he_normal(), {"owner": REFUSED}, {"batch_axis": 0}
    ),
}


@dataclass(frozen=True)
class Door:
    """A way to weights: which layout a silent recipe has there, and what makes them."""

    layout: str
    make: Callable[[Case], np.ndarray[Any, Any]]


def _filled(case: Case, recipe: Any) -> np.ndarray[Any, Any]:
    return pi.fill(np.empty(case.shape, np.float32), recipe, key=KEY)


def _in_a_window(case: Case) -> np.ndarray[Any, Any]:
    """The weight in two parts along its first axis."""
    half = case.shape[0] // 2
    parts = []
    for start, rows in ((0, half), (half, case.shape[0] - half)):
        window = pi.Window((start, *(0 for _ in case.shape[1:])), case.shape)
        parts.append(case.recipe((rows, *case.shape[1:]), key=KEY, window=window))
    return np.concatenate(parts)


def _params(case: Case, recipe: Any) -> np.ndarray[Any, Any]:
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


def _written(case: Case, spec: Any, recipes: Any) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.safetensors")
        pi.write_checkpoint(spec, recipes, path=path, key=SEED)
        return _tensor(path)


def _entry(case: Case) -> Any:
    return {"shape": list(case.shape), **case.owner} if case.owner else list(case.shape)


def _json_spec(case: Case, folder: str) -> Path:
    path = Path(folder, "spec.json")
    path.write_text(json.dumps({"tensors": {NAME: _entry(case), "w.bias": [4]}}))
    return path


def _by_json_spec(case: Case) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return _written(case, _json_spec(case, folder), case.recipe)


def _by_safetensors(case: Case) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "old.safetensors")
        header, infos = build_header([(NAME, "float32", case.shape)])
        path.write_bytes(header + bytes(infos[NAME].nbytes))
        return _written(case, path, case.recipe)


def _by_command(case: Case, option: str) -> np.ndarray[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        spec, out = _json_spec(case, folder), Path(folder, "out.safetensors")
        # the errors of the command line are those of Python, told in one line
        draw_up(pi.find_spec(spec), case.recipe, SEED)
        assert main(["init", str(spec), "--out", str(out), "--seed", str(SEED), "--recipe", option]) == 0
        return _tensor(out)


def _rules(case: Case) -> str:
    return json.dumps([{"match": NAME, "recipe": case.recipe.to_dict()}, {"match": "*", "recipe": "zeros"}])


def _mapping(case: Case) -> dict[str, Any]:
    return {NAME: tuple(_entry(case)) if not case.owner else _entry(case), "w.bias": (4,)}


DOORS: dict[str, Door] = {
    "plan": Door("numpy", _planned),
    "call": Door("numpy", lambda case: case.recipe(case.shape, key=KEY)),
    "call of a window": Door("numpy", _in_a_window),
    "fill": Door("numpy", lambda case: _filled(case, case.recipe)),
    "fill by dict": Door("numpy", lambda case: _filled(case, case.recipe.to_dict())),
    "init_params, one recipe": Door("numpy", lambda case: _params(case, case.recipe)),
    "init_params, mapping": Door("numpy", lambda case: _params(case, {"*.bias": "zeros", "*": case.recipe})),
    "init_params, exact names": Door(
        "numpy", lambda case: _params(case, {NAME: case.recipe.to_dict(), "w.bias": "ones"})
    ),
    "init_params, function": Door(
        "numpy", lambda case: _params(case, lambda name, shape: case.recipe if name == NAME else "zeros")
    ),
    "write_checkpoint, shapes": Door("file", lambda case: _written(case, _mapping(case), case.recipe)),
    "write_checkpoint, rules": Door(
        "file", lambda case: _written(case, _mapping(case), [pi.Rule(NAME, case.recipe), ("*", "zeros")])
    ),
    "JSON spec": Door("file", _by_json_spec),
    "safetensors": Door("file", _by_safetensors),
    "command line, recipe": Door("file", lambda case: _by_command(case, case.recipe.to_json())),
    "command line, rules": Door("file", lambda case: _by_command(case, _rules(case))),
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


def fan_of(weights: np.ndarray[Any, Any]) -> float:
    """Return the fan_in that made draws of `he_normal`."""
    standard = pi.normal()(weights.shape, key=KEY)
    std = float(np.median(weights.astype(np.float64) / standard))
    return 2.0 / std**2


def pairs(cases: Iterable[str], doors: Iterable[str]) -> list[tuple[str, str]]:
    return [(case, door) for case in cases for door in doors]


def check(case: Case, door: Door, expected: float | type[Exception]) -> None:
    if isinstance(expected, type):
        with pytest.raises(expected) as caught:
            door.make(case)
        message = str(caught.value)
        assert "\n" not in message
        assert str(case.shape) in message
        if expected is REFUSED:
            # the ways out
            assert all(option in message for option in ("batch_axis=", "in_axis=", "out_axis=", "layout="))
    else:
        assert fan_of(door.make(case)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "door"), pairs(CASES, DOORS))
def test_every_door_counts_the_same_or_refuses(name: str, door: str) -> None:
    check(CASES[name], DOORS[door], CASES[name].fans[DOORS[door].layout])


@pytest.mark.interop
@pytest.mark.parametrize(("name", "adapter"), pairs(CASES, ADAPTERS))
def test_every_adapter_counts_the_same_or_refuses(name: str, adapter: str) -> None:
    framework, door = ADAPTERS[adapter]
    pytest.importorskip(framework)
    check(CASES[name], door, CASES[name].fans[door.layout])


@pytest.mark.parametrize(("name", "door"), pairs(OWNED, OWNERS))
def test_what_an_owner_says_is_heard(name: str, door: str) -> None:
    check(OWNED[name], DOORS[door], OWNED[name].fans["owner"])


def test_a_wrong_fan_would_be_seen() -> None:
    wrong = pi.he_normal(layout="torch")((10, 1000), key=KEY)
    with pytest.raises(AssertionError):
        check(CASES["matrix"], Door("numpy", lambda case: wrong), 10)
    # the measure tells fans apart that differ in one
    assert fan_of(pi.he_normal()((1000, 10), key=KEY)) != pytest.approx(1001, rel=1e-5)


@pytest.mark.parametrize("text", ["he_normal", "kaiming_normal", "xavier_uniform", "orthogonal", "zeros"])
def test_a_name_is_the_recipe_at_every_door(text: str) -> None:
    recipe: pi.Recipe = getattr(pi, text)()
    case = Case((6, 4), recipe, {})
    expected = recipe(case.shape, key=KEY)
    made = [_filled(case, text), _params(case, text), _params(case, {"*.weight": text, "*": "zeros"})]
    for weights in made:
        np.testing.assert_array_equal(weights, expected)
    in_files = [_written(case, _mapping(case), text), _by_command(case, text)]
    for weights in in_files:
        np.testing.assert_array_equal(weights, in_files[0])
    np.testing.assert_array_equal(
        in_files[0], draw_up(_mapping(case), text, SEED).drafts[0].recipe((6, 4), key=KEY)
    )


@pytest.mark.parametrize("door", ["init_params", "write_checkpoint", "command line"])
def test_what_matches_nothing_is_refused_at_every_door(door: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = Case((6, 4), pi.he_normal(), {})
    rules = {"w.wieght": pi.he_normal(), "*": pi.zeros()}
    message = "no parameter matches 'w.wieght'. Did you mean w.weight"
    if door == "command line":
        text = json.dumps([{"match": match, "recipe": one.to_dict()} for match, one in rules.items()])
        with tempfile.TemporaryDirectory() as folder:
            assert main(["init", str(_json_spec(case, folder)), "--dry-run", "--recipe", text]) == 2
        assert message in capsys.readouterr().err
        return
    with pytest.raises(pi.RecipeError, match=message):
        _params(case, rules) if door == "init_params" else _written(case, _mapping(case), rules)


@pytest.mark.parametrize("recipe", [pi.he_normal(), pi.ones(), pi.uniform(-1, 1)], ids=repr)
def test_one_recipe_leaves_norms_biases_and_buffers(recipe: pi.Recipe) -> None:
    shapes: dict[str, tuple[int, ...]] = {
        "l.weight": (6, 4),
        "l.bias": (6,),
        "norm.weight": (6,),
        "bn1.running_var": (6,),
        "bn1.running_mean": (6,),
        "attn.in_proj_bias": (6,),
    }
    expected = {"norm.weight": 1.0, "bn1.running_var": 1.0}
    made = pi.init_params(shapes, recipe, key=0)
    drafts = {draft.name: draft.plan for draft in draw_up(shapes, recipe, 0).drafts}
    for name in list(shapes)[1:]:
        value = expected.get(name, 0.0)
        assert (made[name] == value).all()
        assert drafts[name] == pi.constant(value).plan(shapes[name])
    assert made["l.weight"].any()


@pytest.mark.parametrize("name", ["downsample.1.weight", "features.1.weight", "weight"])
def test_one_recipe_is_refused_for_a_vector_that_may_be_a_norms(name: str) -> None:
    for make in (pi.init_params, draw_up):
        with pytest.raises(pi.RecipeError, match=rf"{name}.*may be a norm's, which is not. Give a mapping"):
            make({"l.weight": (6, 4), name: (6,)}, pi.normal(std=0.02), key=0)
        make({"l.weight": (6, 4), name: (6,)}, {name: "ones", "*": pi.normal(std=0.02)}, key=0)


@pytest.mark.interop
def test_one_recipe_draws_embeddings_and_zeroes_biases_at_every_door() -> None:
    torch = pytest.importorskip("torch")
    linen = pytest.importorskip("flax.linen")
    import jax

    import pyinit.jax
    import pyinit.torch as pit

    recipe = pi.normal(std=7.0)
    shapes = {"embed.weight": (90, 40), "l.weight": (60, 40), "l.bias": (60,)}
    made = pi.init_params(shapes, recipe, key=0)
    plans = {draft.name: draft.plan for draft in draw_up(shapes, recipe, 0).drafts}
    with torch.device("meta"):
        module = torch.nn.ModuleDict({"embed": torch.nn.Embedding(90, 40), "l": torch.nn.Linear(40, 60)})
    state = pit.materialize(module, recipe, key=0).state_dict()
    flax = linen.Sequential([linen.Embed(90, 40), linen.Dense(60)])
    ids = np.zeros((1, 2), np.int32)
    tree = pyinit.jax.init(flax.init, jax.random.key(0), ids, key=0, recipe=recipe)["params"]
    for weights in (*(made[n] for n in list(shapes)[:2]), *(state[n].numpy() for n in list(shapes)[:2])):
        assert np.std(weights) == pytest.approx(7.0, rel=0.1)
    for weights in (tree["layers_0"]["embedding"], tree["layers_1"]["kernel"]):
        assert np.std(weights) == pytest.approx(7.0, rel=0.1)
    assert [plans[name].std for name in shapes] == [7.0, 7.0, 0.0]  # type: ignore[union-attr]
    for bias in (made["l.bias"], state["l.bias"].numpy(), tree["layers_1"]["bias"]):
        assert not np.any(bias)
