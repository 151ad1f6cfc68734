"""A pytest plugin: Keras' own tests of its initializers, as its wheel has them, meet pyinit's instead.

The tests ask `keras.src.initializers` for every class; there each name stands for pyinit's from here on. They
also import a helper of Keras' repository that the wheel lacks.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import keras
import pytest
from keras.src import initializers as theirs

from pyinit.keras import initializers as ours


def skip_if_backend(name: str, reason: str) -> Any:
    """Return a mark that skips a test on one backend."""
    return pytest.mark.skipif(keras.backend.backend() == name, reason=reason)


REPLACED = [name for name in ours.__all__ if hasattr(theirs, name)]
for _name in REPLACED:
    setattr(theirs, _name, getattr(ours, _name))

_conftest = ModuleType("conftest")
vars(_conftest)["skip_if_backend"] = skip_if_backend
sys.modules["conftest"] = _conftest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "multi_device: Keras', for tests that need several devices")


def pytest_report_header(config: pytest.Config) -> str:
    return f"pyinit stands in for {len(REPLACED)} names of keras.src.initializers"
