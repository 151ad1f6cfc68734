"""Measure speed beside whichever of numpy, torch, jax and oneMKL are installed, in one run.

Contenders take turns, and none is timed before its answer was checked. A ratio is the median over the rounds.
"""

from .command import EXAMPLES, add_arguments, execute, main

__all__ = ["EXAMPLES", "add_arguments", "execute", "main"]
