"""The modules of tools/gallery, which is no part of the package."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]


def package() -> ModuleType:
    """Return tools/gallery, under a name of its own."""
    name = "pyinit_gallery"
    if name not in sys.modules:
        folder = ROOT / "tools" / "gallery"
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def gallery(name: str) -> ModuleType:
    """Return a module of tools/gallery."""
    return import_module(f"{package().__name__}.{name}")
