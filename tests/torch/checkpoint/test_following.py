"""Whatever is made of tensors by cutting, joining and transposing is known as rectangles of them.

The oracle is torch: the same operations on real tensors. Each number says which element of which tensor it
is, so that one in a wrong place is seen.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.contents import content_from_dict
from pyinit.checkpoint.given import Given
from pyinit.checkpoint.plan_document import read_document
from pyinit.checkpoint.rectangles import Piece, Rearranged

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
Following = pytest.importorskip("pyinit.torch.checkpoint.following").Following
Converted = pytest.importorskip("pyinit.torch.checkpoint.converted").Converted
converted = pytest.importorskip("pyinit.torch.checkpoint.converted")

Tensors = Mapping[str, Any]
SHAPES = {"a": (4, 6, 8), "b": (4, 2, 8), "c": (8,), "d": (4, 6, 8)}


def real() -> dict[str, Any]:
    """Return tensors whose numbers say where they are from."""
    return {
        name: torch.arange(math.prod(shape), dtype=torch.int32).reshape(shape) + 1000 * number
        for number, (name, shape) in enumerate(SHAPES.items())
    }


def contents() -> dict[str, Given]:
    return {name: Given(tensor.numpy().tobytes(), "int32") for name, tensor in real().items()}


def rearranged(following: Any, tensor: Any) -> Rearranged | None:
    parts = following.parts(tensor)
    if parts is None:
        return None
    held = contents()
    return Rearranged(
        tuple(Piece(part.rectangle, held[part.source], SHAPES[part.source]) for part in parts), "int32"
    )


def read(content: Any, shape: tuple[int, ...], start: tuple[int, ...], extent: tuple[int, ...]) -> Any:
    """Return a window of what a content makes."""
    out = np.full(math.prod(extent) * 4, 255, np.uint8)
    content.fill(pi.Window(start, shape), extent, out, 1)
    return torch.from_numpy(out).view(torch.int32).reshape(extent)


def check(make: Callable[[Tensors], Any], cut: float = 0.5) -> Rearranged | None:
    """Hold what is made without memory against what torch makes, whole and in a window."""
    following = Following({name: (shape, torch.int32) for name, shape in SHAPES.items()})
    with following:
        tensor = make(following.tensors)
    expected = make(real())
    shape = tuple(expected.shape)
    content = rearranged(following, tensor)
    if content is None:
        return None
    assert torch.equal(read(content, shape, (0,) * len(shape), shape), expected)
    start = tuple(int(cut * n) for n in shape)
    extent = tuple(n - int(cut * n / 2) - int(cut * n) for n in shape)
    window = tuple(slice(a, a + n) for a, n in zip(start, extent, strict=True))
    assert torch.equal(read(content, shape, start, extent), expected[window])
    assert content.at_once(shape) == 0
    again = content_from_dict(Rearranged.to_dict(content), "t", shape, "int32")
    assert again == content
    return content


def interleaved(tensor: Any, axis: int, pair: int) -> Any:
    """What transformers' Interleave does."""
    shape = list(tensor.shape)
    shape[axis : axis + 1] = [shape[axis] // pair, pair]
    return tensor.reshape(shape).transpose(axis, axis + 1).reshape(tensor.shape).contiguous()


def rotary(tensor: Any) -> Any:
    """What transformers' PermuteForRope does to the rows of 2 heads."""
    rows, columns = tensor.shape
    return tensor.view(2, rows // 4, 2, columns).transpose(1, 2).reshape(rows, columns)


@pytest.mark.parametrize(
    ("make", "pieces"),
    [
        (lambda t: t["a"], 1),
        (lambda t: t["a"][2], 1),
        (lambda t: torch.chunk(t["a"], 2, dim=1)[1].contiguous()[3], 1),
        (lambda t: t["a"].transpose(1, 2).contiguous(), 1),
        (lambda t: t["a"].transpose(0, 2).contiguous().chunk(4)[1], 1),
        (lambda t: torch.cat([t["a"], t["b"]], 1).transpose(1, 2).contiguous(), 2),
        (lambda t: torch.cat([t["a"], t["b"]], 1)[:, 5:7].contiguous()[2], 2),
        (lambda t: torch.stack([t["c"], t["a"][1, 2], t["c"]]), 3),
        (lambda t: torch.stack([t["a"], t["d"]]).flatten(0, 1).unbind()[5], 1),
        (lambda t: t["a"].unsqueeze(1), 1),
        (lambda t: t["a"][:, ::3, 1::2].contiguous(), 1),
        (lambda t: interleaved(t["a"], 1, 3), 3),
        (lambda t: interleaved(t["a"], 1, 2), 2),
        (lambda t: interleaved(t["a"], 0, 2)[1:], 2),
        (lambda t: interleaved(t["a"], 1, 2).chunk(2, 1)[1].contiguous(), 1),
        (lambda t: rotary(t["a"].flatten(0, 1)[:16]), None),
        (lambda t: t["a"].reshape(24, 8).reshape(2, 96), None),
        (lambda t: t["a"].to(torch.int32), 1),
    ],
)
def test_rectangles_are_those_of_torch(make: Callable[[Tensors], Any], pieces: int | None) -> None:
    content = check(make)
    assert content is not None
    assert pieces is None or len(content.pieces) == pieces


OPERATIONS: dict[str, Callable[[Any, Any, int], Any]] = {
    "transpose": lambda t, _, n: t.transpose(n % t.dim(), (n + 1) % t.dim()),
    "contiguous": lambda t, _, n: t.contiguous(),
    "select": lambda t, _, n: t.select(n % t.dim(), n % t.shape[n % t.dim()]) if t.dim() > 1 else t,
    "chunk": lambda t, _, n: t.chunk(2, n % t.dim())[0].contiguous(),
    "last chunk": lambda t, _, n: t.chunk(3, n % t.dim())[-1],
    "flatten": lambda t, _, n: t.flatten(0, 1) if t.dim() > 1 else t,
    "unflatten": lambda t, _, n: t.unflatten(0, (-1, 2)) if t.shape[0] % 2 == 0 else t,
    "clone": lambda t, _, n: t.clone(),
    "unsqueeze": lambda t, _, n: t.unsqueeze(n % (t.dim() + 1)),
    "squeeze": lambda t, _, n: t.squeeze(),
    "cat itself": lambda t, _, n: torch.cat([t, t], n % t.dim()) if t.numel() < 500 else t,
    "stack": lambda t, _, n: torch.stack([t, t], n % (t.dim() + 1)) if t.numel() < 500 else t,
    "cat other": lambda t, o, n: torch.cat([t, o], 1) if t.dim() == 3 and t.shape[::2] == (4, 8) else t,
    "step": lambda t, _, n: t[::2],
}


@settings(max_examples=250)
@given(
    st.sampled_from(["a", "b", "d"]),
    st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 5)), max_size=6),
    st.floats(0, 0.6),
)
def test_any_program_is_followed(name: str, program: list[tuple[str, int]], cut: float) -> None:
    def make(tensors: Tensors) -> Any:
        tensor = tensors[name]
        for operation, n in program:
            if tensor.dim() == 0 or tensor.numel() > 2000:
                break
            tensor = OPERATIONS[operation](tensor, tensors["b"], n)
        return tensor

    # every one of these operations is a view or a copy
    assert check(make, cut) is not None


def test_what_is_no_copy_is_computed_whole() -> None:
    following = Following({name: (shape, torch.int32) for name, shape in SHAPES.items()})
    with following:
        doubled = torch.cat([following.tensors["a"] * 2, following.tensors["d"]])[1:].transpose(0, 1)
    assert following.parts(doubled) is None
    content = Converted("t", doubled, following, contents())
    given = real()
    expected = torch.cat([given["a"] * 2, given["d"]])[1:].transpose(0, 1)
    shape = tuple(expected.shape)
    assert content.at_once(shape) == expected.numel()
    assert torch.equal(read(content, shape, (0, 0, 0), shape), expected)
    assert content.to_dict()["of"].keys() == {"a", "d"}


def test_another_conversion_is_another_content() -> None:
    """Of the same tensors another version of a library may make other numbers."""
    makes: list[Callable[[Tensors], Any]] = [
        lambda t: t["a"] * 2,
        lambda t: t["a"] * 3,
        lambda t: t["a"] + 2,
        lambda t: (t["a"] * 2).flip(0),
        lambda t: t["a"] * torch.full((8,), 2, dtype=torch.int32, device=t["a"].device),
    ]
    said = []
    # each once more, as another process would
    for make in (*makes, *makes):
        following = Following({name: (shape, torch.int32) for name, shape in SHAPES.items()})
        with following:
            tensor = make(following.tensors)
        said.append(json.dumps(Converted("t", tensor, following, contents()).to_dict()))
    assert len(set(said)) == len(makes)
    assert said[: len(makes)] == said[len(makes) :]


def written_elsewhere(tensors: Tensors) -> Any:
    made = torch.empty((4, 6, 8), dtype=torch.int32, device=tensors["a"].device)
    return torch.mul(tensors["a"], 2, out=made)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (written_elsewhere, "cannot be followed"),
        (lambda t: t["a"][:, [0, 3]], "cannot be followed"),
        (lambda t: t["a"].clone().mul_(2), "cannot be followed"),
        (lambda t: t["a"] * 2, "needs 768 bytes at once"),
    ],
)
def test_a_conversion_that_cannot_be_followed_is_named(
    make: Callable[[Tensors], Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converted, "_LARGEST", 500)
    following = Following({name: (shape, torch.int32) for name, shape in SHAPES.items()})
    with following:
        tensor = make(following.tensors)
    with pytest.raises(pi.RecipeError, match=f"the conversion of 'saved' .*{why}"):
        Converted("saved", tensor, following, contents())


def test_plans_read_both_kinds() -> None:
    """Whoever reads a plan knows the contents that lie on those of `contents`."""
    assert read_document is not None
    given = Given(b"\1\2", "int8")
    assert content_from_dict(given.to_dict(), "t", (2,), "int8") == given
