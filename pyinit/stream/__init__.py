"""From a plan, a key and a window to bytes: the stream, what a plan is, and the memory it fills.

Nothing here knows a recipe. `Key` is handed on because pickles name it by this path.
"""

from __future__ import annotations

from .key import Key

__all__ = ["Key"]
