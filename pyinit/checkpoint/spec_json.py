"""Specs as plain JSON objects, and as mappings of names to shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import LayoutError, RecipeError, SpecError
from ..recipes.fans import LAYOUTS
from ..recipes.matching import check_matched
from ..recipes.rules import CONVENTIONS
from ..recipes.rules_json import rules_from_json
from ..stream.safetensors import ITEMSIZE
from ..stream.strict_json import shown
from .spec import Spec, TensorSpec

__all__ = ["spec_from_json", "spec_from_shapes"]


def spec_from_shapes(shapes: Mapping[str, Any], source: str = "spec") -> Spec:
    """Return the spec of float32 tensors with these names and shapes, in torch's layout.

    Parameters
    ----------
    shapes : mapping of str to shape or mapping
        A shape, or an entry of `spec_from_json`: ``{"shape": (64, 3, 7, 7), "layout": "torch"}``.
    source : str
        What to call it in an error.

    Examples
    --------
    >>> from pyinit.checkpoint.spec_json import spec_from_shapes
    >>> spec_from_shapes({"l1.weight": (256, 784), "l1.bias": (256,)}).parameters
    200960
    """
    if not isinstance(shapes, Mapping):
        raise SpecError(
            "a model is a name, a mapping of names to shapes, or what find_spec returns; got "
            f"{shapes!r:.100}. Use pyinit.find_spec(name) for a built-in model or a file"
        )
    # TensorSpec checks names and shapes
    tensors = (
        _tensor(name, dict(entry), _DEFAULTS, f"{source}: tensor '{name}'")
        if isinstance(entry, Mapping)
        else TensorSpec(name, entry, layout="torch" if _rank(entry) >= 2 else None)
        for name, entry in shapes.items()
    )
    return Spec(source, tuple(tensors))


def _rank(shape: Any) -> int:
    return len(shape) if isinstance(shape, tuple | list) else 0


_DEFAULTS = {"dtype": "float32", "layout": "torch"}
_SPEC_FIELDS = {"tensors", "ties", "config", "rules", "dtype", "layout"}
_OWNERS = ("groups", "transposed", "stride", "batch_axis", "in_axis", "out_axis")
_TENSOR_FIELDS = {"shape", "dtype", "layout", *_OWNERS}


def spec_from_json(content: object, source: str = "spec") -> Spec:
    """Return the spec that a plain JSON object describes.

    Parameters
    ----------
    content : dict
        ``"tensors"`` maps each name to its shape, or to an object with ``"shape"`` and, where wanted,
        ``"dtype"``, ``"layout"`` ("torch", "keras", "jax", or null: not a kernel), and how it is used:
        ``"groups"``, ``"transposed"``, ``"stride"``, ``"batch_axis"``, ``"in_axis"``, ``"out_axis"``. With a
        layout of its own, or groups, or transposed, a tensor of more than two axes is a convolution's;
        otherwise recipes that count fans are an error for it. Optional: ``"dtype"`` and ``"layout"`` for all
        tensors that have none (default "float32" and "torch"), ``"ties"`` (alias -> owner), ``"config"``
        (written as config.json), ``"rules"`` (as in a recipe file).
    source : str
        What to call the content in an error.

    Returns
    -------
    Spec
        Tensors in the order of the object.

    Raises
    ------
    SpecError
        If a field is unknown or malformed.

    Examples
    --------
    >>> from pyinit.checkpoint.spec_json import spec_from_json
    >>> spec_from_json({"tensors": {"w": [784, 256], "b": {"shape": [256], "dtype": "float64"}}}).nbytes
    804864
    """
    if not isinstance(content, dict) or not isinstance(content.get("tensors"), dict):
        raise SpecError(
            f'{source}: a spec is an object with "tensors": {{name: shape}}; got {shown(content)}'
        )
    if unknown := set(content) - _SPEC_FIELDS:
        raise SpecError(
            f"{source}: unknown field '{min(unknown)}'; a spec has {', '.join(sorted(_SPEC_FIELDS))}"
        )
    defaults = {name: content.get(name, default) for name, default in _DEFAULTS.items()}
    tensors = tuple(
        _tensor_from_json(name, entry, defaults, f"{source}: tensor '{name}'")
        for name, entry in content["tensors"].items()
    )
    ties, config = content.get("ties", {}), content.get("config")
    if not isinstance(ties, dict) or not all(isinstance(owner, str) for owner in ties.values()):
        raise SpecError(f"{source}: 'ties' maps a name to the name it shares; got {shown(ties)}")
    if config is not None and not isinstance(config, dict):
        raise SpecError(f"{source}: 'config' is an object, written as config.json; got {shown(config)}")
    rules = None
    if "rules" in content:
        rules = rules_from_json(content["rules"], CONVENTIONS, f"{source}: rules")
        try:
            check_matched([rule for rule in rules if rule not in CONVENTIONS], content["tensors"], ties)
        except RecipeError as error:
            raise RecipeError(f"{source}: rules: {error}") from None
    return Spec(source, tensors, ties, config, rules)


def _tensor_from_json(name: str, entry: object, defaults: Mapping[str, Any], where: str) -> TensorSpec:
    given: dict[str, Any] = dict(entry) if isinstance(entry, dict) else {"shape": entry}
    shape = given.get("shape")
    is_shape = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not is_shape and "shape" in given and set(given) <= _TENSOR_FIELDS:
        raise SpecError(f"{where}: a shape is a list of integers >= 0; got {shown(shape)}")
    return _tensor(name, given, defaults, where)


def _tensor(name: str, given: dict[str, Any], defaults: Mapping[str, Any], where: str) -> TensorSpec:
    """Return the tensor of an entry with a shape and, where given, the other fields."""
    if "shape" not in given or set(given) - _TENSOR_FIELDS:
        others = ", ".join(("dtype", "layout", *_OWNERS))
        raise SpecError(f"{where} is a shape, or an object of shape, {others}; got {shown(given)}")
    dtype, layout = given.get("dtype", defaults["dtype"]), given.get("layout", defaults["layout"])
    if layout not in (*LAYOUTS, None):
        raise SpecError(f"{where}: layout is one of {', '.join(LAYOUTS)}, or null; got {shown(layout)}")
    if not isinstance(dtype, str):
        raise SpecError(f"{where}: dtype is one of {', '.join(ITEMSIZE)}; got {shown(dtype)}")
    owner: dict[str, Any] = {
        field: tuple(value) if isinstance(value, list) else value
        for field, value in given.items()
        if field in _OWNERS
    }
    has_axes = owner.get("in_axis") is not None or owner.get("out_axis") is not None
    if "layout" not in given and has_axes:
        layout = None
    if _rank(given["shape"]) < 2 and "layout" not in given:
        layout = None
    is_convolution = given.get("layout") is not None or "groups" in given or "transposed" in given
    try:
        return TensorSpec(name, given["shape"], dtype, layout, **owner, is_convolution=is_convolution)
    except LayoutError as error:
        reason = str(error).removeprefix(f"tensor '{name}': ")
        raise LayoutError(f"{where}: {reason}") from None
