"""A JAX key names a key of the stream: the same one eagerly and under a trace."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from pyinit import Key  # noqa: E402
from pyinit.errors import SeedError  # noqa: E402
from pyinit.jax import key  # noqa: E402
from pyinit.jax.keys import words  # noqa: E402

IMPLEMENTATIONS = ("threefry2x32", "rbg", "unsafe_rbg")


def as_words(named: Key) -> list[int]:
    """Return (lo seed, hi seed, lo offset, hi offset)."""
    return [named.seed & 0xFFFFFFFF, named.seed >> 32, named.offset & 0xFFFFFFFF, named.offset >> 32]


def test_a_seed_names_the_same_key_in_both() -> None:
    assert key(jax.random.key(7)) == key(jax.random.PRNGKey(7)) == Key(7)


def test_two_words_are_the_seed_high_word_first() -> None:
    assert key(np.array([5, 7], np.uint32)) == Key(5 << 32 | 7)


def test_four_words_are_seed_and_offset() -> None:
    raw = jax.random.wrap_key_data(jnp.array([1, 2, 3, 4], jnp.uint32), impl="rbg")
    assert key(raw) == Key(1 << 32 | 2, 3 << 32 | 4)


def test_one_word_is_the_seed() -> None:
    assert key(np.array([9], np.uint32)) == Key(9)


def test_a_key_of_the_stream_is_itself() -> None:
    assert key(Key(3, 4)) == Key(3, 4)
    assert words(Key(3 << 32 | 1, 4)).tolist() == [1, 3, 4, 0]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_traced_words_are_those_of_the_key(implementation: str) -> None:
    for one in jax.random.split(jax.random.key(0, impl=implementation), 3):
        assert jax.jit(words)(one).tolist() == as_words(key(one)) == words(one).tolist()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_split_keys_have_streams_of_their_own(implementation: str) -> None:
    named = [key(one) for one in jax.random.split(jax.random.key(0, impl=implementation), 10)]
    assert len({one.seed for one in named}) == 10


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (3, TypeError, "a JAX key is needed; got int 3. Use jax.random.key(seed)."),
        (None, TypeError, "a JAX key is needed; got NoneType None. Use jax.random.key(seed)."),
        (
            np.zeros(2, np.float32),
            TypeError,
            "a JAX key holds uint32; got an array of float32. Use jax.random.key(seed).",
        ),
        (
            np.zeros((3, 2), np.uint32),
            ValueError,
            "a single key is needed; got a key array of shape (3, 2). Use jax.vmap for batching.",
        ),
        (
            np.zeros(3, np.uint32),
            TypeError,
            "a key has 1, 2 or 4 words; got 3. Use jax.random.key(seed), of any implementation.",
        ),
    ],
)
def test_what_is_no_key(wrong: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        key(wrong)
    assert isinstance(caught.value, SeedError)
    assert str(caught.value) == message


def test_several_typed_keys() -> None:
    with pytest.raises(ValueError, match=r"got a key array of shape \(2,\). Use jax.vmap for batching"):
        key(jax.random.split(jax.random.key(0)))
