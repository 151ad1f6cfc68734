"""Every number that decides a checkpoint, known before a byte is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ..errors import PyinitError, RecipeError
from ..recipes.distributions import Constant
from ..recipes.matching import check_matched, deciding
from ..recipes.recipe import Recipe
from ..recipes.rules import CONVENTIONS, Rule, fitted, is_one_recipe, rules_of
from ..stream.key import Key, as_key
from ..stream.plan import Plan
from .contents import Content, Copied, Drawn, Filled
from .quantized import SUFFIX, BlockScales, Quantized, blocks_of
from .rectangles import Rearranged
from .spec import Spec, TensorSpec
from .spec_json import spec_from_shapes

__all__ = ["Blueprint", "Draft", "draw_up"]


@dataclass(frozen=True)
class Draft:
    """One tensor, decided.

    Parameters
    ----------
    name, shape, dtype
        As in the spec.
    key : Key
        ``key(seed).fold_in(name)``.
    recipe : Recipe or None
        What it should be; None where no recipe says so, as for bytes that are copied.
    content : Content
        What makes its bytes.
    fans : tuple of int or float, or None
        (fan_in, fan_out) of a kernel, whether or not the recipe counts them.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    key: Key
    recipe: Recipe | None
    content: Content
    fans: tuple[float, float] | None
    nbytes: int

    @property
    def plan(self) -> Plan | None:
        """The numbers of what is drawn, also as a part of another tensor; None for other contents."""
        content = self.content.weight if isinstance(self.content, Quantized) else self.content
        return content.plan if isinstance(content, Drawn | Rearranged) else None

    @property
    def zero_rows(self) -> tuple[int, ...]:
        """Rows that are zero all the same."""
        return self.content.zero_rows if isinstance(self.content, Drawn) else ()

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of the receipt."""
        content: dict[str, Any] = {
            "shape": list(self.shape),
            "dtype": self.dtype,
            "bytes": self.nbytes,
            "recipe": self.content.kind if self.recipe is None else self.recipe.to_dict(),
        }
        if self.zero_rows:
            content["zero_rows"] = list(self.zero_rows)
        if self.fans is not None:
            content["fan_in"], content["fan_out"] = self.fans
        if self.plan is not None:
            content["gain"], content["std"] = self.plan.gain, self.plan.std
            content["bounds"] = None if self.plan.bounds is None else list(self.plan.bounds)
        content["key"] = [self.key.seed, self.key.offset]
        if not self._is_told():
            content["content"] = self.content.to_dict()
        return content

    def _is_told(self) -> bool:
        """Tell whether shape, recipe, rows and key alone say what the bytes are."""
        if self.recipe is None or not isinstance(self.content, Drawn) or self.content.key != self.key:
            return False
        plan = self.content.plan
        return plan.shape == self.shape and self.recipe.plan(self.shape, self.dtype) == plan


@dataclass(frozen=True)
class Blueprint:
    """A whole checkpoint, decided: its spec, the rules, the key and a `Draft` for each tensor."""

    spec: Spec
    rules: tuple[Rule, ...]
    key: Key
    drafts: tuple[Draft, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return self.spec.nbytes

    def untied(self) -> Blueprint:
        """Return it with every tied tensor under each of its names."""
        spec = self.spec
        at = {tensor.name: number for number, tensor in enumerate(spec.tensors)}
        tensors, drafts = [*spec.tensors], [*self.drafts]
        for alias, owner in spec.ties.items():
            tensors.append(replace(tensors[at[owner]], name=alias))
            drafts.append(replace(drafts[at[owner]], name=alias))
        return replace(self, spec=replace(spec, tensors=tuple(tensors), ties={}), drafts=tuple(drafts))

    def table(self) -> Iterator[str]:
        """Yield the lines of a table: each tensor's shape, fans, std, bounds, stream key and bytes."""
        heads = (
            "tensor",
            "shape",
            "dtype",
            "distribution",
            "fan_in",
            "fan_out",
            "std",
            "bounds",
            "key",
            "bytes",
        )
        rows = [heads, *(_row(draft) for draft in self.drafts)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
        for row in rows:
            # names to the left, numbers to the right
            cells = [cell.ljust(width) for cell, width in zip(row[:4], widths[:4], strict=True)]
            cells += [cell.rjust(width) for cell, width in zip(row[4:], widths[4:], strict=True)]
            yield "  ".join(cells).rstrip()
        for alias, owner in self.spec.ties.items():
            yield f"{alias} shares {owner}"


def draw_up(
    spec: Spec | Mapping[str, Any], recipes: object, key: int | Key, dtype: str | None = None
) -> Blueprint:
    """Decide every tensor of a checkpoint.

    Parameters
    ----------
    spec : Spec or mapping of str to shape
        The model.
    recipes : Recipe, str, mapping or sequence of (pattern, recipe), or None
        As `pyinit.write_checkpoint` takes them; None asks for the spec's own rules.
    key : int or Key
        The seed; each tensor's key is folded in from its name.
    dtype : str, optional
        For all floating tensors; by default the spec's.

    Returns
    -------
    Blueprint
        The tensors in the spec's order.

    Raises
    ------
    RecipeError
        If no rule matches a tensor, or its recipe cannot make it: the message names the tensor. If a pattern
        matches no tensor: the message names the nearest names.
    """
    model = spec if isinstance(spec, Spec) else spec_from_shapes(spec)
    if dtype is not None:
        model = model.with_dtype(dtype)
    if recipes is not None:
        rules = rules_of(recipes, model.rules)
        if not is_one_recipe(recipes):
            of_model = (*CONVENTIONS, *(model.rules or ()))
            given = [rule for rule in rules if rule not in of_model]
            check_matched(given, (tensor.name for tensor in model.tensors), model.ties)
    elif model.rules is not None:
        rules = model.rules
    else:
        raise RecipeError(f"{model.source} has no recipe of its own; give one, such as he_normal")
    root, decide = as_key(key), deciding(rules)
    # one recipe is for what is drawn, so that integers of a file are copied
    kept = deciding(model.rules or CONVENTIONS) if is_one_recipe(recipes) else decide
    blocks = blocks_of(model)
    scales = {name + SUFFIX: name for name in blocks}
    drafts = {
        tensor.name: _draft(
            # what has scales is drawn before it is quantized
            replace(tensor, dtype="float32") if tensor.name in blocks else tensor,
            (decide if tensor.copied_from is None else kept)(tensor.name, tensor.is_kernel),
            root,
        )
        for tensor in model.tensors
        if tensor.name not in scales
    }
    decided = tuple(
        _scales(tensor, drafts[scales[tensor.name]], blocks[scales[tensor.name]])
        if tensor.name in scales
        else _quantized(tensor, drafts[tensor.name], blocks.get(tensor.name))
        for tensor in model.tensors
    )
    # a rule that refuses has decided for no tensor, and no JSON could hold it
    return Blueprint(model, tuple(rule for rule in rules if not rule.recipe.is_refusal), root, decided)


def _draft(tensor: TensorSpec, rule: Rule | None, root: Key) -> Draft:
    recipe: Recipe | None
    content: Content
    plan = None
    key = root.fold_in(tensor.name)
    if not tensor.is_float:
        # random numbers have no integer form: constants are written, everything else is copied
        recipe = rule.recipe if rule is not None and isinstance(rule.recipe, Constant) else None
        if recipe is None and tensor.copied_from is None:
            raise RecipeError(
                f"tensor '{tensor.name}' is {tensor.dtype}, which only a constant can fill; "
                f'add a rule such as {{"match": "{tensor.name}", "recipe": "zeros"}} before the others'
            )
        if recipe is not None:
            content = Filled(_integer(tensor, recipe), tensor.dtype)
        else:
            assert tensor.copied_from is not None
            content = Copied(*tensor.copied_from, tensor.name)
    elif rule is None:
        raise RecipeError(
            f"no rule matches tensor '{tensor.name}' of shape {tensor.shape}; add one, "
            'or end the rules with the pattern "*"'
        )
    else:
        try:
            recipe = _fitted(rule.recipe_for(tensor.name), tensor)
            plan = recipe.plan(tensor.shape, tensor.dtype)
            rule.check_rows(tensor.shape)
        except PyinitError as error:
            raise type(error)(f"tensor '{tensor.name}': {error}") from None
        content = Drawn(plan, key, rule.zero_rows)
    fans = _fans(tensor, plan)
    return Draft(tensor.name, tensor.shape, tensor.dtype, key, recipe, content, fans, tensor.nbytes)


def _quantized(tensor: TensorSpec, draft: Draft, block: tuple[int, int] | None) -> Draft:
    """Return the draft of a weight's numbers in float8, if it has blocks."""
    if block is None:
        return draft
    assert isinstance(draft.content, Drawn), "a float8 tensor is drawn"
    return replace(draft, dtype=tensor.dtype, content=Quantized(draft.content, block), nbytes=tensor.nbytes)


def _scales(tensor: TensorSpec, weight: Draft, block: tuple[int, int]) -> Draft:
    assert isinstance(weight.content, Drawn), "a float8 tensor is drawn"
    content = BlockScales(weight.content, block)
    return Draft(tensor.name, tensor.shape, tensor.dtype, weight.key, None, content, None, tensor.nbytes)


def _fitted(recipe: Recipe, tensor: TensorSpec) -> Recipe:
    if not tensor.is_kernel:
        return recipe
    return fitted(recipe, tensor.axes, tensor.shape, is_convolution=tensor.is_convolution)


def _integer(tensor: TensorSpec, recipe: Constant) -> int:
    """Return the value of a constant; one that the dtype does not hold exactly is refused."""
    # for what has no range, zero is enough
    low, high = 0, int(tensor.dtype == "bool")
    if tensor.dtype.startswith(("int", "uint")):
        info = np.iinfo(tensor.dtype)
        low, high = int(info.min), int(info.max)
    if not (low <= recipe.value <= high and recipe.value == int(recipe.value)):
        raise RecipeError(
            f"tensor '{tensor.name}' is {tensor.dtype}, which cannot hold {recipe.value}; use zeros or ones"
        )
    return int(recipe.value)


def _fans(tensor: TensorSpec, plan: Plan | None) -> tuple[float, float] | None:
    if plan is not None and plan.fan_in is not None and plan.fan_out is not None:
        return plan.fan_in, plan.fan_out
    if not tensor.is_kernel or prod(tensor.shape) == 0:
        return None
    axes, rank = tensor.axes, len(tensor.shape)
    is_explained = axes.in_axis is not None and axes.out_axis is not None
    if not (tensor.is_convolution or is_explained or rank - len(axes.batch(rank)) == 2):
        return None
    try:
        return axes.fans(tensor.shape)
    except PyinitError as error:
        raise type(error)(f"tensor '{tensor.name}': {error}") from None


def _aside(draft: Draft) -> str:
    if draft.plan is not None and isinstance(draft.content, Rearranged):
        return " (part of another)"
    if isinstance(draft.content, Quantized):
        return " (scaled)"
    return " (zero rows)" if draft.zero_rows else ""


def _row(draft: Draft) -> tuple[str, ...]:
    fan_in, fan_out = draft.fans or ("-", "-")
    std, bounds = "-", "-"
    if draft.plan is not None:
        std = "-" if draft.plan.std is None else f"{draft.plan.std:.6g}"
        bounds = "-" if draft.plan.bounds is None else "[{:.4g}, {:.4g}]".format(*draft.plan.bounds)
    kinds = {"filled": "constant"}
    distribution = kinds.get(draft.content.kind, draft.content.kind)
    if draft.plan is not None:
        distribution = draft.plan.distribution
    return (
        draft.name,
        "x".join(map(str, draft.shape)) or "scalar",
        draft.dtype,
        distribution + _aside(draft),
        str(fan_in),
        str(fan_out),
        std,
        bounds,
        f"{draft.key.seed:016x}:{draft.key.offset:016x}",
        str(draft.nbytes),
    )
