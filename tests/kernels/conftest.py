"""Every test that takes `isa` runs on each instruction set of the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyinit import _core


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    previous = _core.use_isa(request.param)
    yield request.param
    _core.use_isa(previous)
