"""pyinit.jax.initializers beside jax.nn.initializers: signatures, numbers, moments, dtypes, errors."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.nn import initializers as theirs  # noqa: E402
from jax.sharding import AxisType, NamedSharding, PartitionSpec  # noqa: E402

import pyinit as pi  # noqa: E402
from pyinit.jax import initializer  # noqa: E402
from pyinit.jax import initializers as ours  # noqa: E402

NAMES = sorted(name for name in vars(theirs) if not name.startswith("_") and name != "Initializer")
SHAPES = ((2,), (2, 2), (2, 3), (3, 2), (2, 3, 4), (4, 3, 2), (2, 3, 4, 5))
FLOATS = ("float32", "bfloat16", "float16")
# JAX compiles the draws of this generator eight times as fast as those of its default one
KEY = jax.random.key(0, impl="rbg")

# (name, arguments, fewest dimensions, most)
FACTORIES: tuple[tuple[str, tuple[Any, ...], int, int], ...] = (
    ("uniform", (), 1, 4),
    ("normal", (), 1, 4),
    ("truncated_normal", (), 1, 4),
    ("he_normal", (), 2, 4),
    ("he_uniform", (), 2, 4),
    ("glorot_normal", (), 2, 4),
    ("glorot_uniform", (), 2, 4),
    ("lecun_normal", (), 2, 4),
    ("lecun_uniform", (), 2, 4),
    ("orthogonal", (), 2, 2),
    ("delta_orthogonal", (), 4, 4),
    ("variance_scaling", (1, "fan_geo_avg", "normal"), 2, 4),
)
CASES = [
    (name, arguments, shape)
    for name, arguments, fewest, most in FACTORIES
    for shape in SHAPES
    if fewest <= len(shape) <= most
]


@pytest.mark.parametrize("name", NAMES)
def test_signature_is_that_of_jax(name: str) -> None:
    def face(function: Any) -> list[tuple[str, Any, Any]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert face(getattr(ours, name)) == face(getattr(theirs, name))


def test_every_public_name_is_there() -> None:
    assert set(ours.__all__) == {*NAMES, "Initializer"}


@pytest.mark.parametrize(("name", "arguments"), [(name, arguments) for name, arguments, _, _ in FACTORIES])
def test_what_a_factory_returns_is_an_initializer(name: str, arguments: tuple[Any, ...]) -> None:
    made, peer = getattr(ours, name)(*arguments), getattr(theirs, name)(*arguments)
    assert isinstance(made, theirs.Initializer)
    assert [*inspect.signature(made).parameters] == [*inspect.signature(peer).parameters]


def test_aliases_are_the_same_function() -> None:
    assert ours.xavier_normal is ours.glorot_normal
    assert ours.xavier_uniform is ours.glorot_uniform
    assert ours.kaiming_normal is ours.he_normal
    assert ours.kaiming_uniform is ours.he_uniform


def test_equal_initializers_count_as_equal() -> None:
    assert ours.he_normal() == ours.he_normal()
    assert hash(ours.he_normal()) == hash(ours.he_normal())
    assert ours.he_normal() != ours.he_normal(dtype="bfloat16")
    named, given = (ours.he_normal(dtype=dtype) for dtype in ("bfloat16", jnp.dtype("bfloat16")))
    assert named == given
    assert hash(named) == hash(given)
    assert repr(ours.normal(0.5)) == "Initializer(normal(std=0.5))"
    assert repr(ours.normal(0.5, "bfloat16")) == "Initializer(normal(std=0.5), dtype='bfloat16')"


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
def test_shape_and_dtype_of_a_call(name: str, arguments: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    for dtype in FLOATS:
        made = getattr(ours, name)(*arguments)(jax.random.PRNGKey(0), shape, dtype)
        assert (made.shape, made.dtype) == (shape, jnp.dtype(dtype))


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
def test_dtype_of_the_factory(name: str, arguments: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    made = getattr(ours, name)(*arguments, dtype=jnp.bfloat16)(KEY, shape)
    assert (made.shape, made.dtype) == (shape, jnp.bfloat16)


def test_default_dtype_is_that_of_jax() -> None:
    assert ours.normal()(KEY, (2,)).dtype == jnp.float32
    with jax.enable_x64(True):
        assert ours.normal()(KEY, (2,)).dtype == jnp.float64
        assert ours.zeros(KEY, (2,)).dtype == jnp.float64


def test_float64_where_it_is_switched_on() -> None:
    with jax.enable_x64(True):
        drawn = ours.normal(1.0)(jax.random.key(3), (4, 3), jnp.float64)
    assert np.array_equal(drawn, pi.normal()((4, 3), key=3, dtype="float64"))


def test_float64_where_it_is_switched_off_is_float32_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="float64 .*will be truncated to dtype float32"):
        assert ours.normal()(KEY, (2,), np.float64).dtype == jnp.float32
    with pytest.warns(UserWarning, match="complex128 .*will be truncated to dtype complex64"):
        assert ours.zeros(KEY, (2,), "complex128").dtype == jnp.complex64


def test_a_scalar_of_jax_does_not_widen() -> None:
    scale = jnp.array(1.0, jnp.float32)
    for factory in (ours.uniform, ours.normal, ours.truncated_normal):
        assert factory(scale, jnp.bfloat16)(KEY, (4, 4)).dtype == jnp.bfloat16


@pytest.mark.parametrize("axes", [((0, 1), (-2, -1), ()), (0, (2, 3), 1), ([0], [1], [2, 3])])
def test_several_axes(axes: tuple[Any, Any, Any]) -> None:
    init = ours.variance_scaling(1.0, "fan_avg", "truncated_normal", *axes)
    assert init(KEY, (2, 3, 4, 5)).shape == (2, 3, 4, 5)


@pytest.mark.parametrize("name", ["orthogonal", "delta_orthogonal", "he_normal", "zeros"])
def test_no_elements(name: str) -> None:
    shape = (3, 0, 4)
    init = ours.zeros if name == "zeros" else getattr(ours, name)()
    assert init(KEY, shape).shape == shape


@pytest.mark.parametrize("dtype", FLOATS)
def test_values_are_those_of_the_recipe(dtype: str) -> None:
    drawn = ours.he_normal()(jax.random.key(7), (64, 32), dtype)
    assert np.array_equal(drawn, pi.he_normal(truncated=True)((64, 32), key=7, dtype=dtype))


def test_any_recipe_is_an_initializer() -> None:
    recipe = pi.sparse(0.5)
    assert np.array_equal(initializer(recipe)(jax.random.key(1), (8, 4)), recipe((8, 4), key=1))


def test_the_memory_is_taken_over_not_copied() -> None:
    drawn = ours.normal()(KEY, (1000,))
    assert drawn.unsafe_buffer_pointer() % 64 == 0
    assert not drawn.committed


def test_donating_an_array_leaves_others_alone() -> None:
    add = jax.jit(lambda x: x + 1, donate_argnums=0)
    first, second = (ours.ones(KEY, (1 << 16,)) for _ in range(2))
    assert (add(first) == 2).all()
    assert (second == 1).all()


FAMOUS = ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform")
AXES = ({}, {"in_axis": 0, "out_axis": (2, 3), "batch_axis": 1}, {"out_axis": 0}, {"in_axis": (0, 1)})


def scale_of_jax(init: Callable[..., Any], kind: str, shape: tuple[int, ...]) -> float:
    """Return the number that jax multiplies its standard draws by."""
    standard = {
        "normal": lambda: jax.random.normal(KEY, shape),
        "truncated_normal": lambda: jax.random.truncated_normal(KEY, -2, 2, shape),
        "uniform": lambda: jax.random.uniform(KEY, shape, jnp.float32, -1),
    }[kind]()
    drawn = np.asarray(init(KEY, shape))
    return float(np.abs(drawn).sum() / np.abs(np.asarray(standard)).sum())


def scale_of_plan(plan: pi.Plan) -> float:
    """Return the number that a plan multiplies its standard draws by: a bound of a uniform, else a std."""
    first, second = plan.numbers[:2]
    if plan.distribution == "uniform":
        assert first == -second
    else:
        assert first == 0
    return float(second)


KINDS = ("normal", "truncated_normal", "uniform")


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
def test_numbers_are_those_of_jax(mode: str, axes: dict[str, Any]) -> None:
    shape = (4, 3, 6, 5)
    plans = {kind: ours.variance_scaling(1.5, mode, kind, **axes).plan(shape) for kind in KINDS}
    for kind, plan in plans.items():
        assert plan.distribution == kind
        peer = scale_of_jax(theirs.variance_scaling(1.5, mode, kind, **axes), kind, shape)
        assert scale_of_plan(plan) == pytest.approx(peer, rel=2e-6)
    # the numbers of the kinds differ, so that none of them is compared in another's place
    std = plans["normal"].std
    found = [scale_of_plan(plans[kind]) for kind in KINDS]
    assert found == pytest.approx([std, std / 0.87962566103423978, std * math.sqrt(3)], rel=2e-6)


@pytest.mark.parametrize("name", FAMOUS)
def test_famous_numbers_are_those_of_jax(name: str) -> None:
    kind = "uniform" if name.endswith("uniform") else "truncated_normal"
    peer = scale_of_jax(getattr(theirs, name)(), kind, (12, 20))
    plan = getattr(ours, name)().plan((12, 20))
    assert plan.distribution == kind
    assert scale_of_plan(plan) == pytest.approx(peer, rel=2e-6)


def deviations(drawn: Any, std: float) -> tuple[float, float]:
    """Return how far mean and std are from 0 and `std`, in standard errors of a normal's."""
    values = np.asarray(drawn, np.float64)
    mean = values.mean() * math.sqrt(values.size) / std
    return abs(mean), abs(values.std() / std - 1) * math.sqrt(2 * values.size)


# 2^20 draws: 6 standard errors are 0.42 % of the std, and a mean of 0.6 % of it
@pytest.mark.parametrize("name", FAMOUS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_moments(name: str, dtype: str) -> None:
    init = getattr(ours, name)()
    std = init.plan((1024, 1024)).std
    assert std == pytest.approx(math.sqrt((2.0 if name.startswith("he") else 1.0) / 1024))
    assert max(deviations(init(jax.random.key(1), (1024, 1024), dtype), std)) < 6


def test_moments_of_given_numbers() -> None:
    shape = (1024, 1024)
    assert max(deviations(ours.normal(0.5)(KEY, shape), 0.5)) < 6
    assert max(deviations(np.asarray(ours.uniform(2.0)(KEY, shape)) - 1, 1 / math.sqrt(3))) < 6
    assert max(deviations(ours.truncated_normal(0.5)(KEY, shape), 0.5 * 0.87962566103423978)) < 6


def test_moments_see_a_std_off_by_one_percent_and_a_missing_correction() -> None:
    shape = (1024, 1024)
    assert max(deviations(ours.normal(0.505)(KEY, shape), 0.5)) > 6
    assert max(deviations(np.asarray(ours.normal(0.5)(KEY, shape)) + 0.005, 0.5)) > 6
    assert max(deviations(ours.truncated_normal(1 / 32)(KEY, shape), 1 / 32)) > 6


def test_bounds_hold() -> None:
    drawn = np.asarray(ours.truncated_normal(1.0, lower=-0.5, upper=1.5)(KEY, (1 << 16,), jnp.bfloat16))
    assert drawn.min() >= -0.5
    assert drawn.max() <= 1.5
    drawn = np.asarray(ours.uniform(1.0)(KEY, (1 << 16,), jnp.bfloat16))
    assert drawn.min() >= 0
    assert drawn.max() < 1


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 4, 3)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_orthogonal_along_the_column_axis(shape: tuple[int, ...], axis: int) -> None:
    drawn = ours.orthogonal(2.0, column_axis=axis)(KEY, shape)
    matrix = np.moveaxis(np.asarray(drawn), axis, -1).reshape(-1, shape[axis])
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    assert np.allclose(gram, 4 * np.eye(len(gram)), atol=2e-6)


@pytest.mark.parametrize("shape", [(4, 2, 3), (3, 4, 3, 3), (1, 2, 3, 2, 5)])
def test_delta_orthogonal_is_at_the_centre_of_jax(shape: tuple[int, ...]) -> None:
    drawn, peer = (np.asarray(module.delta_orthogonal()(KEY, shape)) for module in (ours, theirs))
    assert ((drawn != 0) == (peer != 0)).all()
    centre = drawn[tuple((n - 1) // 2 for n in shape[:-2])]
    assert np.allclose(centre @ centre.T, np.eye(shape[-2]), atol=1e-6)


@pytest.mark.parametrize(
    "init",
    [ours.uniform(), ours.normal(), ours.truncated_normal(), ours.he_normal(), ours.constant(3.0), ours.ones],
    ids=["uniform", "normal", "truncated_normal", "he_normal", "constant", "ones"],
)
def test_traced_and_eager_agree(init: Any) -> None:
    shape = (9, 5)
    eager = init(KEY, shape)
    for traced in (jax.jit(lambda k: init(k, shape))(KEY), jax.jit(lambda: init(KEY, shape))()):
        assert np.abs(np.asarray(traced) - np.asarray(eager)).max() <= 2e-6


def test_many_keys_at_once() -> None:
    keys, init = jax.random.split(KEY, 3), ours.uniform()
    many = jax.vmap(lambda key: init(key, (9, 5)))(keys)
    assert np.array_equal(many[1], init(keys[1], (9, 5)))


def test_shapes_alone_draw_nothing() -> None:
    # a petabyte
    wanted = jax.eval_shape(lambda: ours.he_normal()(KEY, (1 << 24, 1 << 24), jnp.bfloat16))
    assert wanted.shape == (1 << 24, 1 << 24)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_out_sharding(kind: Any) -> None:
    mesh = jax.make_mesh((1,), ("x",), axis_types=(kind,))
    sharding = NamedSharding(mesh, PartitionSpec("x"))
    init = ours.he_normal()
    expected = np.asarray(init(KEY, (4, 2)))
    with jax.set_mesh(mesh):
        for place in (sharding, sharding.spec):
            eager = init(KEY, (4, 2), out_sharding=place)
            traced = jax.jit(lambda place=place: init(KEY, (4, 2), out_sharding=place))()
            for made in (eager, traced):
                assert made.sharding.is_equivalent_to(sharding, 2)
                assert np.allclose(made, expected, atol=2e-6)
    assert ours.ones(None, (4,), out_sharding=sharding).sharding == sharding
    assert ours.ones(None, (4,), "int32", sharding).sharding == sharding
