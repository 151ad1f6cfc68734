"""init: jax.random.orthogonal is one draw, also where JAX traces it as several operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import pyinit as pi  # noqa: E402
from pyinit.jax import init  # noqa: E402
from pyinit.jax.recording import laws, matrices  # noqa: E402

from ...older import older  # noqa: E402
from ..leaves import drawn  # noqa: E402

KEY = jax.random.key(0)


def several(key: Any, n: int, shape: tuple[int, ...] = (), dtype: Any = float, m: int | None = None) -> Any:
    """Draw as JAX before 0.10.2 does: in no call of its own."""
    m = n if m is None else m
    q, r = jnp.linalg.qr(jax.random.normal(key, (*shape, max(n, m), min(n, m)), dtype))
    x = q * jnp.expand_dims(jnp.sign(jnp.linalg.diagonal(r)), -2)
    return x.mT if n < m else x


def somebodys(key: Any) -> Any:
    """Make a matrix by the same operations, in a function that is not JAX's."""
    q, r = jnp.linalg.qr(jax.random.normal(key, (6, 4)))
    return q * jnp.expand_dims(jnp.sign(jnp.linalg.diagonal(r)), -2)


@pytest.fixture(params=["as it is", "several"], autouse=True)
def _orthogonal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a test with JAX's function, and with one that is traced as several operations."""
    if request.param == "several":
        monkeypatch.setattr(jax.random, "orthogonal", several)
        # another function: JAX remembers what it traced
        monkeypatch.setitem(laws._DRAWS, "orthogonal", lambda key: jax.random.orthogonal(key, 2))
    laws._marks.cache_clear()
    assert laws.is_one_call("orthogonal") != (request.param == "several" or older("jax", 0, 10, 2))
    yield
    laws._marks.cache_clear()


def split(key: Any) -> Any:
    return jax.random.split(key, 3)


def scanned(key: Any) -> Any:
    def step(_: Any, one: Any) -> tuple[Any, Any]:
        return None, jax.random.orthogonal(one, 4, m=6)

    return jax.lax.scan(step, None, split(key))[1]


@pytest.mark.parametrize(
    ("make", "shape", "recipe"),
    [
        (lambda key: jax.random.orthogonal(key, 6), (6, 6), pi.orthogonal()),
        (lambda key: jax.random.orthogonal(key, 6, m=4), (6, 4), pi.orthogonal()),
        (lambda key: jax.random.orthogonal(key, 4, m=6), (4, 6), pi.orthogonal()),
        (lambda key: jax.random.orthogonal(key, 1, m=1), (1, 1), pi.orthogonal()),
        (lambda key: jax.jit(lambda key: jax.random.orthogonal(key, 4, m=6))(key), (4, 6), pi.orthogonal()),
        (lambda key: 2 * jax.random.orthogonal(key, 6)[:, None], (6, 1, 6), pi.orthogonal(2.0, out_axis=2)),
        (lambda key: jax.random.orthogonal(key, 5, (3,), m=2), (3, 5, 2), pi.orthogonal(batch_axis=0)),
        (
            lambda key: jax.vmap(lambda one: jax.random.orthogonal(one, 4, m=6))(split(key)),
            (3, 4, 6),
            pi.orthogonal(batch_axis=0),
        ),
        (scanned, (3, 4, 6), pi.orthogonal(batch_axis=0)),
    ],
)
def test_it_is_one_draw(make: Callable[[Any], Any], shape: tuple[int, ...], recipe: pi.Recipe) -> None:
    assert np.array_equal(init(lambda key: {"w": make(key)}, KEY, key=7)["w"], drawn(recipe, shape, "w"))


def test_what_is_transposed_by_its_caller_is_transposed() -> None:
    made = init(lambda key: {"w": jax.random.orthogonal(key, 6, m=4).T}, KEY, key=7)["w"]
    assert np.array_equal(made, drawn(pi.orthogonal(), (6, 4), "w").T)


def test_the_same_operations_of_somebody_are_computed() -> None:
    made = np.asarray(init(lambda key: {"w": somebodys(key)}, KEY, key=7)["w"])
    q, r = np.linalg.qr(drawn(pi.normal(), (6, 4), "w"))
    np.testing.assert_allclose(made, q * np.sign(np.diagonal(r)), atol=1e-6)
    assert not np.allclose(made, drawn(pi.orthogonal(), (6, 4), "w"), atol=1e-3)


def test_a_jax_that_keeps_no_tracebacks_cannot_tell() -> None:
    equation = SimpleNamespace(source_info=SimpleNamespace(traceback=None))
    with pytest.raises(pi.RecipeError, match=r"only with JAX's tracebacks\. Use JAX 0\.10\.2 or later"):
        matrices._is_from_orthogonal(equation)
