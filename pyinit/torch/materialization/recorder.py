"""Records initialization that runs on meta tensors: torch's operators, and what torch.nn.init skips there.

Two modes of torch, active for one thread. The dispatch mode sees every operator below autograd: what it
writes to a meta tensor is noted, and nothing is computed. What is computed on real tensors, such as a table
of positions, is computed as always; but random numbers and uninitialized memory are asked of the meta device
instead, so that they are drawn later, by name. The function mode (`functions`) sees what no operator shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_leaves, tree_map

from ...errors import PyinitError
from ...recipes.recipe import Recipe
from ..init.drawing import recorders
from ..tensor import WRITTEN
from .functions import Functions
from .operators import CONSTANTS, DRAWN_IN_PLACE, DRAWS, SILENT, UNDECIDED, UNWRITTEN, bound
from .recording import TARGET, Call, Cell, Content, Draw, Lost, Snapshot, Write
from .truncating import shortened
from .view import View

__all__ = ["MARK", "Recorder", "lasting_cell"]

MARK = "_pyinit_constructor"
"""The attribute by which a meta tensor leads to the recorder that saw it made in a recorded constructor."""

aten = torch.ops.aten

# What constructors wrote, by storage, for as long as a tensor leads to its recorder.
_LASTING: WeakValueDictionary[int, Cell] = WeakValueDictionary()


def lasting_cell(tensor: torch.Tensor) -> Cell | None:
    """Return what a recorded constructor, and whoever came after it, wrote to the storage of a tensor."""
    return _LASTING.get(_storage(tensor)) if _plain(tensor) else None


class Recorder:
    """Notes what is written to meta tensors while it is active (``with recorder:``).

    Parameters
    ----------
    kept : iterable of torch.Tensor
        Tensors that stay as they are: what would be written to them is noted in `spared` instead.
    lasting : bool
        Whether constructors run: zeros, ones and the like are asked of the meta device, too, since
        parameters are made of them and drawn into; and what is noted is known to every recorder as long as
        a tensor of it lives.
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
        # they refer to this: what was recorded would wait for the garbage collector
        self._modes = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        return self

    def end(self) -> None:
        """Ask nothing of the meta device from now on that its caller does not ask of it."""
        self.redirected = frozenset()

    @property
    def building(self) -> bool:
        """Whether what is drawn is to be drawn later; after `end` only what meta tensors take part in."""
        return bool(self.redirected)

    def follow(self, func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a function of torch, and note what it writes."""
        with _Operators(self), Functions(self):
            return func(*args, **keywords)

    @staticmethod
    def active() -> Recorder | None:
        """Return the recorder that notes what this thread does."""
        modes = (mode for mode in _get_current_dispatch_mode_stack() if isinstance(mode, _Operators))
        return next((mode.recorder for mode in modes), None)

    def knows(self, tensor: torch.Tensor) -> bool:
        """Tell whether a meta tensor was made, or written to, while this was active."""
        return _plain(tensor) and _storage(tensor) in self.cells

    def hides(self, tensor: torch.Tensor) -> bool:
        """Tell whether a tensor is on the meta device because constructors are recorded.

        Within an operator torch itself asks, to allocate beside it.
        """
        return self.lasting and self.building and not self.operating and tensor.is_meta and self.knows(tensor)

    def cell(self, tensor: torch.Tensor) -> Cell:
        """Return the record of a tensor's storage."""
        at = _storage(tensor)
        found = self.cells.get(at)
        if found is None:
            found = _LASTING.get(at)
            if found is None:
                storage = tensor.untyped_storage()
                found = Cell(int(storage.nbytes()), keep=storage)
                if self.lasting:
                    _LASTING[at] = found
            self.cells[at] = found
        return found

    def write(self, tensor: torch.Tensor, content: Content) -> None:
        """Note that something was written to a tensor."""
        at = _storage(tensor)
        if at in self.kept:
            cell = self.spared.setdefault(at, Cell(int(tensor.untyped_storage().nbytes())))
        else:
            cell = self.cell(tensor)
        cell.add(Write(View.of(tensor), content))
        cell.writes = shortened(cell.writes)

    def draw(self, tensor: torch.Tensor, recipe: Recipe) -> None:
        """Note that a meta tensor was drawn by a recipe."""
        drawn = tensor.dtype in WRITTEN
        self.write(tensor, Draw(recipe) if drawn else Lost(f"{tensor.dtype} has no recipe"))

    def read(self, tensor: torch.Tensor) -> Snapshot:
        """Return a meta tensor as it is now."""
        cell = self.cell(tensor)
        return Snapshot(cell, cell.writes, View.of(tensor))


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _plain(value: Any) -> bool:
    """Tell whether a value is a strided tensor, whose storage says where its elements are."""
    return isinstance(value, torch.Tensor) and value.layout is torch.strided


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator that torch runs."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would import its compiler, for more than a second, only to say that it is not to compile this
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
        """Note what an operator writes, and run it on shapes."""
        keywords = dict(kwargs or {})
        if func in self.recorder.redirected:
            keywords["device"] = torch.device("meta")
            keywords.pop("pin_memory", None)
        operands = [leaf for leaf in tree_leaves((args, keywords)) if isinstance(leaf, torch.Tensor)]
        asked = keywords.get("device") == torch.device("meta")
        if not asked and not any(tensor.is_meta for tensor in operands):
            return self._compute(func, args, keywords, operands)
        if func in DRAWN_IN_PLACE and args[0].is_meta:
            # most of what a module does; its meta kernel would only cost time
            self.recorder.write(args[0], _content(func, args, keywords, args, keywords, args[0]))
            return args[0]
        before = {_storage(tensor) for tensor in operands if _plain(tensor)}
        stored, named = tree_map(self._stored, (args, keywords))
        shapes_args, shapes_keywords = tree_map(_shape_only, (args, keywords))
        if func is aten._to_copy.default and self.recorder.building:
            shapes_keywords["device"] = torch.device("meta")
        try:
            result = func(*shapes_args, **shapes_keywords)
        except NotImplementedError:
            if func is aten._to_copy.default:
                # nothing can be copied out of the meta device once its constructors have ended
                raise
            # not as it is: parametrizations take it as their own, and do without
            raise PyinitError(f"{func} does not run on the meta device") from None
        if func is aten.native_batch_norm.default and args[5]:
            # it trains, and its schema does not say what it changes
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
                    f"{func} writes what is drawn later to a real tensor of {tuple(tensor.shape)}"
                )
        if func._opname.startswith("_foreach_"):
            # without this mode, what it is made of raises them
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
        """Run an operator on real tensors, unless it would change what is kept."""
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
        """Return an argument as it is kept: a snapshot of what is recorded, a copy of what is real."""
        if not isinstance(value, torch.Tensor):
            return value
        return self.recorder.read(value) if value.is_meta else value.detach().clone()


def _shape_only(value: Any) -> Any:
    """Return a real tensor's like on the meta device, other values as they are."""
    if isinstance(value, torch.Tensor) and not value.is_meta and value.dim():
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    return value


def _written(func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> list[torch.Tensor]:
    """Return the tensors that an operator writes to, by its schema."""
    found = []
    for position, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[position] if position < len(args) else keywords.get(argument.name)
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
    """Return what a call of an operator writes to a tensor: one it changes, or one of its results."""
    maker = DRAWS.get(func)
    try:
        if maker is not None and target.dtype in WRITTEN:
            recipe = maker(bound(func, args, keywords))
            if recipe is not None:
                return Draw(recipe)
    except PyinitError as error:
        return Lost(f"{func}: {error}")
    if torch.Tag.nondeterministic_seeded in func.tags:
        return Lost(f"{func} of {target.dtype} has no recipe")
    if func is aten.resize_.default:
        return Lost(f"{func} changes its size")

    def marked(original: Any, value: Any) -> Any:
        return TARGET if original is target and output is None else value

    # a target may be in a list
    call_args, call_keywords = tree_map(marked, (tuple(args), dict(keywords)), (tuple(stored), named))
    if call_keywords.get("device") == torch.device("meta"):
        call_keywords["device"] = torch.device("cpu")
    return Call(func, call_args, call_keywords, output)


recorders.append(Recorder.active)
