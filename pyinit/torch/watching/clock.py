"""The clock of a training: which optimizers update a module, and which of them counts the steps."""

from __future__ import annotations

from weakref import WeakKeyDictionary, ref

from torch import nn
from torch.optim import Optimizer

__all__ = ["Clock"]


class Clock:
    """Tells one step of a training from the next, where several optimizers may update one module.

    The first optimizer that updates a parameter of the module counts the steps. Another one takes its place
    when it makes two updates in which the first makes none.

    Parameters
    ----------
    module : torch.nn.Module
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        # how many parameters an optimizer has, and whether one of them is the module's
        self._known: WeakKeyDictionary[Optimizer, tuple[int, bool]] = WeakKeyDictionary()
        self._first: ref[Optimizer] | None = None
        self._others: set[int] = set()

    @property
    def has_begun(self) -> bool:
        """Whether an optimizer counts the steps."""
        return self._first is not None

    def concerns(self, optimizer: Optimizer) -> bool:
        """Return whether an optimizer updates the module."""
        groups = [group["params"] for group in optimizer.param_groups]
        count, (known, is_own) = sum(map(len, groups)), self._known.get(optimizer, (-1, False))
        if count != known:
            # it is new, or a group was added to it
            own = {id(one) for one in self._module.parameters()}
            is_own = any(id(one) in own for group in groups for one in group)
            self._known[optimizer] = count, is_own
        return is_own

    def ticks(self, optimizer: Optimizer) -> bool:
        """Return whether a step ends with this update."""
        first = None if self._first is None else self._first()
        if first is not optimizer:
            if first is not None and id(optimizer) not in self._others:
                self._others.add(id(optimizer))
                return False
            self._first = ref(optimizer)
        self._others.clear()
        return True
