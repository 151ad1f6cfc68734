"""The table of model recipes by name."""

from __future__ import annotations

from . import encoders, language, recurrent, rwkv, special, uniform, vision
from .entry import Entry

__all__ = ["BUILTIN", "TABLE", "table"]

TABLE: dict[str, Entry] = {
    entry.name: entry
    for module in (uniform, language, encoders, vision, recurrent, rwkv, special)
    for entry in module.ENTRIES
}
"""The recipes of models, by name."""

BUILTIN = frozenset(TABLE)
"""The names of pyinit's own."""


def table() -> str:
    """Return pyinit's own model recipes as a table in Markdown; ``docs/reference/models.md`` holds it."""
    heads = ("name", "options", "what it draws", "source", "who uses it, and when")
    own = (TABLE[name].cells() for name in TABLE if name in BUILTIN)
    lines = [heads, ("---",) * len(heads), *own]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    print(table(), end="")
