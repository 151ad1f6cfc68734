"""The values that a function computes, as nodes: one for each distinct value, in program order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...stream.window import Shape

__all__ = ["Graph", "Node", "is_key", "sources"]


@dataclass(frozen=True, eq=False)
class Node:
    """One value: the operation that makes it, its inputs, its shape and its dtype.

    ``op`` is the name of JAX's primitive, or one of the graph's own: ``constant``, ``argument``, ``draw``,
    ``stack``, ``take``, ``equation`` (one with several results) and ``result`` (one of them). A value is
    ``random`` if it depends on a draw or a key, and ``abstract`` if it depends on an argument without values.
    """

    number: int
    op: str
    shape: Shape
    dtype: Any
    inputs: tuple[Node, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    primitive: Any = None
    value: Any = None
    random: bool = False
    abstract: bool = False

    @property
    def is_key(self) -> bool:
        """Whether the value is a JAX key, or an array of them."""
        return is_key(self.dtype)


def is_key(dtype: Any) -> bool:
    """Return whether a dtype is that of JAX's typed keys."""
    return dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)


class Graph:
    """Makes nodes, equal ones only once, so that two draws under one key are one draw, as in JAX.

    ``places`` has the shardings to which the program constrains values, by their nodes' numbers.
    """

    def __init__(self) -> None:
        self.places: dict[int, Any] = {}
        self._known: dict[Any, Node] = {}
        self._count = 0

    def node(
        self,
        op: str,
        inputs: Iterable[Node],
        shape: Shape,
        dtype: Any,
        params: Mapping[str, Any] | None = None,
        primitive: Any = None,
    ) -> Node:
        """Return the node of an operation on these inputs."""
        operands, options = tuple(inputs), params or {}
        identity: Any = (op, primitive, tuple(node.number for node in operands), shape, str(dtype))
        try:
            identity = (identity, tuple(sorted(options.items())))
            hash(identity)
        except TypeError:
            # its parameters cannot be compared, so the operation equals no other
            identity = None
        if identity is not None and identity in self._known:
            return self._known[identity]
        random = op == "draw" or is_key(dtype) or any(node.random for node in operands)
        abstract = any(node.abstract for node in operands)
        made = Node(
            self._next(), op, shape, dtype, operands, options, primitive, random=random, abstract=abstract
        )
        if identity is not None:
            self._known[identity] = made
        return made

    def constant(self, value: Any) -> Node:
        """Return the node of a known array, number or key."""
        if is_key(getattr(value, "dtype", None)):
            data = np.asarray(jax.random.key_data(value))
            return self._once(("key", data.tobytes(), str(value.dtype)), "argument", value, value.dtype)
        if isinstance(value, jax.Array) and not value.is_fully_addressable:
            return self._once(("array", id(value)), "constant", value, np.dtype(value.dtype))
        array = np.asarray(value)
        small = ("small", array.tobytes(), array.shape, array.dtype.name) if array.size < 64 else None
        return self._once(small or ("array", id(value)), "constant", array, array.dtype, value)

    def argument(self, position: int, shape: Shape, dtype: Any, value: Any = None) -> Node:
        """Return the node of an argument of the function; without a value it is known by its shape alone."""
        random = is_key(dtype)
        return Node(
            self._next(),
            "argument",
            shape,
            dtype,
            params={"position": position},
            value=value,
            random=random,
            abstract=value is None and not random,
        )

    def _once(self, identity: Any, op: str, array: Any, dtype: Any, keep: Any = None) -> Node:
        if identity not in self._known:
            # `keep` is kept alive, so that its id stays unique
            self._known[identity] = Node(
                self._next(),
                op,
                tuple(array.shape),
                dtype,
                params={"keep": keep},
                value=array,
                random=is_key(dtype),
            )
        return self._known[identity]

    def _next(self) -> int:
        self._count += 1
        return self._count


def sources(node: Node) -> Iterator[Node]:
    """Yield, in the order of the program, the draws and the keys on which a value depends.

    A key is a source, whatever it was split from; the origin of a draw's key does not matter.
    """
    seen: set[int] = set()
    found: list[Node] = []
    ahead = [node]
    while ahead:
        here = ahead.pop()
        if here.number in seen or not here.random:
            continue
        seen.add(here.number)
        if here.is_key:
            found.append(here)
        elif here.op == "draw":
            found.append(here)
            ahead.extend(here.inputs[1:])
        else:
            ahead.extend(here.inputs)
    yield from sorted(found, key=lambda source: source.number)
