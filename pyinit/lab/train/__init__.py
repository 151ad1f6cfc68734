"""Training a network from several initializations, and what to compare them by."""

from __future__ import annotations

from .comparison import Comparison, compare
from .history import History
from .optimizers import SGD, Adam, Momentum, Optimizer
from .records import Divergence, Score, Snapshot
from .run import train

__all__ = [
    "SGD",
    "Adam",
    "Comparison",
    "Divergence",
    "History",
    "Momentum",
    "Optimizer",
    "Score",
    "Snapshot",
    "compare",
    "train",
]
