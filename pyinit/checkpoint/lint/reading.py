"""What the rules look at, from a blueprint, a plan or a receipt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...errors import FormatError, PyinitError
from ...recipes.fans import Axes
from ...recipes.recipe import Recipe, from_dict
from ...stream.dtypes import FORMATS
from ...stream.key import STREAM_VERSION, Key
from ...stream.plan import Plan
from ...stream.strict_json import shown
from ..blueprint import Blueprint, Draft
from ..contents import Drawn
from ..quantized import Quantized
from ..spec import TensorSpec
from .subject import Link, Seen, Subject, fused_parts, is_norm, is_stack

__all__ = ["is_receipt", "of_blueprint", "of_receipt", "with_config", "with_name"]

# families that multiply what they normalize by 1 + weight
_ADD_ONE = ("gemma", "recurrent_gemma", "paligemma", "t5gemma", "vaultgemma", "qwen3_next", "qwen3_5")
# the first kernel of a transformer's block of two, on whose output the activation acts
_ENTERING = (
    *("fc1.weight", "c_fc.weight", "intermediate.dense.weight", "up_proj.weight", "wi.weight"),
    *("dense_h_to_4h.weight", "linear1.weight", "gate_proj.weight"),
)
_SATURATING = ("tanh", "sigmoid", "erf", "softsign", "hardtanh")


def of_blueprint(blueprint: Blueprint) -> Subject:
    """Return what is known of a blueprint's tensors."""
    spec = blueprint.spec
    pairs = zip(spec.tensors, blueprint.drafts, strict=True)
    tensors = tuple(_seen(tensor, draft, spec.config) for tensor, draft in pairs)
    return with_config(Subject(spec.source, tensors, blueprint.key, spec.config))


def _seen(tensor: TensorSpec, draft: Draft, config: Mapping[str, Any] | None) -> Seen:
    is_whole = isinstance(draft.content, Drawn | Quantized)
    seen = Seen(
        draft.name,
        draft.shape,
        # scales have the range of float32
        "float32" if isinstance(draft.content, Quantized) else draft.dtype,
        # a part of another tensor has the numbers of that one's shape
        draft.plan,
        draft.recipe,
        draft.key if is_whole else None,
        _axes(tensor) if is_whole else None,
    )
    return with_name(seen, config)


def _axes(tensor: TensorSpec) -> Axes | None:
    """Return how a kernel is used, if that explains every axis."""
    if not tensor.is_kernel:
        return None
    axes, rank = tensor.axes, len(tensor.shape)
    is_explained = axes.in_axis is not None and axes.out_axis is not None
    is_matrix = rank - len(axes.batch(rank)) == 2
    named_stack = is_stack(tensor.name, tensor.shape) and not axes.batch_axis
    return axes if (tensor.is_convolution and not named_stack) or is_explained or is_matrix else None


def with_name(seen: Seen, config: Mapping[str, Any] | None) -> Seen:
    """Return a tensor with what its name, and the model's, say of its use."""
    parts = 1 if seen.fans is None else fused_parts(seen.name, seen.fans)
    kind = "" if config is None else str(config.get("model_type", ""))
    return replace(
        seen,
        is_stack=seen.axes is None and is_stack(seen.name, seen.shape),
        parts=parts,
        is_norm=seen.is_norm or is_norm(seen.name, seen.shape),
        adds_one=seen.adds_one or kind.startswith(_ADD_ONE),
    )


def with_config(subject: Subject) -> Subject:
    """Return a subject with the layers after which the configuration puts an activation that saturates."""
    phi = None if subject.config is None else subject.config.get("hidden_act")
    if phi not in _SATURATING:
        return subject
    names = (each.name for each in subject.tensors if each.name.endswith(_ENTERING))
    rows = tuple((Link(name, f"{name.removesuffix('weight')}bias", phi),) for name in names)
    return replace(subject, rows=(*subject.rows, *rows))


def is_receipt(content: object) -> bool:
    """Return whether JSON is that of an init.json."""
    return isinstance(content, Mapping) and "tensors" in content and "stream_version" in content


def of_receipt(content: Mapping[str, Any], source: str, config: Mapping[str, Any] | None = None) -> Subject:
    """Return what an init.json says of its tensors; fans tell how matrices are stored.

    Raises
    ------
    FormatError
        If a field is missing or malformed, or it is of another version of the stream.
    """
    if content.get("stream_version") != STREAM_VERSION:
        raise FormatError(
            f"{source}: a receipt of version {STREAM_VERSION} of the stream is needed; got version "
            f"{shown(content.get('stream_version'))}. Use the pyinit that wrote it"
        )
    try:
        tensors = tuple(_of_receipt(content["tensors"], config))
        root = Key(*content["key"])
    except PyinitError as error:
        raise FormatError(f"{source}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{source}: the receipt cannot be read ({error!r}); write it again") from None
    return with_config(Subject(source, tensors, root, config))


def _of_receipt(tensors: Mapping[str, Any], config: Mapping[str, Any] | None) -> Iterator[Seen]:
    for name, entry in tensors.items():
        shape, dtype = tuple(map(int, entry["shape"])), str(entry["dtype"])
        recipe: Recipe | None = None
        plan: Plan | None = None
        is_whole = "pieces" not in entry
        if isinstance(entry["recipe"], Mapping) and dtype in FORMATS:
            recipe = from_dict(entry["recipe"])
            if entry.get("content", {}).get("kind") == Quantized.kind:
                # its scales have the range of float32
                dtype = "float32"
            plan = recipe.plan(shape, dtype)
        axes = None
        if len(shape) == 2 and "fan_in" in entry:
            # of a matrix the fans say which side is which
            is_turned = shape == (entry["fan_in"], entry["fan_out"]) and shape[0] != shape[1]
            axes = Axes(layout="jax" if is_turned else "torch")
        key = Key(*entry["key"]) if is_whole and plan is not None else None
        yield with_name(Seen(name, shape, dtype, plan, recipe, key, axes if is_whole else None), config)
