"""One meaning at every door: a shape and a recipe have the same fans in NumPy and in Keras, or are refused.

Values are compared, not fans: the door that is asked draws what a normal with the std of these fans draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop
keras = pytest.importorskip("keras")
KEY = pi.key(3).fold_in("w")

# (shape, what the recipe says of axes, (fan_in, fan_out) or None where every door refuses)
ROWS: list[tuple[tuple[int, ...], dict[str, Any], tuple[float, float] | None]] = [
    ((100, 10), {}, (100, 10)),
    ((100, 10), {"layout": "torch"}, (10, 100)),
    ((100, 10), {"in_axis": 1, "out_axis": 0}, (10, 100)),
    ((3, 3, 4, 8), {}, None),
    ((8, 32, 64), {}, None),
    ((2, 8, 32, 64), {"batch_axis": 0}, None),
    ((8, 32, 64), {"batch_axis": 0}, (32, 64)),
    ((8, 32, 64), {"batch_axis": 0, "layout": "keras"}, (32, 64)),
    ((8, 64, 32), {"batch_axis": 0, "layout": "torch"}, (32, 64)),
    ((8, 32, 64), {"in_axis": (0, 1), "out_axis": 2}, (256, 64)),
    ((8, 32, 64), {"in_axis": 0, "out_axis": 2}, (256, 2048)),
    ((3, 3, 4, 8), {"layout": "keras"}, (36, 72)),
    ((8, 4, 3, 3), {"layout": "torch"}, (36, 72)),
    ((16, 4, 3, 3), {"layout": "torch", "groups": 4}, (36, 36)),
    ((3, 3, 8, 4), {"layout": "keras", "transposed": True}, (36, 72)),
    ((4, 4, 8, 6), {"layout": "keras", "transposed": True, "stride": 2}, (24, 128)),
    ((3, 3, 64, 2), {"layout": "keras", "depthwise": True}, (9, 18)),
    ((3, 3, 8, 4), {"compat": "keras"}, (72, 36)),
    ((8, 4, 3, 3), {"compat": "torch"}, (36, 72)),
]


def _called(shape: tuple[int, ...], recipe: pi.Recipe) -> Any:
    return recipe(shape, key=KEY)


def _filled(shape: tuple[int, ...], recipe: pi.Recipe) -> Any:
    return pi.fill(np.empty(shape, np.float32), recipe, key=KEY)


def _of_params(shape: tuple[int, ...], recipe: pi.Recipe) -> Any:
    return pi.init_params({"w": shape}, recipe, key=3)["w"]


def _by_keras(shape: tuple[int, ...], recipe: pi.Recipe) -> Any:
    from pyinit.keras import FromRecipe

    return keras.ops.convert_to_numpy(FromRecipe(recipe, key=KEY)(shape))


def _of_a_layer(shape: tuple[int, ...], recipe: pi.Recipe) -> Any:
    from pyinit.keras import FromRecipe

    layer = keras.layers.Layer()
    return keras.ops.convert_to_numpy(layer.add_weight(shape, FromRecipe(recipe, key=KEY)).value)


DOORS = [_called, _filled, _of_params, _by_keras, _of_a_layer]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__[1:])
@pytest.mark.parametrize(("shape", "axes", "fans"), ROWS, ids=repr)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_fans_are_those_of_every_door(
    mode: str,
    shape: tuple[int, ...],
    axes: dict[str, Any],
    fans: tuple[float, float] | None,
    door: Callable[[tuple[int, ...], pi.Recipe], Any],
) -> None:
    recipe = pi.variance_scaling(1.0, mode, "normal", **axes)
    if fans is None:
        with pytest.raises(pi.LayoutError, match=r"batch_axis= .*in_axis= and out_axis="):
            door(shape, recipe)
        return
    fan = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[mode]
    expected = pi.normal(mean=0.0, std=math.sqrt(1 / fan))(shape, key=KEY)
    np.testing.assert_allclose(door(shape, recipe), expected, rtol=1e-6)
