"""Which stream each recorded draw has: a name of its own, whoever reads it and whatever was drawn since."""

from __future__ import annotations

from collections.abc import Mapping

from .recording import Draw, Path, Recorded, Write

__all__ = ["name_draws"]


def name_draws(found: Mapping[str, Recorded]) -> None:
    """Give every draw that the recorded tensors need the path of its key; no two have the same.

    Tensors come first, in their order, then what their writes read: temporaries, and what a tensor held
    before it was drawn again.
    """
    names = _Names()
    cells = {id(recorded.cell): (name, recorded) for name, recorded in reversed([*found.items()])}
    owned = [cells[at] for at in dict.fromkeys(id(recorded.cell) for recorded in found.values())]
    paths: dict[int, Path] = {id(recorded.cell): (name,) for name, recorded in owned}
    for name, recorded in owned:
        names.give(recorded.writes, (name,))
    seen: set[int] = set()
    for name, recorded in owned:
        position = 0
        waiting = [(number, write) for number, write in enumerate(recorded.writes)]
        while waiting:
            number, write = waiting.pop(0)
            for read in getattr(write.content, "snapshots", ()):
                if id(read.cell) not in paths:
                    position += 1
                    paths[id(read.cell)] = (name, number, position)
                if id(read.writes) not in seen:
                    seen.add(id(read.writes))
                    names.give(read.writes, paths[id(read.cell)])
                    waiting += [(number, inner) for inner in read.writes]


class _Names:
    """Paths that are given, and the draws that have one."""

    def __init__(self) -> None:
        self._taken: set[Path] = set()
        self._named: set[int] = set()

    def give(self, writes: tuple[Write, ...], path: Path) -> None:
        """Name the draws among the writes of a cell by their numbers, or by the next that is free."""
        for number, write in enumerate(writes):
            draw = write.content
            if not isinstance(draw, Draw) or id(draw) in self._named:
                continue
            chosen = (*path, number) if number else path
            while chosen in self._taken:
                number += 1
                chosen = (*path, number)
            draw.path = chosen
            self._taken.add(chosen)
            self._named.add(id(draw))
