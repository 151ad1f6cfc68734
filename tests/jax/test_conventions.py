"""What init_tree's defaults say of a name: the framework's own, or a refusal that names every leaf."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")
flax = pytest.importorskip("flax")
equinox = pytest.importorskip("equinox")
haiku = pytest.importorskip("haiku")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from flax import linen, nnx  # noqa: E402

import pyinit as pi  # noqa: E402
from pyinit.errors import LayoutError, RecipeError  # noqa: E402
from pyinit.jax import init_tree  # noqa: E402
from pyinit.jax.conventions import Leaf, conventional  # noqa: E402

Shape = tuple[int, ...]


def struct(*shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def default(name: str, shape: Shape, **others: Shape) -> Any:
    return conventional(
        Leaf(name, shape, {name: shape, **{n.replace("__", "."): s for n, s in others.items()}})
    )


def std(recipe: Any, shape: Shape) -> float:
    value: float = recipe.plan(shape).std
    return value


# name, shape, the parameters beside it, std of Flax's or Haiku's own
TOLD: list[tuple[str, Shape, dict[str, Shape], float]] = [
    ("d.kernel", (768, 64), {}, 768**-0.5),
    ("d.kernel", (64, 1), {"d__bias": (1,)}, 64**-0.5),
    ("c.kernel", (3, 3, 16, 64), {"c__bias": (64,)}, 144**-0.5),
    ("c.kernel", (3, 3, 64, 16), {"c__bias": (64,)}, 576**-0.5),
    ("o.kernel", (4, 16, 64), {"o__bias": (64,)}, 64**-0.5),
    ("a.query.kernel", (64, 4, 16), {"a__out__kernel": (4, 16, 64)}, 64**-0.5),
    ("e.embedding", (512, 64), {}, 64**-0.5),
    ("x.lora_a", (64, 8), {}, (2 / 64) ** 0.5),
    ("n.scale", (3, 64), {"n__bias": (3, 64)}, 0.0),
    ("b.scale", (1, 1, 1, 64), {}, 0.0),
    ("conv2_d.w", (3, 3, 16, 64), {"conv2_d__b": (64,)}, 144**-0.5 * 0.8796256),
    ("conv2_d_transpose.w", (3, 3, 16, 4), {"conv2_d_transpose__b": (16,)}, 36**-0.5 * 0.8796256),
    ("gru.w_h", (64, 192), {}, 64**-0.5),
]


@pytest.mark.parametrize(("name", "shape", "others", "expected"), TOLD)
def test_siblings_tell(name: str, shape: Shape, others: dict[str, Shape], expected: float) -> None:
    assert std(default(name, shape, **others), shape) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "shape", "others"),
    [
        # 12 layers, or 12 heads; the name alone cannot say it
        ("query.kernel", (12, 768, 768), {}),
        ("a.query.kernel", (12, 768, 768), {"a__query__bias": (12, 768)}),
        # as many layers as features: attention, or layers of matrices
        ("a.query.kernel", (64, 64, 64), {"a__out__kernel": (64, 64, 64)}),
        # DenseGeneral, Einsum, stacked layers and a local convolution have the same shapes
        ("d.kernel", (64, 4, 16), {"d__bias": (4, 16)}),
        ("d.kernel", (4, 64, 128), {"d__bias": (4, 128)}),
        ("d.kernel", (8, 8, 144, 64), {"d__bias": (8, 8, 64)}),
        ("d.kernel", (3, 3, 16, 64), {}),
        ("d.kernel", (3, 3, 16, 64), {"d__bias": (48,)}),
        ("d.kernel", (16, 64), {"d__bias": (16,)}),
        ("cell.hf.kernel", (64, 64), {}),
        ("h.kernel", (64, 64), {}),
        ("dense_h.kernel", (64, 64), {}),
        ("e.embedding", (3, 512, 64), {}),
        ("n.scale", (3, 64), {}),
        ("conv2_d.w", (3, 3, 16, 64), {}),
        ("linear.w", (4, 16, 64), {"linear__b": (4, 64)}),
        ("linear.b", (4, 64), {}),
        ("e.embeddings", (3, 512, 64), {}),
    ],
)
def test_what_siblings_do_not_tell_is_refused(name: str, shape: Shape, others: dict[str, Shape]) -> None:
    with pytest.raises(
        RecipeError, match=r"pyinit\.jax\.init, or give a rule with batch_axis, in_axis and out_axis"
    ):
        default(name, shape, **others)


@pytest.mark.parametrize(
    ("module", "partner"),
    [("hf", "if"), ("hf", "if_"), ("hn", "in"), ("hr", "ir"), ("h", "i"), ("dense_h", "dense_i")],
)
def test_recurrent_kernels_are_orthogonal(module: str, partner: str) -> None:
    shapes = {f"{module}.kernel": (48, 144), f"{partner}.kernel": (32, 144)}
    w = init_tree({name: {"kernel": struct(*shapes[f"{name}.kernel"])} for name in (module, partner)}, key=0)
    kernel = np.asarray(w[module]["kernel"])
    assert np.allclose(kernel @ kernel.T, np.eye(48), atol=1e-5)
    assert not np.allclose(w[partner]["kernel"] @ w[partner]["kernel"].T, np.eye(32), atol=0.5)


def test_a_minimal_gated_unit_forgets_with_ones() -> None:
    for cell, value in ((linen.MGUCell, 1), (linen.OptimizedLSTMCell, 0)):
        net = linen.RNN(cell(8))
        tree = jax.eval_shape(net.init, jax.random.key(0), jnp.ones((1, 2, 4)))["params"]
        made = init_tree(tree, key=0)
        for path, leaf in jax.tree.leaves_with_path(made):
            if "bias" in jax.tree_util.keystr(path):
                forget = "'if'" in jax.tree_util.keystr(path)
                assert (np.asarray(leaf) == (value if forget else 0)).all(), path


def test_models_with_batch_norm_of_haiku_and_prelu_of_flax() -> None:
    net = haiku.transform_with_state(
        lambda x: haiku.BatchNorm(True, True, 0.9)(haiku.Conv2D(8, 3)(x), is_training=True)
    )
    params, _ = jax.eval_shape(net.init, jax.random.key(0), jnp.ones((1, 8, 8, 4)))
    made = init_tree(params, key=0)
    assert (np.asarray(made["batch_norm"]["scale"]) == 1).all()
    assert (np.asarray(made["batch_norm"]["offset"]) == 0).all()
    tree = jax.eval_shape(linen.PReLU().init, jax.random.key(0), jnp.ones((1, 4)))
    assert init_tree(tree, key=0)["params"]["negative_slope"] == np.float32(0.01)


def test_every_leaf_that_is_not_told_is_named_at_once() -> None:
    tree = {
        "up": {"kernel": struct(4, 8, 16)},
        "down": {"weight": struct(2, 3)},
        "fine": {"kernel": struct(4, 4)},
    }
    with pytest.raises(RecipeError) as caught:
        init_tree(tree, key=0)
    assert str(caught.value) == (
        "2 leaves cannot be made. down.weight: no rule or default names this leaf of shape (2, 3). Record "
        "the model with pyinit.jax.init, or give a rule, such as {'down.weight': pyinit.he_normal()}. "
        "up.kernel: the name and shape (4, 8, 16) do not tell layers, inputs and outputs apart: no bias is "
        "beside it. Record the model with pyinit.jax.init, or give a rule with batch_axis, in_axis and "
        "out_axis."
    )


def test_strings_name_recipes_and_patterns_must_match() -> None:
    tree = {"up": {"kernel": struct(8, 4), "bias": struct(4)}}
    expected = pi.he_normal()((8, 4), key=pi.key(3).fold_in("up.kernel"))
    for recipe in ("he_normal", {"*.kernel": "he_normal"}, [("up.kernel", "he_normal")]):
        assert np.array_equal(init_tree(tree, None, recipe, key=3)["up"]["kernel"], expected)
    with pytest.raises(RecipeError, match=r"no parameter matches 'up.kernal'. Did you mean up.kernel"):
        init_tree(tree, None, {"up.kernal": pi.ones()}, key=3)


def test_a_recipe_without_axes_is_fitted_or_refused() -> None:
    attention = {
        "query": {"kernel": struct(64, 4, 16)},
        "out": {"kernel": struct(4, 16, 64), "bias": struct(64)},
    }
    made = init_tree(attention, None, {"query.*": pi.glorot_normal()}, key=0)
    expected = pi.glorot_normal(in_axis=0, out_axis=(1, 2))(
        (64, 4, 16), key=pi.key(0).fold_in("query.kernel")
    )
    assert np.array_equal(made["query"]["kernel"], expected)
    with pytest.raises(LayoutError, match=r"out\.kernel: .* batch_axis= .* in_axis= and out_axis="):
        init_tree(attention, None, {"out.kernel": pi.glorot_normal()}, key=0)
    convolution = equinox.filter_eval_shape(equinox.nn.Conv2d, 16, 64, 3, key=jax.random.key(0))
    weight = np.asarray(init_tree(convolution, None, "he_normal", key=0).weight)
    # 6 standard errors of 9216 draws are 5 %
    assert abs(weight.var() * 144 / 2 - 1) < 0.1


def test_one_recipe_leaves_norms_and_asks_for_other_vectors() -> None:
    class Net(equinox.Module):
        norm: Any
        table: Any

    net = Net(equinox.nn.LayerNorm(64), equinox.nn.Embedding(32, 64, key=jax.random.key(0)))
    tree = equinox.filter_eval_shape(lambda: net)
    made = init_tree(tree, None, "lecun_normal", key=0)
    assert (np.asarray(made.norm.weight) == 1).all()
    expected = pi.lecun_normal(in_axis=1, out_axis=0)((32, 64), key=pi.key(0).fold_in("table.weight"))
    assert np.array_equal(made.table.weight, expected)
    with pytest.raises(RecipeError, match=r"^gamma: no rule or default names this leaf of shape \(64,\)"):
        init_tree({"gamma": struct(64)}, None, pi.normal(), key=0)


def test_the_key_is_said_by_name_in_every_form() -> None:
    tree = {"kernel": struct(4, 4)}
    expected = init_tree(tree, key=7)["kernel"]
    assert np.array_equal(init_tree(tree, key=pi.key(7))["kernel"], expected)
    assert np.array_equal(init_tree(tree, key=jax.random.key(7))["kernel"], expected)
    state = nnx.state(nnx.eval_shape(lambda: nnx.Linear(4, 4, rngs=nnx.Rngs(0))))
    assert np.array_equal(init_tree(state, key=7)["kernel"].get_value(), expected)
    with pytest.raises(TypeError, match="key"):
        init_tree(tree)  # type: ignore[call-arg]
