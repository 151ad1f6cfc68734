"""What XLA's handler refuses, whoever made the call: it writes only what its operands have room for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi

jax = pytest.importorskip("jax")
pytest.importorskip("pyinit.jax._xla", reason="built without jaxlib's headers")

import jax.numpy as jnp  # noqa: E402

from pyinit.jax.traced import ffi  # noqa: E402

pytestmark = pytest.mark.interop

PLAN = pi.normal().plan((4, 4))


def call(words: Any, extent: tuple[int, ...], plan: Any = PLAN, **changed: Any) -> Any:
    """Call the handler as nothing in pyinit would."""
    assert ffi.available()
    result = jax.ShapeDtypeStruct(extent, jnp.float32)
    attributes = {**ffi.attributes(plan), **changed}
    return jax.block_until_ready(
        jax.ffi.ffi_call(ffi.TARGET, result)(jnp.asarray(words, jnp.uint32), **attributes)
    )


def test_threads_are_an_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYINIT_NUM_THREADS", raising=False)
    assert ffi.attributes(PLAN)["threads"] == 0
    monkeypatch.setenv("PYINIT_NUM_THREADS", "3")
    assert ffi.attributes(PLAN)["threads"] == 3
    words = np.zeros(10, np.uint32)
    for threads in (0, 1, 5, 2**40):
        made = call(words, (4, 4), threads=np.int64(threads))
        np.testing.assert_array_equal(made, pi.normal()((4, 4), key=0))


@pytest.mark.parametrize(
    ("words", "extent", "said"),
    [
        # six keys, and room for the window of one
        ((2, 3, 10), (1, 1, 4, 4), "keys and result differ in their leading axes"),
        ((3, 2, 10), (2, 3, 4, 4), "keys and result differ in their leading axes"),
        ((1, 10), (2, 4, 4), "keys and result differ in their leading axes"),
        ((2, 0, 10), (2, 1, 4, 4), "keys and result differ in their leading axes"),
        ((10,), (2, 4, 4), "key and result differ in rank"),
        ((9,), (4, 4), "key and result differ in rank"),
        ((10,), (5, 4), "the window leaves the tensor"),
    ],
)
def test_operands_that_do_not_fit_are_refused(
    words: tuple[int, ...], extent: tuple[int, ...], said: str
) -> None:
    with pytest.raises(Exception, match=said):
        call(np.zeros(words), extent)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"global_shape": np.array([-1, 4])}, "fewer than 2\\^63 elements"),
        ({"global_shape": np.array([2**62, 2])}, "fewer than 2\\^63 elements"),
        ({"threads": np.int64(-1)}, "threads must be 0 or more"),
        ({"distribution": "gamma"}, "unknown distribution, or other numbers"),
        ({"numbers": np.zeros(3)}, "unknown distribution, or other numbers"),
    ],
)
def test_attributes_out_of_range_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=said):
        call(np.zeros(10), (4, 4), **changed)


@pytest.mark.parametrize(
    ("recipe", "shape", "integers"),
    [
        (pi.sparse(0.5), (2**32, 4), [7]),
        (pi.sparse(0.5), (4, 4), [-1]),
        (pi.sparse(0.5), (4, 4), [2**32]),
        (pi.sparse(0.5, exact=False), (4, 4), [-1]),
        (pi.truncated_normal(), (4, 4), [1, 2**31, 0]),
    ],
    ids=str,
)
def test_integers_that_would_be_cut_are_refused(
    recipe: Any, shape: tuple[int, ...], integers: list[int]
) -> None:
    plan = recipe.plan((4, 4))
    changed = {"global_shape": np.array(shape), "integers": np.array(integers)}
    with pytest.raises(Exception, match="unknown distribution, or other numbers than its own"):
        call(np.zeros(10), (4, 4), plan, **changed)


def test_a_batch_has_one_window() -> None:
    words = np.zeros((2, 10))
    words[1, 8] = 1
    with pytest.raises(Exception, match="a batch has one window"):
        call(words, (2, 3, 4))
