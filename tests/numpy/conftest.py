"""The marks of NumPy's own tests."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "thread_unsafe: NumPy's, for a plugin that runs tests in threads")
