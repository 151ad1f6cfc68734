"""What makes a tensor's bytes: any window alone, and the same after a way through JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.contents import Content, Copied, Drawn, Filled, content_from_dict
from pyinit.errors import FormatError, RecipeError
from pyinit.stream.safetensors import read_header
from pyinit.stream.window import Shape, Window, contiguous_blocks

SHAPE = (6, 5, 4)


def drawn(
    recipe: pi.Recipe, shape: Shape = SHAPE, dtype: str = "float32", rows: tuple[int, ...] = ()
) -> Drawn:
    return Drawn(recipe.plan(shape, dtype), pi.key(5).fold_in("w"), rows)


def filled(content: Content, window: Window, extent: Shape, itemsize: int) -> bytes:
    out = np.full(int(np.prod(extent)) * itemsize, 0xA5, np.uint8)
    content.fill(window, extent, out, 1)
    return out.tobytes()


def whole(content: Content, shape: Shape, itemsize: int) -> bytes:
    return filled(content, Window((0,) * len(shape), shape), shape, itemsize)


RECIPES = {
    "normal": pi.normal(std=0.3),
    "truncated": pi.truncated_normal(std=0.5),
    "uniform": pi.uniform(-1, 1),
    "constant": pi.constant(0.25),
    "he": pi.he_normal(in_axis=1, out_axis=0),
    "sparse": pi.sparse(0.5, in_axis=1, out_axis=0, batch_axis=2),
    "orthogonal": pi.orthogonal(in_axis=1, out_axis=0, batch_axis=2),
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_drawn_tensor_is_the_recipes_and_any_window_is_part_of_it(name: str, dtype: str) -> None:
    content = drawn(RECIPES[name], dtype=dtype, rows=(0, 4))
    kind = "uint16" if dtype == "bfloat16" else dtype
    array = RECIPES[name](SHAPE, key=pi.key(5).fold_in("w"), dtype=kind)
    array[[0, 4]] = 0
    assert whole(content, SHAPE, array.itemsize) == array.tobytes()
    for window, extent in contiguous_blocks(SHAPE, 7):
        part = array[tuple(slice(i, i + n) for i, n in zip(window.start, extent, strict=True))]
        assert filled(content, window, extent, array.itemsize) == part.tobytes()


@pytest.mark.parametrize("name", RECIPES)
def test_a_drawn_tensor_is_the_same_after_json(name: str) -> None:
    content = drawn(RECIPES[name], rows=(1,))
    again = content_from_dict(json.loads(json.dumps(content.to_dict())), "w", SHAPE, "float32")
    assert again == content


def test_integers_and_booleans_are_filled() -> None:
    content = Filled(-9, "int32")
    assert whole(content, (3,), 4) == np.full(3, -9, np.int32).tobytes()
    assert whole(Filled(1, "bool"), (2,), 1) == b"\1\1"
    assert content_from_dict(content.to_dict(), "w", (3,), "int32") == content


def copied(tmp_path: Path) -> Copied:
    path = tmp_path / "old.safetensors"
    pi.write_checkpoint({"a": (3,), "w": SHAPE}, pi.normal(), path=path)
    return Copied(path, read_header(path).tensors["w"], "w")


def test_bytes_are_copied_from_their_place(tmp_path: Path) -> None:
    content = copied(tmp_path)
    array = pi.normal()(SHAPE, key=pi.key(0).fold_in("w"))
    assert whole(content, SHAPE, 4) == array.tobytes()
    assert filled(content, Window((2, 0, 0), SHAPE), (1, 5, 4), 4) == array[2].tobytes()
    assert content_from_dict(content.to_dict(), "w", SHAPE, "float32") == content


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    content = copied(tmp_path)
    said = content.to_dict()
    with content.path.open("r+b") as file:
        file.seek(content.info.start)
        file.write(b"\x99")
    with pytest.raises(
        FormatError, match="the bytes of tensor 'w' are not those of the plan; the file changed"
    ):
        content_from_dict(said, "w", SHAPE, "float32")
    content.path.write_bytes(content.path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="tensor 'w' ended early"):
        whole(content, SHAPE, 4)
    with pytest.raises(FormatError, match="tensor 'w' ended early"):
        Copied(content.path, content.info, "w").to_dict()


@pytest.mark.parametrize(
    ("recipe", "shape", "elements"),
    [
        (pi.normal(), (6, 4), 0),
        (pi.orthogonal(), (6, 4), 24),
        (pi.orthogonal(layout="jax", batch_axis=0), (9, 6, 4), 24),
        (pi.orthogonal(in_axis=1, out_axis=0, batch_axis=2), SHAPE, 120),
        (pi.delta_orthogonal(layout="torch"), (4, 4, 3, 3), 144),
    ],
)
def test_what_must_be_made_at_once(recipe: pi.Recipe, shape: Shape, elements: int) -> None:
    assert drawn(recipe, shape).at_once(shape) == elements


def test_pretrained_values_come_from_their_file_or_are_refused(tmp_path: Path) -> None:
    content = copied(tmp_path)
    recipe = pi.pretrained(content.path, tensor="w")
    kept = drawn(recipe)
    again = content_from_dict(json.loads(json.dumps(kept.to_dict())), "w", SHAPE, "float32")
    assert whole(again, SHAPE, 4) == whole(content, SHAPE, 4)
    values = np.arange(120, dtype=np.float32).reshape(SHAPE)
    said, other = (drawn(pi.pretrained(each)).to_dict() for each in (values, values + 1))
    # values in memory count by what they are
    assert said != other
    assert said == drawn(pi.pretrained(values.copy())).to_dict()
    unread = content_from_dict(said, "w", SHAPE, "float32")
    assert unread.to_dict() == said
    with pytest.raises(
        RecipeError, match="tensor 'w' copies an array of float32 in memory, which a plan read"
    ):
        whole(unread, SHAPE, 4)


def test_a_content_of_another_kind_is_kept_and_refused_when_it_is_made() -> None:
    fields = {"kind": "computed", "definition": "package.module:build", "at_once": 120}
    content = content_from_dict(fields, "w", SHAPE, "float32")
    assert (content.kind, content.at_once(SHAPE), content.to_dict()) == ("computed", 120, fields)
    with pytest.raises(
        RecipeError, match=r"tensor 'w' is computed by package\.module:build; make the plan from"
    ):
        whole(content, SHAPE, 4)


@pytest.mark.parametrize("fields", [{}, {"kind": "drawn"}, {"kind": "drawn", "plan": {}}, {"kind": "filled"}])
def test_fields_that_say_nothing_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(FormatError, match="tensor 'w': the plan does not say what makes it"):
        content_from_dict(fields, "w", SHAPE, "float32")
