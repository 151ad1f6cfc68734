"""Write pyinit/_core.pyi from the compiled module: pybind11-stubgen's output, with plain Python types.

Usage: python tools/stub.py [FILE], with pyinit, pybind11-stubgen and ruff installed.
pybind11 describes what it would convert (typing.SupportsInt | typing.SupportsIndex); callers pass an int.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUB = ROOT / "pyinit" / "_core.pyi"

_PLAIN = {
    "typing.SupportsInt | typing.SupportsIndex": "int",
    "typing.SupportsFloat | typing.SupportsIndex": "float",
    "numpy.ndarray": "numpy.typing.NDArray[typing.Any]",
    "tuple": "tuple[typing.Any, ...]",
    "dict": "dict[str, typing.Any]",
    # Nobody but the core reads what it holds.
    "typing_extensions.CapsuleType": "typing.Any",
}


class _PlainTypes(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Subscript):
            if ast.unparse(node.value) == "typing.Annotated" and isinstance(node.slice, ast.Tuple):
                return self.visit(node.slice.elts[0])
            # Only what stands in the brackets: tuple[...] already has its arguments.
            node.slice = self.visit(node.slice)  # type: ignore[assignment]
            return node
        plain = _PLAIN.get(ast.unparse(node)) if isinstance(node, ast.expr) else None
        return ast.parse(plain, mode="eval").body if plain else self.generic_visit(node)


def generated() -> str:
    """Return what pybind11-stubgen says of the installed module."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pybind11_stubgen", "pyinit._core", "--output-dir", scratch]
        # Away from the sources, so that the installed module is the one described.
        subprocess.run(command, check=True, capture_output=True, cwd=scratch)
        return (Path(scratch) / "pyinit" / "_core.pyi").read_text(encoding="utf-8")


def plain(source: str) -> str:
    """Return a stub with plain types and one-line docstrings; __all__ is dropped, the module is private."""
    tree = ast.parse(source)
    lines = [f'"""{inspect.cleandoc(ast.get_docstring(tree) or "")}"""', "", "import collections.abc"]
    lines += ["import typing", "", "import numpy.typing", ""]
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        doc = ast.get_docstring(function)
        arguments = _PlainTypes().visit(function.args)
        returns = _PlainTypes().visit(function.returns) if function.returns else ast.Constant(None)
        lines += [f"@{ast.unparse(decorator)}" for decorator in function.decorator_list]
        lines.append(f"def {function.name}({ast.unparse(arguments)}) -> {ast.unparse(returns)}:")
        lines.append(f'    """{inspect.cleandoc(doc)}"""' if doc else "    ...")
    return "\n".join(lines) + "\n"


def formatted(source: str) -> str:
    """Return the stub as ruff lays it out."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(STUB), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=source, cwd=ROOT).stdout


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else STUB
    target.write_text(formatted(plain(generated())), encoding="utf-8")
