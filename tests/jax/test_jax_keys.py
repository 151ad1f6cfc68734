"""A JAX key names a key of the stream: the same one eagerly and under a trace."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.extend.random import define_prng_impl  # noqa: E402

from pyinit import Key  # noqa: E402
from pyinit.errors import SeedError  # noqa: E402
from pyinit.jax import from_key, init, initializers, to_key  # noqa: E402
from pyinit.jax.keys import words  # noqa: E402

IMPLEMENTATIONS = ("threefry2x32", "rbg", "unsafe_rbg")


def as_words(named: Key) -> list[int]:
    """Return (lo seed, hi seed, lo offset, hi offset)."""
    return [named.seed & 0xFFFFFFFF, named.seed >> 32, named.offset & 0xFFFFFFFF, named.offset >> 32]


def test_a_seed_names_the_same_key_in_both() -> None:
    assert from_key(jax.random.key(7)) == from_key(jax.random.PRNGKey(7)) == Key(7)


def test_two_words_are_the_seed_high_word_first() -> None:
    assert from_key(np.array([5, 7], np.uint32)) == Key(5 << 32 | 7)


def test_four_words_are_seed_and_offset() -> None:
    raw = jax.random.wrap_key_data(jnp.array([1, 2, 3, 4], jnp.uint32), impl="rbg")
    assert from_key(raw) == Key(1 << 32 | 2, 3 << 32 | 4)


def test_one_word_is_the_seed() -> None:
    assert from_key(np.array([9], np.uint32)) == Key(9)


def test_a_key_of_the_stream_is_itself() -> None:
    assert from_key(Key(3, 4)) == Key(3, 4)
    assert words(Key(3 << 32 | 1, 4)).tolist() == [1, 3, 4, 0]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_traced_words_are_those_of_the_key(implementation: str) -> None:
    for one in jax.random.split(jax.random.key(0, impl=implementation), 3):
        assert jax.jit(words)(one).tolist() == as_words(from_key(one)) == words(one).tolist()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_split_keys_have_streams_of_their_own(implementation: str) -> None:
    named = [from_key(one) for one in jax.random.split(jax.random.key(0, impl=implementation), 10)]
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
        from_key(wrong)
    assert isinstance(caught.value, SeedError)
    assert str(caught.value) == message


def test_several_typed_keys() -> None:
    with pytest.raises(ValueError, match=r"got a key array of shape \(2,\). Use jax.vmap for batching"):
        from_key(jax.random.split(jax.random.key(0)))


@pytest.mark.parametrize("key", [Key(7), Key(2**64 - 1), Key(3, 4)])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_key_made_for_jax_names_the_key(key: Key, implementation: str) -> None:
    if implementation == "threefry2x32" and key.offset:
        with pytest.raises(
            SeedError, match=r"has two words, and Key\(seed=3, offset=4\) has an offset. Use impl='rbg'"
        ):
            to_key(key)
    else:
        made = to_key(key, impl=implementation)
        assert jax.random.key_impl(made) == implementation
        assert from_key(made) == key


def test_words_of_several_axes_are_read_in_a_row() -> None:
    # two keys of the default implementation, one over the other, as JAX's own tests have it
    def of_each(function: Any) -> Any:
        return lambda key, *rest: jnp.stack([function(key[0], *rest), function(key[1], *rest)], axis=-2)

    def split(key: Any, shape: Any) -> Any:
        return jax.random.key_data(jax.random.split(jax.random.wrap_key_data(key), shape))

    def fold_in(key: Any, number: Any) -> Any:
        return jax.random.key_data(jax.random.fold_in(jax.random.wrap_key_data(key), number))

    def bits(key: Any, width: int, shape: Any) -> Any:
        return jax.random.bits(jax.random.wrap_key_data(key[0]), shape, f"uint{width}")

    double = define_prng_impl(
        key_shape=(2, 2),
        seed=lambda seed: jnp.stack([jax.random.PRNGKey(seed)] * 2),
        split=of_each(split),
        random_bits=bits,
        fold_in=of_each(fold_in),
        name="double",
        tag="double",
    )
    key = jax.random.wrap_key_data(jnp.array([[1, 2], [3, 4]], jnp.uint32), impl=double)
    expected = Key(1 << 32 | 2, 3 << 32 | 4)
    assert from_key(key) == expected
    assert jax.jit(words)(key).tolist() == as_words(expected)
    draw = initializers.normal()
    made = draw(key, (3,))
    assert np.allclose(jax.jit(lambda key: draw(key, (3,)))(key), made, atol=2e-6)
    assert np.allclose(jax.vmap(lambda key: draw(key, (3,)))(key[None])[0], made, atol=2e-6)
    assert init(lambda key: {"key": key}, key, key=0)["key"].dtype == key.dtype
