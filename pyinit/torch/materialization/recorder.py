"""The recorder of initialization on meta tensors: torch's operators, and the calls that torch.nn.init skips.

It consists of two modes of torch, which are active in one thread. The dispatch mode sees every operator below
autograd. It records writes to meta tensors without computing them. Operations on real tensors, such as a
table of positions, are computed as usual; but random numbers and uninitialized memory are allocated on the
meta device, so that they are drawn later, by name. The function mode (`functions`) sees the effects that no
operator shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_leaves, tree_map

from ...errors import PyinitError
from ...recipes.recipe import Recipe
from ..init.drawing import recorders
from ..stored import FORMATS
from .functions import Functions
from .operators import CONSTANTS, DRAWN_IN_PLACE, DRAWS, SILENT, UNDECIDED, UNWRITTEN, arguments_of
from .recording import TARGET, Call, Cell, Content, Draw, Lost, Snapshot, Write
from .truncating import shortened
from .view import View

__all__ = ["MARK", "Recorder", "lasting_cell"]

MARK = "_pyinit_constructor"
"""The attribute of a meta tensor for the recorder of the constructor that made it."""

aten = torch.ops.aten

# The writes of constructors, by storage, for as long as a tensor refers to its recorder.
_LASTING: WeakValueDictionary[int, Cell] = WeakValueDictionary()


def lasting_cell(tensor: torch.Tensor) -> Cell | None:
    """Return the cell of a tensor's storage, with the writes of a recorded constructor and later; or None."""
    return _LASTING.get(_storage(tensor)) if _plain(tensor) else None


class Recorder:
    """Records the writes to meta tensors while it is active (``with recorder:``).

    Parameters
    ----------
    kept : iterable of torch.Tensor
        Tensors that stay unchanged; the writes to them are recorded in `spared` instead.
    lasting : bool
        Whether constructors are recorded. Then zeros, ones and the like are allocated on the meta device,
        too, because constructors make parameters of them and draw into them; and every recorder knows the
        writes as long as one of the tensors lives.
    """

    def __init__(self, kept: Iterable[torch.Tensor] = (), *, lasting: bool = False) -> None:
        self.cells: dict[int, Cell] = {}
        self.spared: dict[int, Cell] = {}
        self.lasting = lasting
        self.operating = False
        self.redirected = UNDECIDED | CONSTANTS if lasting else UNDECIDED
        self.kept = {_storage(tensor) for tensor in kept if _plain(tensor)}
        self._modes: tuple[Any, ...] = ()

    def __enter__(self) -> Recorder:
        self._modes = (_Operators(self), Functions(self))
        for mode in self._modes:
            mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*raised)
        # the modes refer to the recorder; without the cycle it is freed without the garbage collector
        self._modes = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        return self

    def end(self) -> None:
        """Stop the allocation on the meta device of tensors for which the caller names another device."""
        self.redirected = frozenset()

    @property
    def building(self) -> bool:
        """Whether all draws are made later; after `end`, only draws with meta tensors are."""
        return bool(self.redirected)

    def follow(self, func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a function of torch, and record its writes."""
        with _Operators(self), Functions(self):
            return func(*args, **keywords)

    @staticmethod
    def active() -> Recorder | None:
        """Return the active recorder of this thread, or None."""
        modes = (mode for mode in _get_current_dispatch_mode_stack() if isinstance(mode, _Operators))
        return next((mode.recorder for mode in modes), None)

    def knows(self, tensor: torch.Tensor) -> bool:
        """Return whether a meta tensor was made or written while the recorder was active."""
        return _plain(tensor) and _storage(tensor) in self.cells

    def keeps(self, tensor: torch.Tensor) -> bool:
        """Return whether a strided tensor stays unchanged."""
        return _storage(tensor) in self.kept

    def hides(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor is on the meta device only because constructors are recorded.

        It is not hidden within an operator, where torch itself reads the device to allocate results.
        """
        return self.lasting and self.building and not self.operating and tensor.is_meta and self.knows(tensor)

    def cell(self, tensor: torch.Tensor) -> Cell:
        """Return the cell of a tensor's storage."""
        at = _storage(tensor)
        return self.cells.get(at) or self._new_cell(tensor, at)

    def _new_cell(self, tensor: torch.Tensor, at: int) -> Cell:
        cell = _LASTING.get(at)
        if cell is None:
            storage = tensor.untyped_storage()
            cell = Cell(int(storage.nbytes()), keep=storage)
            if self.lasting:
                _LASTING[at] = cell
        self.cells[at] = cell
        return cell

    def write(self, tensor: torch.Tensor, content: Content) -> None:
        """Record a write to a tensor."""
        at = _storage(tensor)
        if at in self.kept:
            cell = self.spared.setdefault(at, Cell(int(tensor.untyped_storage().nbytes())))
        else:
            cell = self.cells.get(at) or self._new_cell(tensor, at)
        cell.add(Write(View.of(tensor), content))
        if isinstance(content, Call):
            cell.writes = shortened(cell.writes)

    def draw(self, tensor: torch.Tensor, recipe: Recipe) -> None:
        """Record that a recipe draws a meta tensor."""
        is_drawn = tensor.dtype in FORMATS
        self.write(tensor, Draw(recipe) if is_drawn else Lost(f"{tensor.dtype} has no recipe"))

    def snapshot(self, tensor: torch.Tensor) -> Snapshot:
        """Return a snapshot of a meta tensor."""
        cell = self.cell(tensor)
        return Snapshot(cell, cell.writes, View.of(tensor))


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _plain(value: Any) -> bool:
    """Return whether a value is a strided tensor, whose elements have places in its storage."""
    return isinstance(value, torch.Tensor) and value.layout is torch.strided


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode that sees every operator that torch runs."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would import its compiler, which takes more than a second, to skip this mode
        return False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        outer, self.recorder.operating = self.recorder.operating, True
        try:
            return self._operate(func, args, kwargs)
        finally:
            self.recorder.operating = outer

    def _operate(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> Any:
        """Record the writes of an operator, and run it on shapes."""
        keywords = dict(kwargs or {})
        if func in self.recorder.redirected:
            keywords["device"] = torch.device("meta")
            keywords.pop("pin_memory", None)
        operands = _tensors((*args, *keywords.values()))
        is_requested = keywords.get("device") == torch.device("meta")
        if not is_requested and not any(tensor.is_meta for tensor in operands):
            return self._compute(func, args, keywords, operands)
        if func in DRAWN_IN_PLACE and args[0].is_meta:
            # most operators of a module are of this kind, and their meta kernels would only cost time
            self.recorder.write(args[0], _content(func, args, keywords, args, keywords, args[0]))
            return args[0]
        before = {_storage(tensor) for tensor in operands if _plain(tensor)}
        stored, named, shapes_args, shapes_keywords = args, keywords, args, keywords
        if operands:
            stored, named = tree_map(self._stored, (args, keywords))
            shapes_args, shapes_keywords = tree_map(_shape_only, (args, keywords))
        if func is aten._to_copy.default and self.recorder.building:
            shapes_keywords["device"] = torch.device("meta")
        try:
            result = func(*shapes_args, **shapes_keywords)
        except NotImplementedError:
            if func is aten._to_copy.default:
                # after the constructors, nothing can be copied from the meta device
                raise
            # parametrizations would catch torch's error and continue without the result
            raise PyinitError(f"{func} does not run on the meta device") from None
        if func is aten.native_batch_norm.default and args[5]:
            # in training it changes these, which its schema does not declare
            for running in args[3:5]:
                if isinstance(running, torch.Tensor) and running.is_meta:
                    self.recorder.write(running, Lost(f"{func} changes it"))
        written = _written(func, args, keywords)
        for tensor in written:
            kept = _plain(tensor) and _storage(tensor) in self.recorder.kept
            if (tensor.is_meta or kept) and func not in SILENT:
                self.recorder.write(tensor, _content(func, args, keywords, stored, named, tensor))
            elif not tensor.is_meta and not kept:
                raise PyinitError(
                    f"{func} writes values that are drawn later to a real tensor of {tuple(tensor.shape)}"
                )
        if func._opname.startswith("_foreach_"):
            # without this mode, the operators inside it raise the versions
            torch.autograd.graph.increment_version(written)
        if not written:
            for number, tensor in enumerate(tree_leaves(result)):
                if _plain(tensor) and tensor.is_meta and _storage(tensor) not in before:
                    self.recorder.cell(tensor)
                    if self.recorder.lasting:
                        setattr(tensor, MARK, self.recorder)
                    if func not in UNWRITTEN:
                        content = _content(func, args, keywords, stored, named, tensor, number)
                        self.recorder.write(tensor, content)
        return result

    def _compute(
        self, func: Any, args: tuple[Any, ...], keywords: dict[str, Any], operands: list[torch.Tensor]
    ) -> Any:
        """Run an operator on real tensors, unless it would change a kept tensor."""
        written = _written(func, args, keywords)
        spared = [tensor for tensor in written if _plain(tensor) and _storage(tensor) in self.recorder.kept]
        if spared:
            stored, named = tree_map(self._stored, (args, keywords))
            for tensor in spared:
                self.recorder.write(tensor, _content(func, args, keywords, stored, named, tensor))
            return written[0] if len(written) == 1 else tuple(written)
        if torch.Tag.nondeterministic_seeded in func.tags and self.recorder.building:
            raise PyinitError(f"{func} draws random numbers outside of the meta device")
        return func(*args, **keywords)

    def _stored(self, value: Any) -> Any:
        """Return an argument to keep: a snapshot of a meta tensor, a copy of a real one."""
        if not isinstance(value, torch.Tensor):
            return value
        return self.recorder.snapshot(value) if value.is_meta else value.detach().clone()


def _shape_only(value: Any) -> Any:
    """Return a tensor like a real one on the meta device; return other values as they are."""
    if isinstance(value, torch.Tensor) and not value.is_meta and value.dim():
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    return value


def _written(func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> list[torch.Tensor]:
    """Return the tensors that an operator writes, by its schema."""
    tensors = []
    for position, name in _changed(func):
        tensors += _tensors((args[position] if position < len(args) else keywords.get(name),))
    return tensors


@cache
def _changed(func: Any) -> tuple[tuple[int, str], ...]:
    """Return the places and names of the arguments that an operator writes."""
    arguments = enumerate(func._schema.arguments)
    return tuple(
        (position, each.name)
        for position, each in arguments
        if each.alias_info is not None and each.alias_info.is_write
    )


def _tensors(values: Iterable[Any]) -> list[torch.Tensor]:
    """Return the tensors among an operator's arguments, which may be in lists."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple | dict) and not (
            value and isinstance(value, list) and type(value[0]) is int
        ):
            # a list of sizes holds no tensor, and most lists are of sizes
            found += [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]
    return found


def _content(
    func: Any,
    args: tuple[Any, ...],
    keywords: Mapping[str, Any],
    stored: tuple[Any, ...],
    named: dict[str, Any],
    target: torch.Tensor,
    output: int | None = None,
) -> Content:
    """Return the content that an operator's call writes to a tensor, which it changes or returns."""
    maker = DRAWS.get(func)
    try:
        if maker is not None and target.dtype in FORMATS:
            recipe = maker(arguments_of(func, args, keywords))
            if recipe is not None:
                return Draw(recipe)
    except PyinitError as error:
        return Lost(f"{func}: {error}")
    if torch.Tag.nondeterministic_seeded in func.tags:
        return Lost(f"{func} of {target.dtype} has no recipe")
    if func is aten.resize_.default:
        return Lost(f"{func} changes its size")

    def marked(original: Any, value: Any) -> Any:
        return TARGET if original is target else value

    call_args, call_keywords = tuple(stored), dict(named)
    if output is None:
        # the target may be in a list
        call_args, call_keywords = tree_map(marked, (tuple(args), dict(keywords)), (call_args, call_keywords))
    if call_keywords.get("device") == torch.device("meta"):
        call_keywords["device"] = torch.device("cpu")
    return Call(func, call_args, call_keywords, output)


recorders.append(Recorder.active)
