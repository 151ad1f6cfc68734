"""The speed table: pyinit beside whichever of numpy, torch, jax and oneMKL are installed, in one run."""

from .command import add_arguments, execute, main

__all__ = ["add_arguments", "execute", "main"]
