"""A caller's recipes for a module's tensors replace the recorded initialization."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from ...errors import PyinitError, RecipeError
from ...recipes.composite import Composite
from ...recipes.distributions import constant, zeros
from ...recipes.recipe import Recipe
from ...recipes.rules import Rule
from ...recipes.scaled import scales_beside
from ..stored import FORMATS
from .dependence import again, following, is_random, last_constants
from .naming import state_names
from .owned import Owned, owned_tensors
from .recording import Call, Cell, Draw, Recorded, Snapshot, Write
from .view import View

__all__ = ["redrawn", "ruled"]


def redrawn(
    module: torch.nn.Module, recorded: Mapping[str, Recorded], recipe: Recipe, prefix: str = ""
) -> dict[str, Recorded]:
    """Return the recording in which one recipe replaces the module's random draws.

    Kernels and embeddings follow the recipe; biases become zeros; norms, constants and buffers keep the
    module's own values. A kernel whose initialization is unknown follows the recipe, too.

    `prefix` is the module's name in the whole model.

    Raises
    ------
    LayoutError
        If the recipe counts fans and the axes of a kernel are unknown. The message names the kernel.
    RecipeError
        If a weight is computed from several tensors that are drawn, other than by weight normalization.
    """
    tensors = list(owned_tensors(module, recorded, prefix))
    # a table is also kept if a head shares it
    own = {tensor.at for tensor in tensors if tensor.use.role == "own"}
    held = {id(tensor.recorded.cell): tensor.recorded.cell for tensor in tensors}
    by_role = {"kernel": Rule("*", recipe), "bias": Rule("*", zeros())}

    def rule_of(tensor: Owned) -> Rule | None:
        if not tensor.is_parameter:
            return None
        is_drawn = is_random(tensor.recorded.writes, held) or tensor.recorded.unmade is not None
        if is_drawn and tensor.place.part == "unknown":
            raise RecipeError(_of_several(tensor))
        if tensor.at in own:
            return None
        return by_role[tensor.use.role] if is_drawn else None

    return _rewritten(tensors, rule_of, keeps_constants=True)


def ruled(
    module: torch.nn.Module, recorded: Mapping[str, Recorded], rules: tuple[Rule, ...], prefix: str = ""
) -> dict[str, Recorded]:
    """Return the recording under rules: the first rule that matches a tensor's name decides.

    A rule matches the names of the state dict, without wrappers. A rule for the name of a parametrized weight
    applies to the tensor from which the weight is computed. Buffers and plain attributes always follow a rule
    with their own name. They follow a pattern only if the module does not initialize them and the pattern
    matches no parameter, so that `"*"` does not apply to them.

    Raises
    ------
    LayoutError, RecipeError
        If a rule does not fit a tensor. The message names the tensor.
    """
    tensors = list(owned_tensors(module, recorded, prefix))
    parameters = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    of_parameters = [*state_names(module, parameters, prefix).values()]
    # a rule that matches real parameters does not apply to buffers either
    for_buffers = tuple(
        rule
        for rule in rules
        if not any(rule.matches(name, is_kernel=kind) for name in of_parameters for kind in (True, False))
    )

    def rule_of(tensor: Owned) -> Rule | None:
        if tensor.place.part == "computed":
            return None
        rule = tensor.rule(rules, tensor.names)
        if rule is not None and not tensor.is_parameter and rule.match not in tensor.names:
            rule = tensor.rule(for_buffers, tensor.names)
        if (
            rule is None
            and tensor.place.part == "unknown"
            and tensor.rule(rules, (tensor.weight,)) is not None
        ):
            raise RecipeError(_of_several(tensor))
        is_known_buffer = not tensor.is_parameter and tensor.recorded.unmade is None
        is_named = rule is not None and rule.match in tensor.names
        return None if is_known_buffer and not is_named else rule

    return _rewritten(tensors, rule_of)


def _check_scales(tensor: Owned, tensors: list[Owned]) -> None:
    """Refuse a rule for a float8 weight that means something only beside its scales."""
    if not FORMATS.get(tensor.recorded.view.dtype, "").startswith("float8"):
        return
    name = tensor.names[0]
    scales = scales_beside(name, (name for each in tensors for name in each.names))
    if scales:
        raise RecipeError(
            f"'{name}' is {FORMATS[tensor.recorded.view.dtype]} with scales, {', '.join(scales)}, and both "
            "are made of one draw. Fill the model before it is quantized, or write its file by "
            "pyinit.write_checkpoint(pyinit.find_spec(file), ...), which makes both."
        )


def _of_several(tensor: Owned) -> str:
    return (
        f"'{tensor.weight}' is computed from several tensors, of which '{tensor.names[0]}' is one. "
        "Give each of them a rule."
    )


def _rewritten(
    tensors: list[Owned], rule_of: Callable[[Owned], Rule | None], *, keeps_constants: bool = False
) -> dict[str, Recorded]:
    """Return the recording in which each tensor follows its rule, if it has one.

    With `keeps_constants`, the parts of a drawn tensor that the module then sets to constants, such as the
    biases of a forget gate, keep the constants.
    """
    cells: dict[int, Cell] = {}
    done: dict[tuple[int, View], tuple[Owned, Rule]] = {}
    directions: dict[tuple[int, str], tuple[Owned, Rule]] = {}
    # an embedding's padding row is zero also if the rule names a tied head
    padding: dict[tuple[int, View], set[int]] = {}
    for tensor in tensors:
        padding.setdefault(tensor.at, set()).update(_padding_rows(tensor))

    def cell_of(tensor: Owned) -> Cell:
        recorded = tensor.recorded
        return cells.setdefault(id(recorded.cell), replace(recorded.cell))

    def write(tensor: Owned, rule: Rule) -> None:
        _check_scales(tensor, tensors)
        cell = cell_of(tensor)
        kept = last_constants(cell.writes) if keeps_constants and tensor.recorded.unmade is None else ()
        try:
            _write(cell, tensor, rule, padding[tensor.at])
        except PyinitError as error:
            raise type(error)(f"'{tensor.names[0]}': {error}") from None
        for constant_part in kept:
            cell.add(constant_part)

    for tensor in tensors:
        rule = rule_of(tensor) if tensor.place.part != "magnitude" else None
        if rule is None:
            continue
        if tensor.at in done:
            _check_tie(tensor, rule, *done[tensor.at])
            continue
        done[tensor.at] = tensor, rule
        write(tensor, rule)
        if tensor.place.part == "direction":
            directions[id(tensor.place.owner), tensor.place.weight] = tensor, rule
    for tensor in tensors:
        if tensor.place.part != "magnitude":
            continue
        rule = rule_of(tensor)
        direction = directions.get((id(tensor.place.owner), tensor.place.weight))
        if direction is not None and rule in (None, direction[1]):
            # the weight then equals its drawn direction
            _follow(cell_of(tensor), tensor, cell_of(direction[0]), direction[0])
        elif rule is not None:
            write(tensor, rule)
    changed = {
        id(tensor.recorded.cell): (tensor.recorded.cell.writes, cells[id(tensor.recorded.cell)])
        for tensor in tensors
        if id(tensor.recorded.cell) in cells
    }
    memo: dict[int, tuple[Write, ...]] = {}
    for tensor in tensors:
        if id(tensor.recorded.cell) not in changed and tensor.place.part != "computed":
            cell = cell_of(tensor)
            cell.writes = following(tensor.recorded.cell.writes, changed, memo)
    held = {id(tensor.recorded.cell): tensor.recorded.cell for tensor in tensors} | cells
    for tensor in tensors:
        if tensor.place.part == "computed":
            cell = cell_of(tensor)
            others = {at: one for at, one in held.items() if at != id(tensor.recorded.cell)}
            cell.writes = again(cell.writes, others)
    return {
        tensor.recorded.name: replace(
            tensor.recorded, cell=cells.get(id(tensor.recorded.cell), tensor.recorded.cell)
        )
        for tensor in tensors
    }


def _check_tie(tensor: Owned, rule: Rule, first: Owned, decided: Rule) -> None:
    """Raise an error for a rule that is about a tensor which another rule has filled under another name."""
    if rule is decided or not (rule.match in tensor.names or rule.advice):
        return
    # a rule with advice says that it matters
    way_out = rule.advice or "Give one rule for both."
    raise RecipeError(
        f"'{tensor.names[0]}' is one tensor with '{first.names[0]}', which follows the rule for "
        f"'{decided.match:.60}'. {way_out}"
    )


def _padding_rows(tensor: Owned) -> tuple[int, ...]:
    """Return the padding row that the owner of a weight keeps at zero, if there is one."""
    row = getattr(tensor.place.owner, "padding_idx", None)
    is_table = tensor.place.weight == "weight" and len(tensor.recorded.shape) >= 2
    return (row,) if is_table and isinstance(row, int) else ()


def _write(cell: Cell, tensor: Owned, rule: Rule, padding: set[int]) -> None:
    """Replace the writes of a tensor by its rule; padding rows are zero."""
    view, name = tensor.recorded.view, tensor.names[0]
    recipe = rule.recipe_for(name)
    if len(view.shape) >= 2 and view.dtype in FORMATS:
        recipe = tensor.use.fit(recipe, view.shape)
    rows = dict.fromkeys((*rule.zero_rows, *sorted(padding)))
    if tensor.place.part == "direction" and (rows or _may_hold_zero_rows(recipe, view)):
        raise RecipeError(
            "a weight-normed weight has no direction where a row of it is zero, and would be NaN; got "
            f"{recipe!r}. Make its magnitude zeros instead, original0 or weight_g."
        )
    cell.forget(view)
    number = len(cell.writes)
    cell.add(Write(view, Draw(recipe, (name, number) if number else (name,))))
    for row in rows:
        if not view.shape or not 0 <= row < view.shape[0]:
            raise RecipeError(f"there is no row {row} in shape {view.shape}. Count from 0.")
        zero = View(view.shape[1:], view.strides[1:], view.offset + row * view.strides[0], view.dtype)
        cell.add(Write(zero, Draw(constant(0.0), (name, len(cell.writes)))))


_SPARSE = frozenset({"sparse", "flattened_sparse", "bernoulli_sparse"})


def _may_hold_zero_rows(recipe: Recipe, view: View) -> bool:
    """Return whether a recipe may make a whole index along the first axis zero."""
    if view.dtype not in FORMATS:
        return False
    if isinstance(recipe, Composite):
        parts = recipe.each(view.shape)
        return any(_may_hold_zero_rows(part, view._replace(shape=extent)) for _, part, extent in parts)
    plan = recipe.plan(view.shape, FORMATS[view.dtype])
    if plan.distribution in ("identity", "dirac"):
        groups = getattr(recipe, "groups", 1)
        return len(view.shape) >= 2 and view.shape[0] > view.shape[1] * groups
    is_zero = plan.bounds == (0.0, 0.0) or (plan.std == 0 and plan.mean in (None, 0.0))
    return plan.distribution in _SPARSE or is_zero


def _follow(cell: Cell, tensor: Owned, source: Cell, direction: Owned) -> None:
    """Make a magnitude the norm of its direction, as weight normalization initializes it."""
    view = tensor.recorded.view
    cell.forget(view)
    read = Snapshot(source, source.writes, direction.recorded.view)
    norm = torch.ops.aten.norm_except_dim.default
    cell.add(Write(view, Call(norm, (read, 2, tensor.place.dim), {}, output=0)))
