"""A model's own initialization, recorded: traced once, and every leaf drawn by its name."""

from __future__ import annotations

from .initialization import init

__all__ = ["init"]
