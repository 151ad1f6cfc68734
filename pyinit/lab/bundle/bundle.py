"""The page's files as they are sent: `served`, each alone; `script_of`, all as one, for a notebook or a file.

Each module becomes a function that runs once and returns what it exports. This needs modules that import by
name, one statement each, export declarations alone, and depend on each other in no circle; anything else is
refused, so that a page that cannot be bundled fails its tests.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["script_of", "served", "style"]

PAGE = Path(__file__).parents[1] / "page"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "([\w./-]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*$|\bimport\(\"", re.MULTILINE)
_COMMENTS = re.compile(r"/\*\*.*?\*/", re.DOTALL)


def style() -> str:
    """Return the page's style sheet."""
    return (PAGE / "page.css").read_text(encoding="utf-8")


def served(path: Path) -> str:
    """Return a file of the page as a browser gets it: modules without comments, on the same lines."""
    text = path.read_text(encoding="utf-8")
    return _COMMENTS.sub(lambda one: "\n" * one[0].count("\n"), text) if path.suffix == ".js" else text


def script_of(entry: Path, last: str) -> str:
    """Return a module and all that it imports as the text of one module.

    Parameters
    ----------
    entry : Path
        The module.
    last : str
        A statement to end with; ``entry`` is what the module exports.

    Raises
    ------
    ValueError
        If a module is written in a way that cannot be bundled.
    """
    made: dict[Path, str] = {}
    _add(entry.resolve(), made, ())
    numbers = {path: at for at, path in enumerate(made)}
    parts = [f"const m{numbers[path]} = {text};" for path, text in made.items()]
    text = "\n".join([*parts, f"const entry = m{len(parts) - 1};", last, ""])
    # a comment or a string must not end the script element that holds it
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _add(path: Path, made: dict[Path, str], above: tuple[Path, ...]) -> None:
    """Put what a module imports, then the module, into `made`."""
    if path in above:
        raise ValueError(f"{path.name} imports itself, by way of {', '.join(one.name for one in above)}")
    if path in made:
        return
    text = _COMMENTS.sub("", path.read_text(encoding="utf-8"))
    for found in _IMPORT.finditer(text):
        _add((path.parent / found[2]).resolve(), made, (*above, path))
    numbers = {one: at for at, one in enumerate(made)}

    def bound(found: re.Match[str]) -> str:
        names = found[1].replace(" as ", ": ")
        return f"const {{{names}}} = m{numbers[(path.parent / found[2]).resolve()]};"

    exported = _EXPORT.findall(text)
    text = _EXPORT.sub("", _IMPORT.sub(bound, text))
    if other := _OTHER.search(text):
        raise ValueError(f"{path.name} cannot be bundled: {other[0]!r}")
    made[path] = f"(() => {{\n{text.strip()}\nreturn {{ {', '.join(exported)} }};\n}})()"
