"""variance_scaling and the famous names: the std that is promised, in every mode and layout."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi


@pytest.mark.parametrize(
    ("mode", "fan"), [("fan_in", 300), ("fan_out", 100), ("fan_avg", 200), ("fan_geo_avg", math.sqrt(30000))]
)
@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
def test_variance(mode: str, fan: float, distribution: str) -> None:
    recipe = pi.variance_scaling(2.5, mode, distribution)
    plan = recipe.plan((300, 100))
    assert plan.distribution == distribution
    assert math.isclose(plan.std, math.sqrt(2.5 / fan), rel_tol=1e-14)
    assert (plan.fan_in, plan.fan_out) == (300, 100)
    assert plan.gain == math.sqrt(2.5)
    # n = 30000 shows an error of 5 / sqrt(2 n) = 2 % in the std
    n = 30_000
    values = recipe((300, 100), key=3)
    assert abs(values.std() / plan.std - 1) < 5 / math.sqrt(2 * n)
    assert abs(values.mean()) < 5 * plan.std / math.sqrt(n)


def test_the_std_check_notices_three_percent() -> None:
    wrong = pi.variance_scaling(2.5 * 1.03**2)((300, 100), key=3)
    assert abs(wrong.std() / math.sqrt(2.5 / 300) - 1) > 5 / math.sqrt(2 * 30_000)


def test_fans_come_from_the_whole_tensor() -> None:
    recipe = pi.he_normal()
    whole = recipe((64, 8), key=0)
    shard = recipe((16, 8), key=0, window=pi.Window((32, 0), (64, 8)))
    np.testing.assert_array_equal(shard, whole[32:48])


FAMOUS = {
    pi.glorot_normal: (1.0, "fan_avg", "normal"),
    pi.glorot_uniform: (1.0, "fan_avg", "uniform"),
    pi.he_normal: (2.0, "fan_in", "normal"),
    pi.he_uniform: (2.0, "fan_in", "uniform"),
    pi.lecun_normal: (1.0, "fan_in", "normal"),
    pi.lecun_uniform: (1.0, "fan_in", "uniform"),
}


@pytest.mark.parametrize("make", FAMOUS, ids=lambda make: make.__name__)
def test_famous_names_are_variance_scaling(make) -> None:
    assert make() == pi.variance_scaling(*FAMOUS[make])
    assert make(layout="torch", groups=2) == pi.variance_scaling(*FAMOUS[make], layout="torch", groups=2)
    if make.__name__.endswith("_normal"):
        scale, mode, _ = FAMOUS[make]
        assert make(truncated=True) == pi.variance_scaling(scale, mode, "truncated_normal")


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_aliases_are_the_same_recipes_under_their_own_names(kind: str) -> None:
    for name, alias in (("glorot", "xavier"), ("he", "kaiming")):
        first, second = (getattr(pi, f"{one}_{kind}")(layout="torch") for one in (name, alias))
        assert first == second
        assert hash(first) == hash(second)
        assert (repr(first), repr(second)) == (
            f"{name}_{kind}(layout='torch')",
            f"{alias}_{kind}(layout='torch')",
        )


def test_slope_and_gain() -> None:
    assert pi.he_normal(a=0.5).scale == 2 / 1.25
    assert pi.he_normal(mode="fan_out").plan((3, 8)).std == 0.5
    assert math.isclose(pi.glorot_normal(gain=pi.gain("tanh")).plan((4, 4)).std, 5 / 6)
    # torch's default Linear and Conv: U(+-1 / sqrt(fan_in))
    assert math.isclose(
        pi.he_uniform(a=math.sqrt(5), layout="torch").plan((7, 64)).numbers[1], 1 / 8, rel_tol=1e-7
    )


@pytest.mark.interop
@pytest.mark.parametrize("shape", [(40, 30), (32, 16, 3, 3)])
def test_std_of_torch(shape: tuple[int, ...]) -> None:
    init = pytest.importorskip("torch.nn.init")
    fan_in, fan_out = init._calculate_fan_in_and_fan_out(init.torch.empty(shape))
    assert math.isclose(pi.kaiming_normal(layout="torch").plan(shape).std, math.sqrt(2 / fan_in))
    assert math.isclose(pi.xavier_normal(layout="torch").plan(shape).std, math.sqrt(2 / (fan_in + fan_out)))


def test_zero_scale_is_zero() -> None:
    for distribution in ("normal", "truncated_normal", "uniform"):
        assert not pi.variance_scaling(0.0, distribution=distribution)((3, 4), key=0).any()


def test_empty_tensors_have_no_fan_and_need_none() -> None:
    assert pi.he_normal()((0, 5), key=0).shape == (0, 5)
    assert pi.glorot_uniform()((5, 0), key=0).shape == (5, 0)


def test_axes_may_be_lists() -> None:
    recipe = pi.variance_scaling(in_axis=[0, 1], out_axis=2)
    assert recipe.in_axis == (0, 1)
    assert hash(recipe) == hash(pi.variance_scaling(in_axis=(0, 1), out_axis=2))
    numpy = pi.variance_scaling(in_axis=np.int64(0), out_axis=(np.int8(1),))
    assert numpy.to_dict() == {"recipe": "variance_scaling", "in_axis": 0, "out_axis": [1]}


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (
            pi.RecipeError,
            lambda: pi.variance_scaling(-1),
            r"variance_scaling's scale must be at least 0; got -1.0",
        ),
        (pi.RecipeError, lambda: pi.variance_scaling(math.nan), r"scale must be a finite number; got nan"),
        (
            pi.RecipeError,
            lambda: pi.variance_scaling(mode="fan"),
            r"mode is one of fan_in, .*; got 'fan'. Name one.",
        ),
        (
            pi.RecipeError,
            lambda: pi.variance_scaling(mode=["fan_in"]),
            r"mode is one of .*; got \['fan_in'\]",
        ),
        (
            pi.RecipeError,
            lambda: pi.variance_scaling(distribution="beta"),
            r"distribution is one of normal, .*'beta'",
        ),
        (pi.RecipeError, lambda: pi.he_normal(mode="x"), r"he_normal's mode is one of"),
        (pi.RecipeError, lambda: pi.he_normal(a="relu"), r"he_normal's slope a must be a number; got 'relu'"),
        (
            pi.RecipeError,
            lambda: pi.glorot_normal(gain=math.inf),
            r"glorot_normal's gain must be a finite number; got inf",
        ),
        (
            pi.RecipeError,
            lambda: pi.glorot_uniform(gain=1e200),
            r"glorot_uniform's gain must have a finite square; got 1e",
        ),
        (
            pi.RecipeError,
            lambda: pi.he_normal(a=-1e200),
            r"he_normal's slope a must have a finite square; got -1e",
        ),
        (
            pi.ShapeError,
            lambda: pi.he_normal()((64,), key=0),
            r"^he_normal needs at least 2 dimensions to count fan_in; got shape \(64,\). "
            r"Use normal\(std=...\) for vectors.$",
        ),
        (
            pi.ShapeError,
            lambda: pi.kaiming_uniform()((), key=0),
            r"^kaiming_uniform needs at least 2 dimensions",
        ),
        (pi.LayoutError, lambda: pi.he_normal(layout="tf"), r"layout must be one of torch, keras, jax"),
    ],
)
def test_refusals(error: type[Exception], make, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
