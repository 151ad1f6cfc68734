"""What pyinit.jax.initializers refuse, and in which words: JAX's own where it has some."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")

from jax.nn import initializers as theirs  # noqa: E402
from jax.sharding import PartitionSpec  # noqa: E402

from pyinit import he_normal  # noqa: E402
from pyinit.errors import LayoutError, PyinitError, ShapeError  # noqa: E402
from pyinit.jax import initializer  # noqa: E402
from pyinit.jax import initializers as ours  # noqa: E402

KEY = jax.random.key(0)
FAMOUS = ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform")


def error(action: Callable[[], object], kind: type[Exception]) -> str:
    """Return the text of the error that an action raises."""
    with pytest.raises(kind) as caught:
        action()
    assert isinstance(caught.value, PyinitError)
    return str(caught.value)


@pytest.mark.parametrize("name", FAMOUS)
def test_vectors_have_no_fans(name: str) -> None:
    said = error(lambda: getattr(ours, name)()(KEY, (5,)), ValueError)
    with pytest.raises(ValueError, match="1-dimensional") as peer:
        getattr(theirs, name)()(KEY, (5,))
    assert said == str(peer.value)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("orthogonal", (3,)), ("delta_orthogonal", (3, 3)), ("delta_orthogonal", (3, 4, 2))],
)
def test_errors_begin_with_the_words_of_jax(name: str, shape: tuple[int, ...]) -> None:
    said = error(lambda: getattr(ours, name)()(KEY, shape), ValueError)
    with pytest.raises(ValueError, match=r"requires|must") as peer:
        getattr(theirs, name)()(KEY, shape)
    assert said.startswith(str(peer.value).strip().rstrip("."))
    assert f"got {'' if 'requires' in said else 'shape '}{shape}" in said


@pytest.mark.parametrize("option", ["mode", "distribution"])
def test_unknown_options(option: str) -> None:
    arguments = {"scale": 1.0, "mode": "fan_in", "distribution": "normal", option: "wrong"}
    said = error(lambda: ours.variance_scaling(**arguments), ValueError)
    with pytest.raises(ValueError, match="wrong") as peer:
        theirs.variance_scaling(**arguments)(KEY, (2, 2))
    assert said.startswith(f"{peer.value}. Use one of ")


@pytest.mark.parametrize(
    ("name", "dtype"), [*itertools.product(["normal", "uniform"], ["int32", "float8_e4m3fnuz"])]
)
def test_dtypes_that_are_not_drawn(name: str, dtype: str) -> None:
    said = error(lambda: getattr(ours, name)()(KEY, (2,), dtype), ValueError)
    assert said == (
        "pyinit draws float32, float64, bfloat16, float16, float8_e4m3fn, float8_e5m2, complex64 or "
        f"complex128; got {dtype}. Draw one of these and convert."
    )
    error(lambda: getattr(ours, name)()(KEY, (2,), dtype), TypeError)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda: ours.normal(-1.0),
            "normal's std must be at least 0; got -1.0. Correct the recipe.",
        ),
        (
            lambda: ours.delta_orthogonal(column_axis=3),
            "column_axis names an axis of the (in, out) matrix at the centre; got 3. Use -1.",
        ),
        (
            lambda: initializer(3),  # type: ignore[arg-type]
            "a recipe is needed; got 3. Give pyinit.he_normal(), another recipe, or its name.",
        ),
        (
            lambda: ours.normal()(KEY, (2,), out_sharding=PartitionSpec("x")),
            f"out_sharding {PartitionSpec('x')} needs a mesh, and none is set. Call it under "
            "jax.set_mesh(mesh), or use jax.sharding.NamedSharding(mesh, spec).",
        ),
        (
            lambda: jax.jit(lambda std: ours.normal(std)(KEY, (2,)))(1.0),
            "normal's stddev must be known while tracing; got a tracer. Give a number, and multiply what is "
            "drawn.",
        ),
        (
            lambda: jax.jit(lambda: ours.constant(1e39)(None, (2,)))(),
            "float32 holds values up to 3.40282e+38; constant(value=1e+39) reaches inf. Use a wider dtype or "
            "a smaller std.",
        ),
        (
            lambda: ours.normal()(KEY, (-2,)),
            "a shape holds no negative sizes; got (-2,). Name every size.",
        ),
    ],
)
def test_messages(action: Callable[[], object], message: str) -> None:
    assert error(action, ValueError) == message


def test_what_is_no_sharding_is_a_type_error() -> None:
    said = error(lambda: ours.normal()(KEY, (2,), out_sharding="x"), TypeError)
    assert said == (
        "out_sharding is a jax.sharding.Sharding or a PartitionSpec; got str 'x'. "
        "Use jax.sharding.NamedSharding(mesh, spec)."
    )


@pytest.mark.parametrize("name", ["normal", "ones"])
def test_a_traced_shape_is_a_type_error_and_says_that_shapes_are_static(name: str) -> None:
    init = ours.ones if name == "ones" else ours.normal()
    for action in (
        lambda: jax.jit(lambda n: init(KEY, (n,)))(3),
        lambda: jax.jit(lambda n: init(KEY, n))(3),
    ):
        with pytest.raises(TypeError, match=r"^a shape must be static: .* Use Python ints"):
            action()
        with pytest.raises(ShapeError):
            action()


def test_a_recipe_without_axes_is_refused_where_nobody_knows_them() -> None:
    with pytest.raises(LayoutError, match=r"3 axes of shape \(4, 16, 64\) .* batch_axis= .* in_axis="):
        initializer(he_normal())(KEY, (4, 16, 64))
    # JAX's own names have JAX's own axes
    assert ours.he_normal().plan((4, 16, 64)).fan_in == 64
    assert initializer(he_normal(layout="jax")).plan((3, 3, 16, 64)).fan_in == 144
