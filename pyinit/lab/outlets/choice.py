"""Which outlet a value is: a SummaryWriter, a run of Weights & Biases, a function, or several of them."""

from __future__ import annotations

from typing import Any

from ...errors import ArgumentError
from ...stream.arguments import brief
from .event_files import EventFiles
from .outlet import Call, Outlet
from .wandb_run import WandbRun

__all__ = ["outlets_of"]

_WRITES = ("add_scalar", "add_histogram_raw", "add_image")
_LOGS = ("log", "define_metric", "step")


def outlets_of(to: Any) -> list[Outlet]:
    """Return the outlets that a value means; None is none.

    Raises
    ------
    ArgumentError
        If it is not one.
    """
    if to is None:
        return []
    if isinstance(to, list | tuple):
        return [one for each in to for one in outlets_of(each)]
    if isinstance(to, type):
        raise ArgumentError(f"to needs an object; got the class {to.__name__}. Call it: to={to.__name__}().")
    if all(hasattr(to, name) for name in _WRITES):
        return [EventFiles(to)]
    if all(hasattr(to, name) for name in _LOGS):
        return [WandbRun(to)]
    if callable(to):
        return [Call(to)]
    raise ArgumentError(
        f"to is a SummaryWriter, a run of wandb, a function of step and report, or a list of these; got "
        f"{brief(to)}. Use torch.utils.tensorboard.SummaryWriter()."
    )
