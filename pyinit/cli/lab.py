"""Watch initialization decide a network's fate: a page in the browser, or an experiment as one file."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..checkpoint.local import write_small
from ..checkpoint.targets import exists_already
from ..errors import ArgumentError, MissingLibraryError
from ..lab.experiment.experiment import Experiment
from ..lab.experiment.limits import LIMITS
from ..lab.experiment.link import from_query, to_query

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = (
    "pyinit lab",
    "pyinit lab 'data=moons' --run he_normal --run normal,scale:0.2",
    "pyinit lab --data mnist --export lab.html",
)

_WORDS = ("data", "activation", "norm", "optimizer")
_NUMBERS = ("depth", "width", "learning_rate", "batch_size", "steps", "seed")
_OF_THE_PAGE = re.compile(r"(?:^|(?<=&))(?:view|lang|theme)=[\w.]+(?=&|$)")
_LIBRARIES = ("starlette", "uvicorn", "websockets")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit lab`` to `parser`."""
    add = parser.add_argument
    add(
        "settings",
        nargs="?",
        default="",
        metavar="SETTINGS",
        help="what to begin with: a link of the lab, or what follows its #, or JSON, or a JSON file",
    )
    for name in _WORDS:
        add(f"--{name}", metavar="NAME", help="in place of the one in SETTINGS")
    for name in _NUMBERS:
        least, most = LIMITS[name]
        add(f"--{name.replace('_', '-')}", metavar="N", help=f"from {least:.12g} to {most:.12g}")
    add(
        "--run",
        action="append",
        metavar="RECIPE[,NAME:VALUE]",
        help="how a run starts, such as he_normal or critical_normal,scale:0.2; up to four times",
    )
    add("--port", type=int, metavar="N", help="0 for any that is free (default 8710, or any that is free)")
    add("--no-browser", action="store_true", help="print the address and open nothing")
    add("--export", type=Path, metavar="FILE", help="train, and write one page that plays it offline")
    add("--frames", type=int, default=120, metavar="N", help="frames of the exported page (default 120)")
    add("--force", action="store_true", help="replace an existing file")
    add("--json", action="store_true", help="print the address, or the file that was written, as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit lab``."""
    wanted = experiment_of(arguments)
    if arguments.export is not None:
        _export(arguments, Experiment() if wanted is None else wanted)
        return 0
    try:
        for library in _LIBRARIES:
            import_module(library)
    except ImportError as error:
        raise MissingLibraryError(
            f"pyinit lab needs {', '.join(_LIBRARIES)}; {error.name} is not installed. "
            "Run pip install 'pyinit-nn[lab]', or write a page with --export."
        ) from None
    from ..lab.serve.launch import launch

    if wanted is not None:
        wanted.networks(wanted.source())
    try:
        options: dict[str, Any] = {"announce": _as_json} if arguments.json else {}
        launch(link_of(arguments, wanted), arguments.port, browser=not arguments.no_browser, **options)
    except KeyboardInterrupt:
        # how it is ended
        print("pyinit lab: ended", file=sys.stderr)
    return 0


def experiment_of(arguments: argparse.Namespace) -> Experiment | None:
    """Return the experiment that the arguments name, or None where they name nothing."""
    content = _read(arguments.settings)
    given = [(name, getattr(arguments, name)) for name in (*_WORDS, *_NUMBERS)]
    parts = [f"{name}={quote(value, safe='')}" for name, value in given if value is not None]
    parts += [f"run={quote(one, safe='')}" for one in arguments.run or ()]
    if not parts:
        return content
    changed = from_query("&".join(parts)).to_dict()
    names = [part.partition("=")[0].replace("run", "runs") for part in parts]
    base = {} if content is None else content.to_dict()
    return Experiment.from_dict(base | {name: changed[name] for name in names})


def link_of(arguments: argparse.Namespace, wanted: Experiment | None) -> str:
    """Return what the page's address has after its #: the experiment, and the page's own settings."""
    if wanted is None:
        return ""
    query = arguments.settings.rpartition("#")[2]
    return "&".join([to_query(wanted), *_OF_THE_PAGE.findall(query)])


def _read(text: str) -> Experiment | None:
    if not text:
        return None
    if text.lstrip().startswith("{"):
        return Experiment.from_json(text)
    if text.endswith(".json"):
        return Experiment.from_json(Path(text).read_text(encoding="utf-8"))
    query = text.partition("#")[2] if "#" in text else text
    if "=" not in query:
        raise ArgumentError(f"needs a link, JSON or a JSON file; got {text!r:.60}. Write 'data=moons'.")
    return from_query(query)


def _export(arguments: argparse.Namespace, wanted: Experiment) -> None:
    from ..lab.export.recording import record

    path: Path = arguments.export
    if not path.parent.is_dir():
        raise ArgumentError(
            f"--export needs a directory that exists; got '{path}'. Make its directory first."
        )
    if not arguments.force and os.path.lexists(path):
        raise exists_already(path)
    page = record(wanted, arguments.frames)
    write_small(path, page.encode(), overwrite=arguments.force)
    if arguments.json:
        print(json.dumps({"file": str(path), "bytes": len(page.encode())}))
    else:
        print(f"wrote {path}", file=sys.stderr)


def _as_json(address: str) -> None:
    print(json.dumps({"address": address}), flush=True)
