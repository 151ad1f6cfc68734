"""Imports and includes point one way: the order of folders in ARCHITECTURE.md, checked against the sources.

The order says which folder may import which. Inside a folder any order will do, but there is no circle: not
between files, not between folders, and no import hides in a function, under TYPE_CHECKING or in sys.modules.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The reference is the specification: it may know neither plans nor kernels.
SPECIFICATION = {"errors", "stream/dtypes", "stream/key"}

Order: TypeAlias = list[list[str]]
# From each file to the files that it imports. A file is its path below the folder; Python's have no ending.
Graph: TypeAlias = dict[str, set[str]]


def order_of(folder: str) -> Order:
    """Return the levels that ARCHITECTURE.md writes in the block "order of FOLDER", the lowest first."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^```order of {folder}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f'ARCHITECTURE.md needs one block "order of {folder}"; it has {len(blocks)}'
    return [level.split() for level in blocks[0].split("|")]


def python_imports(package: Path) -> Graph:
    """Return what every file of a package imports, wherever in the file the import stands."""
    graph: Graph = {}
    files = [*package.rglob("*.py"), *package.rglob("*.pyi"), *package.rglob("*.pyx")]
    known = {path.relative_to(package).with_suffix("").as_posix() for path in files}
    for path in sorted(files):
        name = path.relative_to(package).with_suffix("").as_posix()
        found = {file_of(parts, known) for parts in imported(path, path.relative_to(package).parts[:-1])}
        graph[name] = graph.get(name, set()) | (found - {name})
    return graph


def imported(path: Path, here: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the parts below the package of every name that a file in the folder `here` imports."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".pyx":
        text = "\n".join(re.findall(r"^from \.+[\w.]* import [\w, ]+$", text, re.MULTILINE))
    tree = ast.parse(text)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = here[: len(here) - node.level + 1]
            elif (node.module or "").split(".")[0] == "pyinit":
                base = ()
            else:
                continue
            module = tuple(node.module.split(".")) if node.module else ()
            parts = base + (module if node.level else module[1:])
            yield from ((*parts, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from (tuple(parts[1:]) for parts in names if parts[0] == "pyinit")
        elif isinstance(node, ast.Constant) and id(node) not in documentation:
            # a module named by text is found in sys.modules or imported later
            yield from (
                tuple(name.split(".")[1:]) for name in re.findall(r"^pyinit(?:\.\w+)+$", str(node.value))
            )


def file_of(parts: tuple[str, ...], known: set[str]) -> str:
    """Return the file that an import reaches: a module, or the `__init__` that defines a name."""
    for length in range(len(parts), -1, -1):
        name = "/".join(parts[:length])
        if name in known:
            return name
        inside = f"{name}/__init__" if name else "__init__"
        if inside in known:
            return inside
    return "__init__"


def cpp_includes(sources: Path) -> Graph:
    """Return what every header and every source file includes."""
    graph: Graph = {}
    include = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
    for path in sorted(chain(sources.rglob("*.hpp"), sources.rglob("*.cpp"), sources.rglob("*.inc"))):
        places = []
        for name in include.findall(path.read_text(encoding="utf-8")):
            beside = path.parent / name
            places.append(beside if beside.exists() else sources / name)
        found = {place.resolve().relative_to(sources.resolve()).as_posix() for place in places}
        graph[path.relative_to(sources).as_posix()] = found
    return graph


def level_of(file: str, order: Order) -> tuple[int, str]:
    """Return the level of a file and the entry of the order that names it: the longest that fits."""
    fitting = [
        (level, entry)
        for level, entries in enumerate(order)
        for entry in entries
        if file == entry or file.startswith((f"{entry}/", f"{entry}."))
    ]
    assert fitting, f"{file} has no place in the order; write its folder into ARCHITECTURE.md"
    return max(fitting, key=lambda each: len(each[1]))


def arrows_back(graph: Graph, order: Order) -> list[str]:
    """Return the imports that do not point to a lower level, but for those inside one entry of the order."""
    wrong = []
    for importer, targets in graph.items():
        level, entry = level_of(importer, order)
        for target in sorted(targets):
            below, other = level_of(target, order)
            if other != entry and below >= level:
                wrong.append(f"{importer} imports {target}")
    return wrong


def circles(graph: Graph) -> list[str]:
    """Return the circles between the files and folders of each folder, at every depth."""
    nodes = set(graph).union(*graph.values())
    folders = {"/".join(node.split("/")[:depth]) for node in nodes for depth in range(node.count("/") + 1)}
    return [
        f"{folder or '.'}: {' <-> '.join(circle)}"
        for folder in sorted(folders)
        for circle in knots(between_children(graph, folder))
    ]


def between_children(graph: Graph, folder: str) -> Graph:
    """Return the imports between the files and folders that lie directly in `folder`."""
    start = f"{folder}/" if folder else ""

    def child(file: str) -> str | None:
        return file[len(start) :].split("/")[0] if file.startswith(start) else None

    made: Graph = {}
    for importer, targets in graph.items():
        own = child(importer)
        if own is not None:
            others = {child(target) for target in targets} - {own, None}
            made.setdefault(own, set()).update(other for other in others if other is not None)
    return made


def knots(graph: Graph) -> list[list[str]]:
    """Return the sets of nodes that reach each other."""
    reached = {node: reach(graph, node) for node in graph}
    groups = {
        tuple(sorted(other for other in ahead if node in reached.get(other, set())))
        for node, ahead in reached.items()
        if node in ahead
    }
    return [list(group) for group in sorted(groups)]


def reach(graph: Graph, start: str) -> set[str]:
    """Return every node that is reached from `start` by one arrow or more."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in graph.get(waiting.pop(), set()) - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def outside_the_specification(graph: Graph) -> list[str]:
    """Return what the reference imports though a specification must not know it."""
    return [
        f"{importer} imports {target}"
        for importer, targets in graph.items()
        if importer.startswith("reference/")
        for target in sorted(targets)
        if not target.startswith("reference/") and target not in SPECIFICATION
    ]


def python_outside_bindings(sources: Path) -> list[str]:
    """Return the files that include Python, NumPy or pybind11, but for those of bindings."""
    pattern = re.compile(r"^\s*#\s*include\s+<(?:pybind11|Python\.h|numpy)", re.MULTILINE)
    files = chain(sources.rglob("*.hpp"), sources.rglob("*.cpp"), sources.rglob("*.inc"))
    return sorted(
        path.relative_to(sources).as_posix()
        for path in files
        if path.relative_to(sources).parts[0] != "bindings"
        and pattern.search(path.read_text(encoding="utf-8"))
    )


def test_python_imports_point_one_way() -> None:
    graph = python_imports(ROOT / "pyinit")
    assert arrows_back(graph, order_of("pyinit")) == []
    assert circles(graph) == []
    assert outside_the_specification(graph) == []


def test_cpp_includes_point_one_way() -> None:
    graph = cpp_includes(ROOT / "csrc")
    assert arrows_back(graph, order_of("csrc")) == []
    assert knots(graph) == []
    assert python_outside_bindings(ROOT / "csrc") == []


@pytest.mark.parametrize("folder", ["pyinit", "csrc"])
def test_the_order_names_what_there_is_once(folder: str) -> None:
    entries = [entry for level in order_of(folder) for entry in level]
    assert sorted(entries) == sorted(set(entries))
    endings = ("", ".py", ".pyi", ".hpp", ".cpp")
    assert [
        name for name in entries if not any((ROOT / folder / f"{name}{end}").exists() for end in endings)
    ] == []


ORDER: Order = [["errors"], ["stream"], ["recipes", "reference"], ["lab"], ["__init__"], ["cli"]]
FILES = (
    "__init__.py",
    "errors.py",
    "stream/key.py",
    "stream/plan.py",
    "recipes/recipe.py",
    "reference/stream.py",
    "lab/probe/report.py",
    "lab/probe/view/table.py",
    "lab/train/history.py",
    "cli/init.py",
)


def faults(tmp_path: Path, lines: Iterable[tuple[str, str]]) -> list[str]:
    """Return what the checks say of a small package in which some files have a line."""
    package = tmp_path / "pyinit"
    for name in FILES:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    for name, line in lines:
        (package / name).write_text(line + "\n", encoding="utf-8")
    graph = python_imports(package)
    return [*arrows_back(graph, ORDER), *circles(graph), *outside_the_specification(graph)]


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("errors.py", "from .stream.key import Key"),
        ("stream/plan.py", "from pyinit.recipes.recipe import normal"),
        ("stream/plan.py", "def late():\n    from ..recipes import recipe"),
        ("stream/plan.py", "import pyinit.cli.init"),
        ("stream/key.py", "import pyinit"),
        ("stream/key.py", "import sys\nmodule = sys.modules.get('pyinit.lab.train.history')"),
        ("recipes/recipe.py", "from ..reference import stream"),
        ("reference/stream.py", "from ..stream.plan import Plan"),
        (
            "lab/probe/report.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ...cli import init",
        ),
    ],
)
def test_python_check_finds_an_arrow_back(tmp_path: Path, importer: str, line: str) -> None:
    assert len(faults(tmp_path, [(importer, line)])) == 1


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (
            ("stream/key.py", "from .plan import Plan"),
            ("stream/plan.py", "def late():\n    from .key import Key"),
        ),
        (
            ("lab/probe/report.py", "from .view.table import table"),
            ("lab/probe/view/table.py", "if TYPE_CHECKING:\n    from ..report import Report"),
        ),
        (
            ("lab/probe/report.py", "from ..train.history import History"),
            ("lab/train/history.py", "from ..probe.view.table import number"),
        ),
        (
            ("stream/key.py", "from .plan import Plan"),
            ("stream/plan.py", "import sys\nmodule = sys.modules['pyinit.stream.key']"),
        ),
    ],
    ids=["files", "type", "folders", "sys.modules"],
)
def test_python_check_finds_a_circle(tmp_path: Path, there: tuple[str, str], back: tuple[str, str]) -> None:
    assert faults(tmp_path, [there]) == []
    assert len(faults(tmp_path, [there, back])) == 1


def test_a_file_without_a_place_is_noticed() -> None:
    with pytest.raises(AssertionError, match="extra/file has no place in the order"):
        arrows_back({"extra/file": set()}, ORDER)


@pytest.mark.parametrize(
    ("includer", "line"),
    [
        ("rng/philox.hpp", '#include "fill/tile.hpp"'),
        ("rng/philox.hpp", '#include "../fill/tile.hpp"'),
        ("simd/avx2.hpp", '#include "rng/philox.hpp"'),
        ("fill/tile.hpp", '#include "loop.hpp"'),
        ("fill/loop.cpp", "#include <pybind11/pybind11.h>"),
    ],
)
def test_cpp_check_can_fail(tmp_path: Path, includer: str, line: str) -> None:
    for name in ("rng/philox.hpp", "fill/tile.hpp", "fill/loop.hpp", "simd/avx2.hpp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "fill" / "loop.hpp").write_text('#include "fill/tile.hpp"\n')
    with (tmp_path / includer).open("a") as file:
        file.write(line + "\n")
    graph = cpp_includes(tmp_path)
    wrong = [*arrows_back(graph, [["simd"], ["rng"], ["fill"]]), *python_outside_bindings(tmp_path)]
    assert len(wrong) + len(knots(graph)) == 1
