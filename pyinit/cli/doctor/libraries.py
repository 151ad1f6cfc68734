"""Which libraries are installed, and what each is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from ...versions import OLDEST, numbers, text
from .finding import FAILS, FINE, NOTE, Finding

__all__ = ["LIBRARIES", "Library", "libraries"]


@dataclass(frozen=True)
class Library:
    """A library that pyinit uses where it is there.

    Parameters
    ----------
    name : str
        Of its distribution.
    least : tuple of int
        The oldest version that pyinit works with; () where any does.
    use : str
        What it is for.
    extra : str
        The extra that installs it, or "".
    """

    name: str
    least: tuple[int, ...]
    use: str
    extra: str = ""

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install {repr(f'pyinit-nn[{self.extra}]') if self.extra else self.name}"


LIBRARIES = (
    Library("torch", OLDEST["torch"], "pyinit.torch", "torch"),
    Library("jax", OLDEST["jax"], "pyinit.jax", "jax"),
    Library("keras", OLDEST["keras"], "pyinit.keras", "keras"),
    Library("transformers", (), "pyinit init with any config.json"),
    Library("timm", (), "pyinit init timm:NAME"),
    Library("ml_dtypes", (0, 4), "bfloat16 and float8 arrays of NumPy", "bfloat16"),
    Library("matplotlib", (3, 7), "pictures", "plot"),
    Library("rich", (13,), "progress bars, tables in colour", "cli"),
    Library("shtab", (1, 6), "pyinit completion", "cli"),
    Library("starlette", (0, 37), "pyinit lab", "lab"),
    Library("uvicorn", (0, 35), "pyinit lab", "lab"),
    Library("websockets", (13,), "pyinit lab", "lab"),
    Library("anywidget", (0, 9, 13), "pi.lab() in a notebook", "notebook"),
    Library("dask", (2024, 8), "lazy arrays, pyinit init --engine dask", "dask"),
    Library("distributed", (2024, 8), "pyinit init --engine dask", "dask"),
    Library("ray", (2, 9), "pyinit init --engine ray", "ray"),
    Library("fsspec", (2025, 3), "pyinit init --out with a URL", "remote"),
    Library("s3fs", (2025, 3), "pyinit init --out s3://...", "remote"),
)


def libraries() -> Iterator[Finding]:
    """Yield what was found about each library."""
    for library in LIBRARIES:
        try:
            version = _version(library.name)
        except metadata.PackageNotFoundError:
            yield Finding(library.name, NOTE, f"not installed; for {library.use}", library.install)
            continue
        if version is None:
            found = f"installed without a version; for {library.use}"
            yield Finding(library.name, FAILS, found, f"{library.install} --force-reinstall")
        elif numbers(version) < library.least:
            found = f"{version}, where {library.use} needs {text(library.least)}"
            yield Finding(library.name, FAILS, found, f"{library.install} --upgrade")
        else:
            yield Finding(library.name, FINE, f"{version}; for {library.use}")


def _version(name: str) -> str | None:
    """Return a distribution's version; None if its metadata lacks it, as after a removal that was cut off."""
    try:
        about = metadata.metadata(name)
    except FileNotFoundError:
        # so says the backport importlib_metadata, whoever has imported it, and a newer Python
        return None
    if "Version" not in about:
        return None
    return about["Version"]
